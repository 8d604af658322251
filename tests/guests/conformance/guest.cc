#include "guests/conformance/guest.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace thalo::conformance {
namespace {

using base::Code;

template <typename T>
T must(base::Result<T> result, const std::string& what) {
  if (!result) throw std::runtime_error(what + ": " + result.error().message);
  return std::move(*result);
}

// JSON that means the same is the same: the order of fields and white space are a language's own affair. Integers are
// compared exactly.
bool same_json(const std::string& left, const std::string& right) {
  const auto one = nlohmann::json::parse(left, nullptr, false);
  const auto other = nlohmann::json::parse(right, nullptr, false);
  return !one.is_discarded() && !other.is_discarded() && one == other;
}

// Large texts would hide what matters.
std::string shown(const std::string& text) {
  constexpr std::size_t most = 300;
  return text.size() <= most ? text : text.substr(0, most) + "… (" + std::to_string(text.size()) + " bytes)";
}

std::string shown(const base::Result<wasm::HandleOutcome>& outcome) {
  if (!outcome)
    return "the error " + std::string(base::code_name(outcome.error().code)) + ": " + shown(outcome.error().message);
  if (const auto* rejection = std::get_if<model::Rejection>(&*outcome)) return "rejected " + shown(rejection->error);
  const auto& events = std::get<std::vector<model::NewEvent>>(*outcome);
  if (events.empty()) return "nothing";
  std::string text;
  for (const auto& event : events) text += (text.empty() ? "" : ", ") + event.type + " " + shown(event.data);
  return text;
}

bool answers(const base::Result<wasm::HandleOutcome>& outcome, const Events& expected) {
  const auto* events = outcome ? std::get_if<std::vector<model::NewEvent>>(&*outcome) : nullptr;
  return events != nullptr && std::ranges::equal(*events, expected.events, [](const auto& event, const auto& wanted) {
           return event.type == wanted.type && same_json(event.data, wanted.data);
         });
}
bool answers(const base::Result<wasm::HandleOutcome>& outcome, const Rejected& expected) {
  const auto* rejection = outcome ? std::get_if<model::Rejection>(&*outcome) : nullptr;
  return rejection != nullptr && same_json(rejection->error, expected.error);
}
bool answers(const base::Result<wasm::HandleOutcome>& outcome, const Invalid& expected) {
  return !outcome && outcome.error().code == Code::invalid_argument &&
         outcome.error().message.find(expected.part) != std::string::npos;
}

// Goes through a scenario's steps.
class Run {
 public:
  Run(const wasm::Module& module, const Delivery& delivery) : delivery_(delivery), entity_(module, "1") {}

  std::optional<std::string> operator()(const Scenario& scenario) {
    for (std::size_t at = 0; at < scenario.steps.size(); ++at) {
      const auto& step = scenario.steps[at];
      if (const auto* given = std::get_if<Given>(&step.what)) add(*given);
      const bool more_given =
          at + 1 < scenario.steps.size() && std::holds_alternative<Given>(scenario.steps[at + 1].what);
      const bool unreadable =
          at + 1 < scenario.steps.size() && std::holds_alternative<Unreadable>(scenario.steps[at + 1].what);
      std::optional<std::string> failure;
      if (std::holds_alternative<Unreadable>(step.what)) {
        failure = refuse_pending();
      } else if (!more_given && !unreadable) {
        failure = apply_pending();
      }
      if (const auto* when = std::get_if<When>(&step.what); when != nullptr && !failure) failure = check(*when);
      if (failure) return "line " + std::to_string(step.line) + ": " + *failure;
    }
    return std::nullopt;
  }

 private:
  void add(const Given& given) {
    for (std::size_t number = 0; number < given.times; ++number)
      pending_.push_back({given.type, given.times > 1 ? numbered(given.data, number) : given.data});
  }

  std::optional<std::string> apply_pending() {
    if (pending_.empty()) return std::nullopt;
    const auto applied = entity_.apply(pending_, delivery_.batch);
    pending_.clear();
    if (!applied) return "the events given cannot be applied: " + shown(applied.error().message);
    return follow();
  }

  std::optional<std::string> refuse_pending() {
    const auto applied = entity_.apply(pending_, delivery_.batch);
    pending_.clear();
    if (applied) return "the event was applied, and should have been refused";
    if (applied.error().code != Code::failed_precondition || entity_.broken())
      return "the refusal of an event costs the instance: " + shown(applied.error().message);
    return std::nullopt;
  }

  std::optional<std::string> follow() {
    if (!delivery_.by_snapshot) return std::nullopt;
    const auto moved = entity_.move_by_snapshot();
    if (!moved) return "the snapshot fails: " + shown(moved.error().message);
    return std::nullopt;
  }

  std::optional<std::string> check(const When& when) {
    const auto outcome = entity_.handle(when.command, when.payload);
    const bool as_expected = std::visit([&](const auto& expected) { return answers(outcome, expected); }, when.answer);
    if (!as_expected) return "when " + when.command + " " + shown(when.payload) + "\n  then " + shown(outcome);
    if (entity_.broken()) return "the answer is right, but the instance is lost";
    const auto* events = outcome ? std::get_if<std::vector<model::NewEvent>>(&*outcome) : nullptr;
    if (events == nullptr) return std::nullopt;
    for (const auto& event : *events) pending_.push_back({event.type, event.data});
    return apply_pending();
  }

  const Delivery& delivery_;
  Entity entity_;
  std::vector<Event> pending_;
};

}  // namespace

wasm::Limits limits() {
  wasm::Limits limits;
  limits.time_per_call = std::chrono::minutes(2);
  limits.fuel_per_call = 0;
  return limits;
}

Entity::Entity(const wasm::Module& module, std::string_view id)
    : module_(module),
      stream_(must(model::StreamName::make("conformance", id), "the stream's name")),
      instance_(must(module.instantiate(limits()), "an instance")),
      handle_(must(instance_->create(stream_), "an entity")) {}

base::Result<> Entity::apply(const std::vector<Event>& events, std::size_t batch) {
  std::vector<model::EventView> views;
  for (std::size_t at = 0; at < events.size(); at += views.size()) {
    views.clear();
    for (std::size_t next = at; next < std::min(events.size(), at + batch); ++next) {
      model::EventView view;
      view.position = version_ + views.size();
      view.type = events[next].type;
      view.data = events[next].data;
      views.push_back(view);
    }
    if (auto applied = instance_->apply(handle_, views); !applied) return applied;
    version_ += views.size();
  }
  return {};
}

base::Result<wasm::HandleOutcome> Entity::handle(const std::string& command, const std::string& payload) {
  const model::Command asked{stream_, command, payload, "", "", "", ""};
  return instance_->handle(handle_, asked, version_);
}

base::Result<> Entity::move_by_snapshot() {
  const auto snapshot = instance_->snapshot(handle_);
  if (!snapshot) return std::unexpected(snapshot.error());
  auto instance = module_.instantiate(limits());
  if (!instance) return std::unexpected(instance.error());
  const auto entity = (*instance)->create(stream_);
  if (!entity) return std::unexpected(entity.error());
  if (auto restored = (*instance)->restore(*entity, *snapshot); !restored) return restored;
  instance_ = std::move(*instance);
  handle_ = *entity;
  return {};
}

std::optional<std::string> failure_of(const wasm::Module& module, const Scenario& scenario, const Delivery& delivery) {
  return Run(module, delivery)(scenario);
}

}  // namespace thalo::conformance
