#include "command/shard.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/prompt.h"
#include "command/metadata.h"

namespace thalo::command {
namespace {

using base::Code;
using base::Error;

std::size_t size_of(const Task& task) {
  std::size_t size_bytes =
      task.command.payload.size() + task.command.metadata.size() + task.command.stream.view().size();
  for (const model::NewEvent& event : task.events)
    size_bytes += event.type.size() + event.data.size() + event.metadata.size();
  return size_bytes;
}

// Why the command is not worth executing any more, if so.
std::optional<Error> given_up(const Task& task) {
  if (task.caller->gone())
    return Error{Code::cancelled, "the call was cancelled before its command was executed; nothing is stored"};
  constexpr auto never = std::chrono::steady_clock::time_point::max();
  if (task.command.deadline != never && std::chrono::steady_clock::now() >= task.command.deadline) {
    return Error{Code::deadline_exceeded, "the deadline passed before the command was executed; nothing is stored"};
  }
  return std::nullopt;
}

// What a dry run shows: the events as they would be stored, without their places in the whole store.
model::Accepted would_be_accepted(const Entity& entity, const model::Command& command,
                                  std::vector<model::NewEvent>& events) {
  model::Accepted out;
  out.version = entity.version + events.size();
  out.events.reserve(events.size());
  const std::string metadata = event_metadata(command);
  for (model::NewEvent& event : events) {
    out.events.push_back({0, entity.version + out.events.size(), command.time_ms, entity.stream().text(),
                          std::move(event.type), std::move(event.data), metadata});
  }
  return out;
}

Error wrong_version(const Entity& entity, model::ExpectedVersion expected) {
  return {Code::aborted, "stream " + entity.stream().text() + " has version " + std::to_string(entity.version) +
                             ", not the expected " + std::to_string(expected.version()) +
                             "; nothing is stored; read it again and retry"};
}

}  // namespace

Shard::Shard(const std::string& name, const ShardOptions& options, store::Store& store, const Catalog& catalog,
             SlowLane* slow_lane, AnswerRuns* runs)
    : options_(options),
      store_(store),
      catalog_(catalog),
      slow_lane_(slow_lane),
      inbox_("the command queue of " + name, options.queue_commands_max, options.queue_bytes_max,
             base::BoundedQueue<Message>::Counts::waiting_and_taken),
      gate_([this](const base::SharedText& stream) { inbox_.push_unbounded(Wake{stream}); },
            [this](Answer original) { inbox_.push_unbounded(std::move(original)); }, runs),
      pace_(options.queue_wait_max),
      instances_(options.limits, options.crowding),
      entities_(options.cached_entities_max),
      thread_([this, name] {
        pthread_setname_np(pthread_self(), name.c_str());
        if (slow_lane_ != nullptr) {
          base::run_promptly();
        } else {
          // On Linux a priority is the thread's own: guests that burn their limits yield to everyone else.
          ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10);
        }
        run();
      }) {}

Shard::~Shard() { stop(); }

base::Result<> Shard::describe(std::string stream, std::function<void(const EntityDescription&)> show) {
  return inbox_.push(Describe{std::move(stream), std::move(show)});
}

base::Result<> Shard::submit(Task& task) {
  const std::size_t size_bytes = size_of(task);
  // The slow lane takes over what has waited for a shard before.
  if (task.queued == decltype(task.queued)()) task.queued = std::chrono::steady_clock::now();
  Message message(std::move(task));
  auto queued = inbox_.offer(message, size_bytes);
  if (!queued) task = std::get<Task>(std::move(message));  // offer moves from it only on success
  return queued;
}

void Shard::stop() {
  inbox_.close();
  if (thread_.joinable()) thread_.join();
}

void Shard::on_appended(std::span<store::AppendOutcome> outcomes) { gate_.release(outcomes); }

void Shard::run() {
  constexpr std::size_t slice = 64;
  std::vector<Message> messages;
  while (next_messages(messages)) {
    // What the next commands need comes up from memory while those before them are executed.
    const auto task_at = [&](std::size_t index) {
      return index < messages.size() ? std::get_if<Task>(&messages[index]) : nullptr;
    };
    constexpr std::size_t apart = 2;
    constexpr std::size_t ahead = EntityCache::fetch_steps * apart;
    for (std::size_t turn = 0; turn < messages.size() + ahead; ++turn) {
      for (std::size_t step = 0; step < EntityCache::fetch_steps; ++step) {
        if (const Task* task = task_at(turn - step * apart)) entities_.fetch(task->stream_hash, step);
      }
      if (turn < ahead) continue;
      const std::size_t index = turn - ahead;
      in_hand_ = messages.size() - index;
      if (index % slice == slice - 1) {
        inbox_.still_in_hand(in_hand_);
        keep_pace(slice);
      }
      std::visit([this](auto& content) { take(std::move(content)); }, messages[index]);
    }
    const std::size_t rest = messages.size() % slice;
    messages.clear();
    load_some();
    take_due_snapshot();
    keep_pace(rest);
    cached_entities_.store(entities_.size(), std::memory_order_relaxed);
  }
}

// The commands before it were slower than the last ones had been when it came. Whoever sent it is told while that is of
// use.
std::optional<Error> Shard::waited_too_long(const Task& task) const {
  if (options_.queue_wait_max.count() <= 0 || in_hand_ <= Pace::always) return std::nullopt;
  const auto waited = std::chrono::steady_clock::now() - task.queued;
  if (waited <= options_.queue_wait_max * 3 / 2) return std::nullopt;
  const auto waited_ms = std::chrono::duration_cast<std::chrono::milliseconds>(waited).count();
  return Error{Code::resource_exhausted, inbox_.name() + " is slower than it was: the command has waited for " +
                                             std::to_string(waited_ms) +
                                             " ms and was not executed; nothing is stored; retry with backoff"};
}

void Shard::give_up(Task task, base::Error reason) {
  ++given_up_;
  task.caller->answer(std::unexpected(std::move(reason)));
}

void Shard::keep_pace(std::size_t handled) {
  const std::size_t done = handled - std::min(handled, std::exchange(given_up_, 0));
  if (const auto fit = pace_.done(done, std::chrono::steady_clock::now())) inbox_.fit(*fit);
}

bool Shard::next_messages(std::vector<Message>& messages) {
  if (!loading_.empty() || !snapshots_due_.empty()) {
    inbox_.take_all(messages);
    return true;
  }
  const bool more = inbox_.wait_all(messages);
  pace_.start(std::chrono::steady_clock::now());
  if (more) return true;
  // Stopping: what is under way may still wake entities that wait for it, with commands taken long ago.
  gate_.wait_below(1);
  return inbox_.take_all(messages) || settling_ > 0;
}

void Shard::take(Task task) {
  if (auto reason = given_up(task)) return give_up(std::move(task), *std::move(reason));
  if (auto reason = waited_too_long(task)) return give_up(std::move(task), *std::move(reason));
  const std::string_view stream = task.command.stream.view();
  // An append needs no state, so it is no use of the entity.
  Entity* entity = task.kind == TaskKind::append ? entities_.peek(stream, task.stream_hash)
                                                 : entities_.find(stream, task.stream_hash);
  if (entity == nullptr && slow_lane_ != nullptr && slow_lane_->has(task.command.stream.category()))
    return pass_to_slow_lane(std::move(task));
  if (task.kind == TaskKind::append && (entity == nullptr || entity->state == EntityState::ready)) {
    return append_directly(entity, std::move(task));
  }
  if (entity == nullptr) {
    entity = &entities_.add(task.command.stream, task.stream_hash);
    wait_for(*entity, std::move(task));
    return start_loading(*entity);
  }
  if (entity->state == EntityState::ready) return execute(*entity, std::move(task));
  const std::size_t waiting = entity->prepare().waiting.size();
  if (waiting >= options_.entity_queue_commands_max) {
    return task.caller->answer(base::fail(
        Code::resource_exhausted, "entity " + entity->stream().text() + " is being rebuilt from its events and " +
                                      std::to_string(waiting) + " commands wait for it; retry with backoff"));
  }
  if (waiting_bytes_ + weight_of(task) > options_.queue_bytes_max)
    return task.caller->answer(std::unexpected(no_room()));
  wait_for(*entity, std::move(task));
}

void Shard::take(Answer original) {
  const OriginalEvents& events = *original.original;
  model::Accepted accepted;
  accepted.repeated = true;
  accepted.version = events.first + events.count;
  auto read = store_.read_stream(
      {.stream = events.stream, .from = events.first, .direction = store::Direction::forwards, .limit = events.count},
      [&](const model::EventView& event) {
        accepted.events.push_back(model::Event::from(event));
        return true;
      });
  if (!read) return original.caller->answer(std::unexpected(read.error()));
  original.caller->answer(std::move(accepted));
}

void Shard::take(const Wake& wake) {
  Entity* entity = entities_.find(wake.stream);
  if (entity == nullptr || entity->state != EntityState::settling) return;
  --settling_;
  rebuild(*entity);
}

void Shard::take(const Describe& describe) {
  EntityDescription out;
  Entity* entity = entities_.find(describe.stream);
  if (entity == nullptr && slow_lane_ != nullptr && slow_lane_->has(model::category_of(describe.stream))) {
    if (slow_lane_->shard().describe(describe.stream, describe.show)) return;
  }
  if (entity != nullptr && entity->state == EntityState::ready && entity->seat.usable()) {
    out.cached = true;
    out.version = entity->version;
    out.instance = entity->seat.slot().number();
    out.instance_entities = entity->seat.instance().entities();
    out.instance_memory_bytes = entity->seat.instance().memory_bytes();
    out.module = entity->seat.slot().module()->name();
    out.module_digest = entity->seat.slot().module()->digest();
  }
  describe.show(out);
}

// One heavier than the whole bound may wait alone, as in the inbox.
std::size_t Shard::weight_of(const Task& task) const { return std::min(size_of(task), options_.queue_bytes_max); }

Error Shard::no_room() const {
  return {Code::resource_exhausted, inbox_.name() +
                                        " has no room for more commands that wait for entities to be "
                                        "rebuilt from their events (" +
                                        std::to_string(waiting_bytes_) + " bytes); retry with backoff"};
}

void Shard::wait_for(Entity& entity, Task task) {
  waiting_bytes_ += weight_of(task);
  entity.prepare().waiting.push_back(std::move(task));
}

std::vector<Task> Shard::take_waiting(Entity& entity) {
  if (entity.preparation == nullptr) return {};
  for (const Task& task : entity.preparation->waiting) waiting_bytes_ -= weight_of(task);
  return std::exchange(entity.preparation->waiting, {});
}

void Shard::refuse_waiting(Entity& entity, const Error& error) {
  for (Task& task : take_waiting(entity)) task.caller->answer(std::unexpected(error));
}

bool Shard::is_abandoned(const Entity& entity) const {
  return entity.preparation == nullptr ||
         std::ranges::all_of(entity.preparation->waiting, [](const Task& task) { return given_up(task).has_value(); });
}

bool Shard::must_slow_down(const Entity& entity, const base::Error& error) {
  if (slow_lane_ == nullptr || error.code != Code::resource_exhausted) return false;
  const std::string category(entity.stream().category());
  if (slow_lane_->move_here(category)) {
    base::log::warn("aggregate moved to the slow lane: a call exceeded a limit or the budget of the fast lane",
                    {{"aggregate", category}, {"stream", entity.stream().text()}, {"reason", error.message}});
  }
  return true;
}

void Shard::pass_to_slow_lane(Task task) {
  if (auto queued = slow_lane_->shard().submit(task); !queued)
    task.caller->answer(std::unexpected(std::move(queued.error())));
}

void Shard::hand_over(Entity& entity) {
  std::vector<Task> waiting = take_waiting(entity);
  const base::SharedText stream = entity.stream().shared();
  entities_.remove(stream);
  for (Task& task : waiting) pass_to_slow_lane(std::move(task));
}

bool Shard::must_rebuild(const Entity& entity) {
  if (!entity.seat.usable() || entity.is_ahead_of_its_stream() || is_slow(entity)) return true;
  const auto* module = current_module(entity.stream().category());
  if (module != nullptr && *module != entity.seat.slot().module()) return true;
  // A worn-out instance is left when others live in it too: alone, an entity as large as that would gain nothing.
  return entity.seat.slot().worn_out() && entity.seat.instance().entities() > 1 && !entity.has_appends_under_way();
}

void Shard::execute(Entity& entity, Task task) {
  if (must_rebuild(entity)) {
    wait_for(entity, std::move(task));
    return rebuild(entity);
  }
  const model::Command& command = task.command;
  if (!command.id.empty() && task.kind == TaskKind::execute) {
    if (const auto original = entity.command_ids.find(command.id)) {
      return gate_.let_out({std::move(task.caller), model::Accepted{}, entity.flight,
                            OriginalEvents{entity.stream().shared(), original->first, original->count}});
    }
  }
  if (!command.expected_version.accepts(entity.version)) {
    return answer(entity, task, std::unexpected(wrong_version(entity, command.expected_version)));
  }
  auto handled = entity.seat.instance().handle(entity.seat.handle(), command, entity.version);
  if (!handled) {
    entity.seat.slot().check();
    if (!entity.seat.usable() && must_slow_down(entity, handled.error())) return execute(entity, std::move(task));
    return answer(entity, task, std::unexpected(std::move(handled.error())));
  }
  if (auto* rejection = std::get_if<model::Rejection>(&*handled)) return answer(entity, task, std::move(*rejection));
  auto& events = std::get<std::vector<model::NewEvent>>(*handled);
  if (events.empty()) return answer(entity, task, model::Accepted{{}, entity.version, false});
  if (task.kind == TaskKind::dry_run) return answer(entity, task, would_be_accepted(entity, command, events));
  append(entity, std::move(task), std::move(events));
}

void Shard::append(Entity& entity, Task task, std::vector<model::NewEvent> events) {
  // The last moment at which the command can be given up: from here on its events are on their way.
  if (auto reason = given_up(task)) return answer(entity, task, std::unexpected(*std::move(reason)));

  const std::string metadata = event_metadata(task.command);
  model::Accepted accepted;
  accepted.version = entity.version + events.size();
  accepted.events.reserve(events.size());
  for (model::NewEvent& event : events) {
    event.metadata = metadata;
    accepted.events.push_back({0, entity.version + accepted.events.size(), task.command.time_ms, entity.stream().text(),
                               event.type, event.data, metadata});
    views_.push_back(accepted.events.back().view());
  }
  // Applied before they are handed to the store, so that no event is ever stored that its own module cannot apply.
  auto applied = entity.seat.instance().apply(entity.seat.handle(), views_);
  views_.clear();
  if (!applied) {
    entity.seat.slot().check();
    entity.seat = Seat();
    if (must_slow_down(entity, applied.error())) return execute(entity, std::move(task));
    base::Error& error = applied.error();
    error.message = "aggregate " + std::string(entity.stream().category()) + " cannot apply the events of its own " +
                    task.command.name + "; nothing is stored: " + error.message;
    return answer(entity, task, std::unexpected(std::move(error)));
  }
  const std::size_t count = events.size();
  auto queued = hand_to_store(entity.flight, model::ExpectedVersion::exact(entity.version), task, std::move(events),
                              std::move(accepted));
  if (!queued) {
    entity.seat = Seat();  // it has applied what is not stored
    return answer(entity, task, std::unexpected(queued.error()));
  }
  if (!task.command.id.empty()) {
    for (std::size_t i = 0; i < count; ++i) entity.command_ids.note(task.command.id, entity.version + i);
  }
  entity.version += count;
  note_version(entity);
  gate_.wait_below(options_.appends_under_way_max);
}

void Shard::append_directly(Entity* entity, Task task) {
  if (auto reason = given_up(task)) return task.caller->answer(std::unexpected(*std::move(reason)));
  const model::StreamName stream = task.command.stream;
  // A stream that an aggregate owns gets an entity even when none is in memory: it keeps the next command from being
  // executed on the events before.
  if (entity == nullptr && current_module(stream.category()) != nullptr) {
    entity = &entities_.add_placeholder(stream, task.stream_hash);
    entity->state = EntityState::ready;
  }
  std::shared_ptr<Flight> flight = entity != nullptr ? entity->flight : nullptr;
  if (flight == nullptr) flight = std::make_shared<Flight>(stream);
  if (entity != nullptr) {
    entity->flight = flight;
    entity->seat = Seat();  // it has not applied these; the next command rebuilds it once they are durable
  }
  model::Accepted accepted;
  accepted.events.emplace_back();  // filled with the places of the first event
  const auto expected = task.command.expected_version;
  std::vector<model::NewEvent> events = std::move(task.events);
  if (auto queued = hand_to_store(flight, expected, task, std::move(events), std::move(accepted)); !queued) {
    return task.caller->answer(std::unexpected(queued.error()));
  }
  gate_.wait_below(options_.appends_under_way_max);
}

base::Result<> Shard::hand_to_store(const std::shared_ptr<Flight>& flight, model::ExpectedVersion expected, Task& task,
                                    std::vector<model::NewEvent> events, model::Accepted accepted) {
  gate_.hold_for_append({std::move(task.caller), std::move(accepted), flight, std::nullopt});
  // One append of this incarnation that fails takes those decided on top of it along.
  auto queued =
      store_.append({flight->stream.shared(), expected, std::move(events), task.command.time_ms, 0,
                     task.kind == TaskKind::append ? nullptr : std::shared_ptr<store::Chain>(flight, &flight->chain)},
                    *this);
  if (!queued) task.caller = gate_.take_back().caller;
  return queued;
}

void Shard::answer(Entity& entity, Task& task, base::Result<ExecuteOutcome> outcome) {
  gate_.let_out({std::move(task.caller), std::move(outcome), entity.flight, std::nullopt});
}

const std::shared_ptr<const wasm::Module>* Shard::current_module(std::string_view category) {
  if (const auto generation = catalog_.generation(); generation != modules_generation_) {
    modules_ = catalog_.modules();
    modules_generation_ = generation;
  }
  const auto found = modules_->find(category);
  return found == modules_->end() ? nullptr : &found->second;
}

}  // namespace thalo::command
