// The shard's third part: snapshots, so that a long stream is not replayed from its beginning.
//
// Taken between commands, not on their path. A snapshot may be taken of events that are still under way: it waits in
// the gate with the answers and is stored only once they are durable.
#include <nlohmann/json.hpp>
#include <utility>

#include "base/log.h"
#include "command/shard.h"

namespace thalo::command {
namespace {

// What is stored beside the module's own text, so that a rebuilt entity remembers its command ids too.
std::string pack(std::string_view state, const CommandIds& ids) {
  nlohmann::json remembered = nlohmann::json::array();
  ids.each(
      [&](const std::string& id, const EventRange& range) { remembered.push_back({id, range.first, range.count}); });
  return nlohmann::json{{"state", state}, {"command_ids", std::move(remembered)}}.dump(
      -1, ' ', false, nlohmann::json::error_handler_t::replace);
}

struct Unpacked {
  std::string state;
  CommandIds ids;
};

std::optional<Unpacked> unpack(const std::string& data) {
  const auto parsed = nlohmann::json::parse(data, nullptr, false);
  if (!parsed.is_object() || !parsed.contains("state") || !parsed["state"].is_string() ||
      !parsed.contains("command_ids"))
    return std::nullopt;
  Unpacked out{parsed["state"].get<std::string>(), {}};
  for (const auto& entry : parsed["command_ids"]) {
    if (!entry.is_array() || entry.size() != 3 || !entry[0].is_string() || !entry[1].is_number_unsigned() ||
        !entry[2].is_number_unsigned()) {
      return std::nullopt;
    }
    out.ids.restore(entry[0].get<std::string>(), {entry[1].get<model::Position>(), entry[2].get<std::uint32_t>()});
  }
  return out;
}

// Whether `module` can restore `snapshot`: taken by the same code, or both name the same shape.
bool fits(const store::Snapshot& snapshot, const wasm::Module& module) {
  const auto& format = module.snapshot_format();
  if (!format) return false;
  return snapshot.module_digest == module.digest() || (!format->empty() && snapshot.format == *format);
}

}  // namespace

// Waits in the gate in a caller's place: when it is answered, the events the snapshot was taken of are durable.
class Shard::SnapshotSaver final : public Caller {
 public:
  SnapshotSaver(base::BoundedQueue<Message>& inbox, SaveSnapshot save) : inbox_(inbox), save_(std::move(save)) {}
  bool gone() const override { return false; }
  void answer(base::Result<ExecuteOutcome> outcome) override {
    if (outcome) inbox_.push_unbounded(std::move(save_));
  }

 private:
  base::BoundedQueue<Message>& inbox_;
  SaveSnapshot save_;
};

void Shard::note_version(Entity& entity) {
  if (entity.snapshot_due || !entity.seat.slot().module()->snapshot_format()) return;
  const auto own = options_.snapshot_events_of.find(entity.stream().category());
  const std::uint64_t events = own != options_.snapshot_events_of.end() ? own->second : options_.snapshot_events;
  if (events == 0 || entity.version - entity.snapshot_version < events) return;
  if (std::chrono::steady_clock::now() - entity.snapshot_time < options_.snapshot_interval) return;
  entity.snapshot_due = true;
  snapshots_due_.push_back(entity.stream().shared());
}

void Shard::take_due_snapshot() {
  // One between two batches of commands.
  if (snapshots_due_.empty()) return;
  const base::SharedText stream = std::move(snapshots_due_.front());
  snapshots_due_.pop_front();
  Entity* entity = entities_.peek(stream);
  if (entity == nullptr) return;
  entity->snapshot_due = false;
  if (entity->state == EntityState::ready && !must_rebuild(*entity)) take_snapshot(*entity);
}

void Shard::take_snapshot(Entity& entity) {
  const wasm::Module& module = *entity.seat.slot().module();
  auto state = entity.seat.instance().snapshot(entity.seat.handle());
  entity.snapshot_time = std::chrono::steady_clock::now();
  if (!state) {
    entity.seat.slot().check();
    base::log::warn("snapshot failed; the entity goes on without",
                    {{"stream", entity.stream().text()}, {"reason", state.error().message}});
    if (!entity.seat.usable()) must_slow_down(entity, state.error());
    return;
  }
  entity.snapshot_version = entity.version;
  store::Snapshot snapshot{entity.version, module.digest(), module.snapshot_format().value_or(""),
                           pack(*state, entity.command_ids)};
  gate_.let_out({std::make_unique<SnapshotSaver>(inbox_, SaveSnapshot{entity.stream().shared(), std::move(snapshot)}),
                 model::Accepted{}, entity.flight, std::nullopt});
}

void Shard::take(const SaveSnapshot& save) {
  if (auto saved = store_.save_snapshot(save.stream, save.snapshot); !saved) {
    base::log::warn("snapshot not stored", {{"stream", std::string(save.stream)}, {"reason", saved.error().message}});
  }
}

bool Shard::restore_snapshot(Entity& entity) {
  const std::shared_ptr<const wasm::Module> module = entity.seat.slot().module();
  if (!module->snapshot_format()) return true;
  if (entity.preparation != nullptr && entity.preparation->careful_from != UINT64_MAX) return true;
  auto stored = store_.load_snapshot(entity.stream().view());
  // A snapshot is a cache: whatever is wrong with it, the events are replayed.
  if (!stored || !*stored) return true;
  const store::Snapshot& snapshot = **stored;
  auto version = store_.stream_version(entity.stream().view());
  if (!version || snapshot.version > *version || !fits(snapshot, *module)) return true;
  auto unpacked = unpack(snapshot.data);
  auto restored = unpacked ? entity.seat.instance().restore(entity.seat.handle(), unpacked->state)
                           : base::Result<>(base::fail(base::Code::data_loss, "the stored snapshot is damaged"));
  if (restored) {
    entity.version = entity.snapshot_version = snapshot.version;
    entity.command_ids = std::move(unpacked->ids);
    return true;
  }
  entity.seat.slot().check();
  if (must_slow_down(entity, restored.error())) {
    hand_over(entity);  // with the full limits it may well be restored
    return false;
  }
  base::log::warn("snapshot cannot be restored; replaying the events instead",
                  {{"stream", entity.stream().text()}, {"reason", restored.error().message}});
  if (auto deleted = store_.delete_snapshot(entity.stream().view()); !deleted) {
    base::log::warn("snapshot not deleted", {{"stream", entity.stream().text()}, {"reason", deleted.error().message}});
  }
  auto seat = instances_.seat(module, entity.stream(), entities_.size());
  if (!seat) {
    fail_loading(entity, seat.error());
    return false;
  }
  entity.seat = *std::move(seat);
  return true;
}

}  // namespace thalo::command
