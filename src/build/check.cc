#include "build/check.h"

#include <memory>
#include <optional>
#include <utility>
#include <variant>
#include <vector>

#include "build/tools.h"
#include "model/stream_name.h"
#include "wasm/wasmtime_engine.h"

namespace thalo::build {
namespace {

using base::Code;

using Commands = std::vector<SmokeCommand>;
using Events = std::vector<model::NewEvent>;

struct Answer {
  bool readable = true;
  wasm::HandleOutcome outcome;
  std::string told;  // for people
};

// What became of a new entity that was given all the commands.
struct Life {
  std::vector<Answer> answers;
  Events events;
  std::string after;  // what the entity is and says after the events, for people; empty: not looked at
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
    auto category = model::category_of_module(module.name());
    if (!category) return std::unexpected(category.error());
    auto instance = module.instantiate({});
    if (!instance) return misbehaves(instance.error().message);
    return Subject(*std::move(instance), *std::move(category), module.snapshot_format().has_value());
  }

  // Gives the commands to a new entity, which follows what it answers, and looks at it afterwards.
  base::Result<Life> live(const Commands& commands, std::string_view id = "1") {
    auto entity = create(id);
    if (!entity) return std::unexpected(entity.error());
    Life life;
    for (const SmokeCommand& command : commands) {
      auto answer = ask(*entity, command, life.events.size());
      if (!answer) return std::unexpected(answer.error());
      if (const auto* events = std::get_if<Events>(&answer->outcome)) {
        if (auto followed = follow(*entity, *events, life.events.size()); !followed)
          return std::unexpected(followed.error());
        life.events.insert(life.events.end(), events->begin(), events->end());
      }
      life.answers.push_back(*std::move(answer));
      if (!life.answers.back().readable) return life;
    }
    auto after = look_at(*entity, commands, life.events.size());
    if (!after) return std::unexpected(after.error());
    life.after = *std::move(after);
    return life;
  }

  // What a new entity is that has only been given these events, as after a restart.
  base::Result<std::string> rebuild(const Events& events, const Commands& commands) {
    auto entity = create("1");
    if (!entity) return std::unexpected(entity.error());
    if (auto followed = follow(*entity, events, 0); !followed) return std::unexpected(followed.error());
    return look_at(*entity, commands, events.size());
  }

 private:
  struct Entity {
    model::StreamName stream;
    wasm::EntityHandle handle;
  };

  Subject(std::unique_ptr<wasm::Instance> instance, std::string category, bool snapshots)
      : instance_(std::move(instance)), category_(std::move(category)), snapshots_(snapshots) {}

  base::Result<Entity> create(std::string_view id) {
    auto stream = model::StreamName::make(category_, id);
    if (!stream) return std::unexpected(stream.error());
    const auto handle = instance_->create(*stream);
    if (!handle) return misbehaves(handle.error().message);
    return Entity{*std::move(stream), *handle};
  }

  base::Result<wasm::HandleOutcome> handle(const Entity& entity, const SmokeCommand& command, std::uint64_t version) {
    return instance_->handle(entity.handle, {entity.stream, command.name, command.payload, "", "", "", ""}, version);
  }

  base::Result<Answer> ask(const Entity& entity, const SmokeCommand& command, std::uint64_t version) {
    auto outcome = handle(entity, command, version);
    if (instance_->broken()) return misbehaves("it traps: " + outcome.error().message);
    if (!outcome && outcome.error().code == Code::invalid_argument) return Answer{false, {}, outcome.error().message};
    if (!outcome) return misbehaves(outcome.error().message);
    std::string text = told(*outcome);
    return Answer{true, *std::move(outcome), std::move(text)};
  }

  base::Result<> follow(const Entity& entity, const Events& events, std::uint64_t version) {
    std::vector<model::EventView> views;
    for (const auto& event : events) {
      views.emplace_back();
      views.back().position = version + views.size() - 1;
      views.back().type = event.type;
      views.back().data = event.data;
    }
    if (auto applied = instance_->apply(entity.handle, views); !applied) return misbehaves(applied.error().message);
    return {};
  }

  // The snapshot, and what the same commands are answered now.
  base::Result<std::string> look_at(const Entity& entity, const Commands& commands, std::uint64_t version) {
    std::string seen;
    if (snapshots_) {
      const auto snapshot = instance_->snapshot(entity.handle);
      if (!snapshot) return misbehaves(snapshot.error().message);
      seen = "state " + *snapshot;
    }
    for (const SmokeCommand& command : commands) {
      const auto again = handle(entity, command, version);
      seen += (seen.empty() ? "" : ", ") + command.name + " again: " + (again ? told(*again) : again.error().message);
    }
    return seen;
  }

  std::unique_ptr<wasm::Instance> instance_;
  std::string category_;
  bool snapshots_;
};

constexpr std::uintmax_t compiled_bytes_max = std::uintmax_t{1} << 30;

constexpr std::string_view advice =
    "; look for global variables, clocks, random numbers and the order of hash maps: what time or chance decides "
    "belongs "
    "into an event, from the command's context";

// The first command that two entities answer differently; none when they answer alike.
std::optional<std::size_t> first_difference(const Life& one, const Life& other) {
  for (std::size_t i = 0; i < one.answers.size() && i < other.answers.size(); ++i) {
    if (one.answers[i].told != other.answers[i].told) return i;
  }
  return std::nullopt;
}

// Two fresh instances answer alike.
base::Result<Life> check_repetition(const wasm::Module& module, const Commands& commands) {
  auto one = Subject::make(module);
  if (!one) return std::unexpected(one.error());
  auto other = Subject::make(module);
  if (!other) return std::unexpected(other.error());
  auto life = one->live(commands);
  if (!life) return std::unexpected(life.error());
  const auto second = other->live(commands);
  if (!second) return std::unexpected(second.error());
  if (const auto at = first_difference(*life, *second)) {
    return misbehaves("two fresh instances answer " + commands[*at].name + " differently, one " +
                      life->answers[*at].told + ", the other " + second->answers[*at].told);
  }
  if (life->after != second->after)
    return misbehaves("after the same events two instances differ, one: " + life->after +
                      ", the other: " + second->after);
  return *std::move(life);
}

// In an instance that has served another entity everything is as in a fresh one.
base::Result<> check_independence(const wasm::Module& module, const Commands& commands, const Life& fresh) {
  auto subject = Subject::make(module);
  if (!subject) return std::unexpected(subject.error());
  if (auto neighbour = subject->live(commands, "neighbour"); !neighbour) return std::unexpected(neighbour.error());
  const auto used = subject->live(commands);
  if (!used) return std::unexpected(used.error());
  const auto at = first_difference(fresh, *used);
  if (at || fresh.after != used->after) {
    const auto says = [&](const Life& life) { return at ? life.answers[*at].told : life.after; };
    return misbehaves("what it does depends on what its instance has done for other entities: " +
                      commands[at.value_or(commands.size() - 1)].name + " gives " + says(fresh) +
                      " in a fresh instance, " + says(*used) + " in a used one" + std::string(advice));
  }
  return {};
}

// An entity that only knows its events is the one that answered the commands.
base::Result<> check_replay(const wasm::Module& module, const Commands& commands, const Life& lived) {
  if (lived.after.empty()) return {};
  auto subject = Subject::make(module);
  if (!subject) return std::unexpected(subject.error());
  const auto after = subject->rebuild(lived.events, commands);
  if (!after) return std::unexpected(after.error());
  if (*after != lived.after)
    return misbehaves("an entity that is rebuilt from its events is another than before: " + lived.after + " before, " +
                      *after + " rebuilt; only apply may change the state, not handle");
  return {};
}

base::Result<std::vector<CheckedCommand>> told_to_the_user(const Commands& commands, Life life) {
  std::vector<CheckedCommand> checked;
  for (std::size_t i = 0; i < life.answers.size(); ++i) {
    Answer& answer = life.answers[i];
    if (commands[i].name == SmokeCommand().name) {
      if (answer.readable) return misbehaves("it takes a command that it cannot know, with " + answer.told);
      checked.push_back({commands[i], false, {}, "refused as unknown"});
    } else if (!answer.readable) {
      return base::fail(Code::invalid_argument, answer.told);
    } else {
      checked.push_back({commands[i], true, std::move(answer.outcome), std::move(answer.told)});
    }
  }
  return checked;
}

}  // namespace

base::Result<std::vector<CheckedCommand>> check_behaviour(const std::string& module_name, std::string_view component,
                                                          const std::vector<SmokeCommand>& wanted,
                                                          const std::filesystem::path& compiled_folder) {
  const Commands commands = wanted.empty() ? Commands{{}} : wanted;
  // Another check may be using it: an entry is read whole, and one that is gone is compiled again.
  if (!compiled_folder.empty()) remove_when_larger(compiled_folder, compiled_bytes_max);
  const auto engine = wasm::make_wasmtime_engine({.cache_folder = compiled_folder});
  if (!engine) return std::unexpected(engine.error());
  const auto module = (*engine)->load(module_name, component);
  if (!module) return misbehaves("the runtime would not load it: " + module.error().message);
  auto life = check_repetition(**module, commands);
  if (!life) return std::unexpected(life.error());
  if (auto same = check_independence(**module, commands, *life); !same) return std::unexpected(same.error());
  if (auto same = check_replay(**module, commands, *life); !same) return std::unexpected(same.error());
  return told_to_the_user(commands, *std::move(life));
}

}  // namespace thalo::build
