#include "wasm/wasmtime_instance.h"

#include <algorithm>
#include <optional>
#include <type_traits>
#include <utility>

#include "base/clear_buffer.h"
#include "base/counted.h"
#include "base/json.h"

namespace thalo::wasm {
namespace {

using base::Code;
using base::fail;

// Wasmtime gives a store 100,000 handles; an instance retires long before, and also gives back what its guest leaks
// with every entity.
constexpr std::uint64_t creations_max = 50'000;
constexpr std::uint32_t slot_bits = 20;
constexpr std::uint32_t generation_mask = (1u << (32 - slot_bits)) - 1;
// Argument buffers larger than this are not kept.
constexpr std::size_t events_kept_max = 4096;

base::Result<> check_utf8(std::string_view what, std::string_view text) {
  if (base::is_utf8(text)) return {};
  return fail(Code::invalid_argument, std::string(what) + " is not valid UTF-8");
}

thalo_borrowed_text_t borrow_text(std::string_view text) { return {text.data(), text.size()}; }

// The texts of a command, in the order of the WIT. Every one must be checked: nothing does it after us.
base::Result<thalo_guest_command_t> texts_of(const model::Command& command, std::uint64_t version) {
  if (auto ok = check_utf8("command name", command.name); !ok) return std::unexpected(ok.error());
  if (auto ok = check_utf8("payload", command.payload); !ok) return std::unexpected(ok.error());
  if (auto ok = check_utf8("command id", command.id); !ok) return std::unexpected(ok.error());
  if (auto ok = check_utf8("correlation id", command.correlation_id); !ok) return std::unexpected(ok.error());
  if (auto ok = check_utf8("causation id", command.causation_id); !ok) return std::unexpected(ok.error());
  if (auto ok = check_utf8("metadata", command.metadata); !ok) return std::unexpected(ok.error());
  return thalo_guest_command_t{.command = borrow_text(command.name),
                               .payload = borrow_text(command.payload),
                               .command_id = borrow_text(command.id),
                               .time_ms = static_cast<std::uint64_t>(command.time_ms < 0 ? 0 : command.time_ms),
                               .version = version,
                               .correlation_id = borrow_text(command.correlation_id),
                               .causation_id = borrow_text(command.causation_id),
                               .metadata = borrow_text(command.metadata)};
}

// Reads an answer while the guest store holds it; what it amounts to outlives the call.
template <class Read>
struct Reader {
  using Outcome = std::invoke_result_t<Read, const thalo_guest_answer_t&>;
  explicit Reader(Read how) : read(std::move(how)) {}
  static void call(void* reader, const thalo_guest_answer_t* answer) noexcept {
    auto& self = *static_cast<Reader*>(reader);
    self.outcome.emplace(self.read(*answer));
  }
  Read read;
  std::optional<Outcome> outcome;  // once it was called
};

}  // namespace

base::Result<std::unique_ptr<WasmtimeInstance>> WasmtimeInstance::make(std::shared_ptr<const LoadedComponent> component,
                                                                       const Limits& limits) {
  auto store = GuestStore::make(std::move(component), limits);
  if (!store) return std::unexpected(store.error());
  std::unique_ptr<WasmtimeInstance> instance(new WasmtimeInstance(std::move(*store)));
  if (auto ok = instance->find_functions(); !ok) return std::unexpected(ok.error());
  return instance;
}

WasmtimeInstance::WasmtimeInstance(std::unique_ptr<GuestStore> store)
    : store_(std::move(store)),
      retire_bytes_(store_->memory_bytes() +
                    std::min(store_->limits().memory_retire_bytes,
                             (store_->limits().memory_per_instance_bytes - store_->memory_bytes()) / 2)) {}

base::Result<> WasmtimeInstance::find_functions() {
  const ContractFunctions& indices = store_->component().functions;
  const auto find = [this](GuestStore::Function& function, const ExportIndexHandle& index,
                           std::string_view name) -> base::Result<> {
    auto found = store_->find(index, name);
    if (!found) return std::unexpected(found.error());
    function = *found;
    return {};
  };
  if (auto ok = find(functions_.constructor, indices.constructor, "constructor"); !ok) return ok;
  auto guest = store_->find_entity_functions();
  if (!guest) return std::unexpected(guest.error());
  guest_ = *std::move(guest);
  if (store_->component().contract.world == World::v0_8) return {};
  if (auto ok = find(functions_.snapshot, indices.snapshot, "snapshot"); !ok) return ok;
  return find(functions_.restore, indices.restore, "restore");
}

base::Result<EntityHandle> WasmtimeInstance::create(const model::StreamName& stream) {
  if (store_->lost()) return store_->lost_error();
  if (worn_out()) {
    return fail(Code::resource_exhausted,
                "module '" + store_->component().name + "': the instance is worn out; new entities go to another one");
  }
  if (alive_ >= store_->limits().entities_per_instance) {
    return fail(Code::resource_exhausted, "module '" + store_->component().name + "': the instance has " +
                                              base::counted(alive_, "entity", "entities") + ", the most it may have");
  }
  const RawValue id = string_argument(stream.id());
  Value result;
  const GuestStore::Call about{.function = "constructor", .stream = stream.view()};
  if (auto ok = store_->call(functions_.constructor, {&id, 1}, {result.get(), 1}, about); !ok)
    return std::unexpected(ok.error());
  if (result.raw().kind != WASMTIME_COMPONENT_RESOURCE) {
    return store_->lose({Code::failed_precondition,
                         "module '" + store_->component().name + "': its constructor did not answer with an entity"});
  }
  ++created_;
  return put(ResourceHandle(wasmtime_component_resource_any_clone(result.raw().of.resource)), stream.shared());
}

EntityHandle WasmtimeInstance::put(ResourceHandle resource, const base::SharedText& stream) {
  std::uint32_t index = 0;
  if (free_slots_.empty()) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_slots_.back();
    free_slots_.pop_back();
  }
  Slot& slot = slots_[index];
  slot.resource = std::move(resource);
  slot.stream = stream;
  ++alive_;
  return EntityHandle{(slot.generation << slot_bits) | index};
}

base::Result<WasmtimeInstance::Slot*> WasmtimeInstance::find(EntityHandle entity) {
  if (store_->lost()) return store_->lost_error();
  const std::uint32_t index = entity.value & ((1u << slot_bits) - 1);
  if (index >= slots_.size() || slots_[index].resource == nullptr ||
      slots_[index].generation != entity.value >> slot_bits) {
    return fail(Code::internal, "module '" + store_->component().name + "': the entity handle " +
                                    std::to_string(entity.value) + " is of no entity of this instance");
  }
  return &slots_[index];
}

void WasmtimeInstance::fetch(EntityHandle entity, std::size_t step) const {
  const std::uint32_t index = entity.value & ((1u << slot_bits) - 1);
  if (index >= slots_.size()) return;
  const Slot& slot = slots_[index];
  if (step == 0) return __builtin_prefetch(&slot);
  __builtin_prefetch(slot.resource.get());
}

void WasmtimeInstance::drop(EntityHandle entity) {
  auto slot = find(entity);
  if (!slot) return;
  const ResourceHandle resource = std::move((*slot)->resource);
  (*slot)->generation = ((*slot)->generation + 1) & generation_mask;
  free_slots_.push_back(entity.value & ((1u << slot_bits) - 1));
  --alive_;
  const base::SharedText stream = std::move((*slot)->stream);
  // A failing destructor loses the store, which broken() tells; the entity is gone either way.
  if (auto ok = store_->drop(*resource, stream); !ok) base::log::warn(ok.error().message);
}

bool WasmtimeInstance::worn_out() const { return created_ >= creations_max || store_->memory_bytes() > retire_bytes_; }

std::unexpected<base::Error> WasmtimeInstance::give_up(BadAnswer bad) {
  if (bad.breaks_instance) return store_->lose(std::move(bad.error));
  return std::unexpected(std::move(bad.error));
}

base::Result<> WasmtimeInstance::apply(EntityHandle entity, std::span<const model::EventView> events) {
  auto slot = find(entity);
  if (!slot) return std::unexpected(slot.error());
  if (events.empty()) return {};
  for (const auto& event : events) {
    if (check_utf8("", event.type) && check_utf8("", event.data)) continue;
    return fail(Code::data_loss, "the event at position " + std::to_string(event.position) + " of " +
                                     std::string((*slot)->stream) + " is not valid UTF-8");
  }
  event_texts_.clear();
  for (const auto& event : events) event_texts_.push_back({borrow_text(event.type), borrow_text(event.data)});
  const GuestStore::Call about{.function = "apply", .stream = (*slot)->stream, .version = events.front().position};
  Reader reader(
      [&](const thalo_guest_answer_t& answer) { return read_apply_answer(answer, store_->name_of(about), events); });
  const auto called = store_->run(about, [&](wasmtime_context_t* context) {
    return thalo_guest_apply(guest_.get(), context, (*slot)->resource.get(), event_texts_.data(), event_texts_.size(),
                             reader.call, &reader);
  });
  base::clear_buffer(event_texts_, events_kept_max * sizeof(event_texts_[0]));
  if (!called) return called;
  if (!*reader.outcome) return give_up(std::move(reader.outcome->error()));
  return {};
}

base::Result<HandleOutcome> WasmtimeInstance::handle(EntityHandle entity, const model::Command& command,
                                                     std::uint64_t version) {
  auto slot = find(entity);
  if (!slot) return std::unexpected(slot.error());
  const auto texts = texts_of(command, version);
  if (!texts) return std::unexpected(texts.error());
  const GuestStore::Call about{
      .function = "handle", .stream = (*slot)->stream, .version = version, .time_ms = command.time_ms};
  Reader reader([&](const thalo_guest_answer_t& answer) {
    return read_handle_answer(answer, store_->limits(), store_->name_of(about), command.name);
  });
  const auto called = store_->run(about, [&](wasmtime_context_t* context) {
    return thalo_guest_handle(guest_.get(), context, (*slot)->resource.get(), &*texts, reader.call, &reader);
  });
  if (!called) return std::unexpected(called.error());
  if (!*reader.outcome) return give_up(std::move(reader.outcome->error()));
  return *std::move(*reader.outcome);
}

base::Result<> WasmtimeInstance::snapshots_offered() const {
  if (store_->component().snapshot_format) return {};
  return fail(Code::unimplemented, "module '" + store_->component().name + "' offers no snapshots");
}

base::Result<std::string> WasmtimeInstance::snapshot(EntityHandle entity) {
  auto slot = find(entity);
  if (!slot) return std::unexpected(slot.error());
  if (auto ok = snapshots_offered(); !ok) return std::unexpected(ok.error());
  const RawValue self = resource_argument((*slot)->resource.get());
  Value result;
  const GuestStore::Call about{.function = "snapshot", .stream = (*slot)->stream};
  if (auto ok = store_->call(functions_.snapshot, {&self, 1}, {result.get(), 1}, about); !ok)
    return std::unexpected(ok.error());
  auto answer = read_snapshot_answer(result.raw(), store_->name_of(about));
  if (!answer) return give_up(std::move(answer.error()));
  return std::move(*answer);
}

base::Result<> WasmtimeInstance::restore(EntityHandle entity, std::string_view snapshot) {
  auto slot = find(entity);
  if (!slot) return std::unexpected(slot.error());
  if (auto ok = snapshots_offered(); !ok) return ok;
  if (!check_utf8("", snapshot))
    return fail(Code::data_loss, "the snapshot of " + std::string((*slot)->stream) + " is not valid UTF-8");
  const RawValue arguments[] = {resource_argument((*slot)->resource.get()), string_argument(snapshot)};
  Value result;
  const GuestStore::Call about{.function = "restore", .stream = (*slot)->stream};
  if (auto ok = store_->call(functions_.restore, arguments, {result.get(), 1}, about); !ok) return ok;
  auto answer = read_restore_answer(result.raw(), store_->name_of(about));
  if (!answer) return give_up(std::move(answer.error()));
  return {};
}

}  // namespace thalo::wasm
