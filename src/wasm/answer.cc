#include "wasm/answer.h"

#include <utility>

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
  return std::unexpected(BadAnswer{{Code::resource_exhausted, subject(call) + std::string(why)}, true});
}

// The guest's variant `error`: which case, and its one or two texts.
struct GuestError {
  std::string_view name;
  std::string_view first;
  std::string_view second;
};

std::optional<GuestError> as_guest_error(const RawValue* value) {
  if (value == nullptr || value->kind != WASMTIME_COMPONENT_VARIANT || value->of.variant.val == nullptr)
    return std::nullopt;
  const auto& variant = value->of.variant;
  GuestError error;
  error.name = {variant.discriminant.data, variant.discriminant.size};
  if (const auto text = as_string(*variant.val)) {
    error.first = *text;
    return error;
  }
  const auto pair = as_tuple(*variant.val, 2);
  if (!pair) return std::nullopt;
  const auto first = as_string((*pair)[0]);
  const auto second = as_string((*pair)[1]);
  if (!first || !second) return std::nullopt;
  error.first = *first;
  error.second = *second;
  return error;
}

// ": reason", or nothing where the guest gives none.
std::string reason(std::string_view text) { return text.empty() ? "" : ": " + excerpt(text); }

// Every error that means the same in apply and in handle.
std::unexpected<BadAnswer> common_error(const GuestError& error, const CallName& call) {
  if (error.name == "deserialize-context")
    return refused(Code::failed_precondition, call, "cannot read its context" + reason(error.first));
  if (error.name == "serialize-error") {
    return refused(Code::failed_precondition, call,
                   "cannot write its error '" + excerpt(error.first) + "'" + reason(error.second));
  }
  if (error.name == "serialize-event")
    return refused(Code::failed_precondition, call, "cannot write its event" + reason(error.first));
  if (error.name == "deserialize-event") {
    return refused(Code::failed_precondition, call,
                   "cannot read an event of type '" + excerpt(error.first) + "'" + reason(error.second));
  }
  return refused(
      Code::failed_precondition, call,
      "answered with the error '" + excerpt(error.name) + "', which has no meaning here" + reason(error.first));
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

Answer<model::NewEvent> read_event(const RawValue& value, const Limits& limits, const CallName& call) {
  const auto fields = as_record(value, 2);
  const auto type = fields ? as_string((*fields)[0].val) : std::nullopt;
  const auto data = fields ? as_string((*fields)[1].val) : std::nullopt;
  if (!type || !data) return contract_broken(call, "an event is not a record of two strings");
  if (type->size() + data->size() > limits.event_size_bytes) {
    return limit_exceeded(call, "an event of type '" + excerpt(*type) + "' has " +
                                    std::to_string(type->size() + data->size()) + " bytes; at most " +
                                    std::to_string(limits.event_size_bytes) +
                                    " are allowed (limit --event-size-limit)");
  }
  if (auto ok = model::check_event_type(*type); !ok) return contract_broken(call, ok.error().message);
  if (auto ok = base::check_json(*data); !ok) {
    return contract_broken(call,
                           "the payload of its event '" + std::string(*type) + "' is not JSON: " + ok.error().message);
  }
  return model::NewEvent{std::string(*type), std::string(*data), {}};
}

Answer<HandleOutcome> read_events(const RawValue* value, const Limits& limits, const CallName& call) {
  const auto list = value != nullptr ? as_list(*value) : std::nullopt;
  if (!list) return contract_broken(call, "it did not answer with a list of events");
  if (list->size() > limits.events_per_command) {
    return limit_exceeded(call, "it answered with " + std::to_string(list->size()) + " events; at most " +
                                    std::to_string(limits.events_per_command) + " are allowed (limit --events-limit)");
  }
  std::vector<model::NewEvent> events;
  events.reserve(list->size());
  for (const RawValue& item : *list) {
    auto event = read_event(item, limits, call);
    if (!event) return std::unexpected(std::move(event.error()));
    events.push_back(std::move(*event));
  }
  return HandleOutcome(std::move(events));
}

}  // namespace

Answer<HandleOutcome> read_handle_answer(const RawValue& value, const Limits& limits, const CallName& call,
                                         std::string_view command) {
  if (value.kind != WASMTIME_COMPONENT_RESULT) return contract_broken(call, "it did not answer with a result");
  if (value.of.result.is_ok) return read_events(value.of.result.val, limits, call);
  const auto error = as_guest_error(value.of.result.val);
  if (!error) return contract_broken(call, "its error is of another shape");
  if (error->name == "command") {
    if (error->second.size() > limits.event_size_bytes) {
      return limit_exceeded(call, "its rejection has " + std::to_string(error->second.size()) + " bytes; at most " +
                                      std::to_string(limits.event_size_bytes) +
                                      " are allowed (limit --event-size-limit)");
    }
    // An error that is no JSON is shown as the text it is: the client still learns why.
    const bool is_json = base::check_json(error->second).has_value();
    return HandleOutcome(model::Rejection{is_json ? std::string(error->second) : base::json_quote(error->second)});
  }
  if (error->name == "deserialize-command") {
    return refused(Code::invalid_argument, call,
                   "cannot read the command '" + excerpt(error->first.empty() ? command : error->first) + "'" +
                       reason(error->second));
  }
  return common_error(*error, call);
}

Answer<> read_apply_answer(const RawValue& value, const CallName& call, std::span<const model::EventView> events) {
  if (value.kind != WASMTIME_COMPONENT_RESULT) return contract_broken(call, "it did not answer with a result");
  if (value.of.result.is_ok) return {};
  const auto error = as_guest_error(value.of.result.val);
  if (!error) return contract_broken(call, "its error is of another shape");
  if (error->name == "deserialize-event") {
    return refused(Code::failed_precondition, call,
                   "cannot read the event '" + excerpt(error->first) + "'" + positions_of(error->first, events) +
                       reason(error->second));
  }
  return common_error(*error, call);
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
