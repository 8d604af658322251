#include "build/check.h"

#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "wasm/wasmtime_engine.h"

namespace thalo::build {
namespace {

using base::Code;

struct Answer {
  std::string told;   // for people
  std::string after;  // what the entity says and is after the events
  bool readable = true;
};

std::unexpected<base::Error> misbehaves(const std::string& what) {
  return base::fail(Code::failed_precondition, "the check fails: " + what);
}

std::string told(const wasm::HandleOutcome& outcome) {
  if (const auto* rejection = std::get_if<model::Rejection>(&outcome)) return "rejected " + rejection->error;
  std::string text;
  for (const auto& event : std::get<std::vector<model::NewEvent>>(outcome))
    text += (text.empty() ? "" : ", ") + event.type + " " + event.data;
  return text.empty() ? "no events" : text;
}

// One fresh instance and one entity in it.
class Subject {
 public:
  static base::Result<Subject> make(const wasm::Module& module) {
    auto stream = model::StreamName::make("check", "1");
    if (!stream) return std::unexpected(stream.error());
    auto instance = module.instantiate({});
    if (!instance) return misbehaves(instance.error().message);
    const auto entity = (*instance)->create(*stream);
    if (!entity) return misbehaves(entity.error().message);
    return Subject(*std::move(stream), *std::move(instance), *entity, module.snapshot_format().has_value());
  }

  base::Result<Answer> ask(const SmokeCommand& command) {
    const auto outcome = handle(command, 0);
    if (instance_->broken()) return misbehaves("it traps: " + outcome.error().message);
    if (!outcome && outcome.error().code == Code::invalid_argument) return Answer{outcome.error().message, "", false};
    if (!outcome) return misbehaves(outcome.error().message);
    Answer answer{told(*outcome), ""};
    const auto* events = std::get_if<std::vector<model::NewEvent>>(&*outcome);
    if (events == nullptr || events->empty()) return answer;
    if (auto applied = apply(*events); !applied) return misbehaves(applied.error().message);
    if (snapshots_) {
      const auto snapshot = instance_->snapshot(entity_);
      if (!snapshot) return misbehaves(snapshot.error().message);
      answer.after = *snapshot;
    }
    const auto again = handle(command, events->size());
    answer.after += again ? told(*again) : again.error().message;
    return answer;
  }

 private:
  Subject(model::StreamName stream, std::unique_ptr<wasm::Instance> instance, wasm::EntityHandle entity, bool snapshots)
      : stream_(std::move(stream)), instance_(std::move(instance)), entity_(entity), snapshots_(snapshots) {}

  base::Result<wasm::HandleOutcome> handle(const SmokeCommand& command, std::uint64_t version) {
    return instance_->handle(entity_, {stream_, command.name, command.payload, "", "", "", ""}, version);
  }
  base::Result<> apply(const std::vector<model::NewEvent>& events) {
    std::vector<model::EventView> views;
    for (const auto& event : events) {
      views.emplace_back();
      views.back().position = views.size() - 1;
      views.back().type = event.type;
      views.back().data = event.data;
    }
    return instance_->apply(entity_, views);
  }

  model::StreamName stream_;
  std::unique_ptr<wasm::Instance> instance_;
  wasm::EntityHandle entity_;
  bool snapshots_;
};

}  // namespace

base::Result<std::string> check_behaviour(std::string_view component, const SmokeCommand& command) {
  const auto engine = wasm::make_wasmtime_engine({});
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
  if (command.name == SmokeCommand().name) {
    if (answer->readable) return misbehaves("it takes a command that it cannot know, with " + answer->told);
    return "refused as unknown";
  }
  if (!answer->readable) return base::fail(Code::invalid_argument, answer->told);
  return answer->told;
}

}  // namespace thalo::build
