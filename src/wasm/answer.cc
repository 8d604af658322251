#include "wasm/answer.h"

#include <utility>

#include "base/counted.h"
#include "base/json.h"
#include "model/stream_name.h"

namespace thalo::wasm {
namespace {

using base::Code;

// The longest name of a snapshot format that is believed.
constexpr std::size_t format_size_bytes_max = 256;

std::string subject(const CallName& call) {
  std::string text = "module '" + std::string(call.module) + "', " + std::string(call.function);
  if (!call.stream.empty()) text += " of " + std::string(call.stream);
  return text + ": ";
}

std::unexpected<BadAnswer> refused(Code code, const CallName& call, std::string_view why) {
  return std::unexpected(BadAnswer{{code, subject(call) + std::string(why)}, false});
}

std::unexpected<BadAnswer> contract_broken(const CallName& call, std::string_view why) {
  return std::unexpected(
      BadAnswer{{Code::failed_precondition, subject(call) + "broke the contract: " + std::string(why)}, true});
}

std::unexpected<BadAnswer> limit_exceeded(const CallName& call, std::string_view why) {
  return std::unexpected(BadAnswer{{Code::resource_exhausted, subject(call) + std::string(why), true}, true});
}

std::string_view view(thalo_borrowed_text_t text) { return {text.data, text.size}; }

// ": reason", or nothing where the guest gives none.
std::string reason(std::string_view text) { return text.empty() ? "" : ": " + excerpt(text); }

// Every error that means the same in apply and in handle.
std::unexpected<BadAnswer> common_error(const thalo_guest_answer_t& answer, const CallName& call) {
  const std::string_view first = view(answer.first);
  const std::string_view second = view(answer.second);
  switch (answer.error) {
    case THALO_GUEST_DESERIALIZE_CONTEXT:
      return refused(Code::failed_precondition, call, "cannot read its context" + reason(first));
    case THALO_GUEST_SERIALIZE_ERROR:
      return refused(Code::failed_precondition, call,
                     "cannot write its error '" + excerpt(first) + "'" + reason(second));
    case THALO_GUEST_SERIALIZE_EVENT:
      return refused(Code::failed_precondition, call, "cannot write its event" + reason(first));
    case THALO_GUEST_DESERIALIZE_EVENT:
      return refused(Code::failed_precondition, call,
                     "cannot read an event of type '" + excerpt(first) + "'" + reason(second));
    default:
      return refused(Code::failed_precondition, call,
                     std::string("answered with the error '") +
                         (answer.error == THALO_GUEST_COMMAND ? "command" : "deserialize-command") +
                         "', which has no meaning here" + reason(first));
  }
}

// Where in the stream the events of that type in the call are: the guest names only the type.
std::string positions_of(std::string_view type, std::span<const model::EventView> events) {
  std::size_t count = 0;
  model::Position first = 0;
  for (const auto& event : events) {
    if (event.type != type) continue;
    if (count++ == 0) first = event.position;
  }
  if (count == 0) return "";
  if (count == 1) return " at position " + std::to_string(first);
  return " at one of " + std::to_string(count) + " positions from " + std::to_string(first) + " to " +
         std::to_string(events.back().position);
}

Answer<model::NewEvent> read_event(const thalo_guest_event_t& event, const Limits& limits, const CallName& call) {
  const std::string_view type = view(event.event);
  const std::string_view data = view(event.payload);
  if (type.size() + data.size() > limits.event_size_bytes) {
    return limit_exceeded(call, "an event of type '" + excerpt(type) + "' has " +
                                    std::to_string(type.size() + data.size()) + " bytes; at most " +
                                    std::to_string(limits.event_size_bytes) +
                                    " are allowed (limit --event-size-limit)");
  }
  if (auto ok = model::check_event_type(type); !ok) return contract_broken(call, ok.error().message);
  if (auto ok = base::check_json(data); !ok) {
    return contract_broken(call,
                           "the payload of its event '" + std::string(type) + "' is not JSON: " + ok.error().message);
  }
  return model::NewEvent{std::string(type), std::string(data), {}};
}

Answer<HandleOutcome> read_events(std::span<const thalo_guest_event_t> answer, const Limits& limits,
                                  const CallName& call) {
  if (answer.size() > limits.events_per_command) {
    return limit_exceeded(call, "it answered with " + base::counted(answer.size(), "event") + "; at most " +
                                    std::to_string(limits.events_per_command) + " are allowed (limit --events-limit)");
  }
  std::vector<model::NewEvent> events;
  events.reserve(answer.size());
  for (const thalo_guest_event_t& text : answer) {
    auto event = read_event(text, limits, call);
    if (!event) return std::unexpected(std::move(event.error()));
    events.push_back(std::move(*event));
  }
  return HandleOutcome(std::move(events));
}

}  // namespace

Answer<HandleOutcome> read_handle_answer(const thalo_guest_answer_t& answer, const Limits& limits, const CallName& call,
                                         std::string_view command) {
  const std::string_view first = view(answer.first);
  const std::string_view second = view(answer.second);
  switch (answer.error) {
    case THALO_GUEST_ACCEPTED:
      return read_events({answer.events, answer.event_count}, limits, call);
    case THALO_GUEST_COMMAND: {
      if (second.size() > limits.event_size_bytes) {
        return limit_exceeded(call, "its rejection has " + std::to_string(second.size()) + " bytes; at most " +
                                        std::to_string(limits.event_size_bytes) +
                                        " are allowed (limit --event-size-limit)");
      }
      // An error that is no JSON is shown as the text it is: the client still learns why.
      const bool is_json = base::check_json(second).has_value();
      return HandleOutcome(model::Rejection{is_json ? std::string(second) : base::json_quote(second)});
    }
    case THALO_GUEST_DESERIALIZE_COMMAND:
      return refused(Code::invalid_argument, call,
                     "cannot read the command '" + excerpt(first.empty() ? command : first) + "'" + reason(second));
    default:
      return common_error(answer, call);
  }
}

Answer<> read_apply_answer(const thalo_guest_answer_t& answer, const CallName& call,
                           std::span<const model::EventView> events) {
  if (answer.error == THALO_GUEST_ACCEPTED) return {};
  if (answer.error == THALO_GUEST_DESERIALIZE_EVENT) {
    const std::string_view type = view(answer.first);
    return refused(
        Code::failed_precondition, call,
        "cannot read the event '" + excerpt(type) + "'" + positions_of(type, events) + reason(view(answer.second)));
  }
  return common_error(answer, call);
}

Answer<std::string> read_snapshot_answer(const RawValue& value, const CallName& call) {
  const RawValue* inner = value.kind == WASMTIME_COMPONENT_RESULT ? value.of.result.val : nullptr;
  const auto text = inner != nullptr ? as_string(*inner) : std::nullopt;
  if (!text) return contract_broken(call, "it did not answer with a result of strings");
  if (value.of.result.is_ok) return std::string(*text);
  return refused(Code::failed_precondition, call, "cannot take a snapshot" + reason(*text));
}

Answer<> read_restore_answer(const RawValue& value, const CallName& call) {
  if (value.kind != WASMTIME_COMPONENT_RESULT) return contract_broken(call, "it did not answer with a result");
  if (value.of.result.is_ok) return {};
  const RawValue* inner = value.of.result.val;
  const auto text = inner != nullptr ? as_string(*inner) : std::nullopt;
  if (!text) return contract_broken(call, "its error is of another shape");
  return refused(Code::failed_precondition, call, "cannot read the snapshot" + reason(*text));
}

Answer<std::optional<std::string>> read_snapshot_format(const RawValue& value, const CallName& call) {
  if (value.kind != WASMTIME_COMPONENT_OPTION) return contract_broken(call, "it did not answer with an option");
  if (value.of.option == nullptr) return std::nullopt;
  const auto text = as_string(*value.of.option);
  if (!text) return contract_broken(call, "it did not answer with a string");
  if (text->size() > format_size_bytes_max) {
    return contract_broken(call, "the name of its snapshot format has " + std::to_string(text->size()) +
                                     " bytes; at most " + std::to_string(format_size_bytes_max) + " are allowed");
  }
  return std::optional<std::string>(std::string(*text));
}

}  // namespace thalo::wasm
