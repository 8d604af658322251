#include "build/check.h"

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "build/tools.h"
#include "wasm/wasmtime_engine.h"

namespace thalo::build {
namespace {

using base::Code;

using Events = std::vector<model::NewEvent>;

struct Answer {
  std::string told;   // for people
  std::string after;  // what the entity is and says after the events, for people
  Events events;
  bool readable = true;
};

std::unexpected<base::Error> misbehaves(const std::string& what) {
  return base::fail(Code::failed_precondition, "the check fails: " + what);
}

std::string told(const wasm::HandleOutcome& outcome) {
  if (const auto* rejection = std::get_if<model::Rejection>(&outcome)) return "rejected " + rejection->error;
  std::string text;
  for (const auto& event : std::get<Events>(outcome))
    text += (text.empty() ? "" : ", ") + event.type + " " + event.data;
  return text.empty() ? "no events" : text;
}

// One instance, fresh at first.
class Subject {
 public:
  static base::Result<Subject> make(const wasm::Module& module) {
    auto instance = module.instantiate({});
    if (!instance) return misbehaves(instance.error().message);
    return Subject(*std::move(instance), module.snapshot_format().has_value());
  }

  // Gives the command to a new entity, which follows what it answers, and looks at it afterwards.
  base::Result<Answer> ask(const SmokeCommand& command, std::string_view id = "1") {
    auto entity = create(id);
    if (!entity) return std::unexpected(entity.error());
    const auto outcome = handle(*entity, command, 0);
    if (instance_->broken()) return misbehaves("it traps: " + outcome.error().message);
    if (!outcome && outcome.error().code == Code::invalid_argument)
      return Answer{outcome.error().message, "", {}, false};
    if (!outcome) return misbehaves(outcome.error().message);
    Answer answer{told(*outcome), "", {}};
    if (const auto* events = std::get_if<Events>(&*outcome)) answer.events = *events;
    if (answer.events.empty()) return answer;
    auto after = follow(*entity, answer.events, command);
    if (!after) return std::unexpected(after.error());
    answer.after = *std::move(after);
    return answer;
  }

  // What a new entity is that has only been given these events, as after a restart.
  base::Result<std::string> rebuild(const Events& events, const SmokeCommand& command) {
    auto entity = create("1");
    if (!entity) return std::unexpected(entity.error());
    return follow(*entity, events, command);
  }

 private:
  struct Entity {
    model::StreamName stream;
    wasm::EntityHandle handle;
  };

  Subject(std::unique_ptr<wasm::Instance> instance, bool snapshots)
      : instance_(std::move(instance)), snapshots_(snapshots) {}

  base::Result<Entity> create(std::string_view id) {
    auto stream = model::StreamName::make("check", id);
    if (!stream) return std::unexpected(stream.error());
    const auto handle = instance_->create(*stream);
    if (!handle) return misbehaves(handle.error().message);
    return Entity{*std::move(stream), *handle};
  }

  base::Result<wasm::HandleOutcome> handle(const Entity& entity, const SmokeCommand& command, std::uint64_t version) {
    return instance_->handle(entity.handle, {entity.stream, command.name, command.payload, "", "", "", ""}, version);
  }

  // Applies the events; the snapshot and what the same command is answered then.
  base::Result<std::string> follow(const Entity& entity, const Events& events, const SmokeCommand& command) {
    std::vector<model::EventView> views;
    for (const auto& event : events) {
      views.emplace_back();
      views.back().position = views.size() - 1;
      views.back().type = event.type;
      views.back().data = event.data;
    }
    if (auto applied = instance_->apply(entity.handle, views); !applied) return misbehaves(applied.error().message);
    std::string after;
    if (snapshots_) {
      const auto snapshot = instance_->snapshot(entity.handle);
      if (!snapshot) return misbehaves(snapshot.error().message);
      after = "state " + *snapshot + ", ";
    }
    const auto again = handle(entity, command, events.size());
    return after + command.name + " again: " + (again ? told(*again) : again.error().message);
  }

  std::unique_ptr<wasm::Instance> instance_;
  bool snapshots_;
};

constexpr std::uintmax_t compiled_bytes_max = std::uintmax_t{1} << 30;

constexpr std::string_view advice =
    "; look for global variables, clocks, random numbers and the order of hash maps: what time or chance decides "
    "belongs "
    "into an event, from the command's context";

// In an instance that has served another entity everything is as in a fresh one.
base::Result<> check_independence(const wasm::Module& module, const SmokeCommand& command, const Answer& fresh) {
  auto subject = Subject::make(module);
  if (!subject) return std::unexpected(subject.error());
  if (auto neighbour = subject->ask(command, "neighbour"); !neighbour) return std::unexpected(neighbour.error());
  const auto answer = subject->ask(command);
  if (!answer) return std::unexpected(answer.error());
  if (answer->told != fresh.told || answer->after != fresh.after) {
    const bool at_once = answer->told != fresh.told;
    return misbehaves("what it does depends on what its instance has done for other entities: " + command.name +
                      " gives " + (at_once ? fresh.told : fresh.after) + " in a fresh instance, " +
                      (at_once ? answer->told : answer->after) + " in a used one" + std::string(advice));
  }
  return {};
}

// An entity that only knows its events is the one that answered the command.
base::Result<> check_replay(const wasm::Module& module, const SmokeCommand& command, const Answer& lived) {
  if (lived.events.empty()) return {};
  auto subject = Subject::make(module);
  if (!subject) return std::unexpected(subject.error());
  const auto after = subject->rebuild(lived.events, command);
  if (!after) return std::unexpected(after.error());
  if (*after != lived.after)
    return misbehaves("an entity that is rebuilt from its events is another than before: " + lived.after + " before, " +
                      *after + " rebuilt; only apply may change the state, not handle");
  return {};
}

}  // namespace

base::Result<std::string> check_behaviour(std::string_view component, const SmokeCommand& command,
                                          const std::filesystem::path& compiled_folder) {
  // Another check may be using it: an entry is read whole, and one that is gone is compiled again.
  if (!compiled_folder.empty()) remove_when_larger(compiled_folder, compiled_bytes_max);
  const auto engine = wasm::make_wasmtime_engine({.cache_folder = compiled_folder});
  if (!engine) return std::unexpected(engine.error());
  const auto module = (*engine)->load("check", component);
  if (!module) return misbehaves("the runtime would not load it: " + module.error().message);
  auto one = Subject::make(**module);
  if (!one) return std::unexpected(one.error());
  auto other = Subject::make(**module);
  if (!other) return std::unexpected(other.error());

  const auto answer = one->ask(command);
  if (!answer) return std::unexpected(answer.error());
  const auto second = other->ask(command);
  if (!second) return std::unexpected(second.error());
  if (answer->told != second->told) {
    return misbehaves("two fresh instances answer " + command.name + " differently, one " + answer->told +
                      ", the other " + second->told);
  }
  if (answer->after != second->after)
    return misbehaves("after the same events two instances differ, one: " + answer->after +
                      ", the other: " + second->after);
  if (auto same = check_independence(**module, command, *answer); !same) return std::unexpected(same.error());
  if (auto same = check_replay(**module, command, *answer); !same) return std::unexpected(same.error());
  if (command.name == SmokeCommand().name) {
    if (answer->readable) return misbehaves("it takes a command that it cannot know, with " + answer->told);
    return "refused as unknown";
  }
  if (!answer->readable) return base::fail(Code::invalid_argument, answer->told);
  return answer->told;
}

}  // namespace thalo::build
