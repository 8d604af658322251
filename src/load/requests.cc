#include "load/requests.h"

#include <cstring>
#include <optional>

#include "base/result.h"
#include "load/wire.h"

namespace thalo::load {

namespace {

// The fields of proto/thalo/v1 that are written or looked at.
enum ExecuteRequestField : unsigned { request_category = 1, request_id, request_command, request_payload };
enum CommandField : unsigned { command_tag = 1, command_request };
enum ExecuteResponseField : unsigned { response_accepted = 1, response_rejected };
enum AcceptedField : unsigned { accepted_events = 1 };
enum EventField : unsigned { event_id = 1, event_global_position, event_position = 3, event_stream = 4 };
enum AppendRequestField : unsigned { append_stream = 1, append_events = 3 };
enum NewEventField : unsigned { new_event_type = 1, new_event_data };
enum AppendResponseField : unsigned { appended_first_position = 1, appended_version = 3 };
enum ReadStreamRequestField : unsigned { read_stream = 1, read_limit = 4 };
enum ProjectRequestField : unsigned { project_join = 1, project_acknowledge };
enum JoinField : unsigned { join_name = 1, join_from = 5 };
enum AcknowledgeField : unsigned { acknowledge_batch = 1, acknowledge_global_position };
constexpr unsigned project_response_batch = 2;
constexpr unsigned delete_name = 1;
constexpr unsigned response_events = 1;
constexpr unsigned stream_request_commands = 1;

// How many events a read of a mixed load asks for.
constexpr std::uint64_t read_stream_events = 100;

Ending check_accepted(std::string_view accepted, std::string_view stream) {
  Ending out;
  FieldReader fields(accepted);
  while (fields.next()) {
    if (fields.number() != accepted_events) continue;
    ++out.events;
    FieldReader event(fields.text());
    bool right = false;
    while (event.next()) {
      if (event.number() == event_global_position && out.events == 1) out.global_position = event.value();
      right = right || (event.number() == event_stream && event.text() == stream);
    }
    if (event.broken() || !right)
      return {.outcome = Outcome::wrong, .error = "an event of another stream in the answer"};
  }
  if (fields.broken()) return {.outcome = Outcome::wrong, .error = "an answer that is no ExecuteResponse"};
  return out;
}

// Of an event; absent: no event.
std::optional<std::uint64_t> position_of(std::string_view event, unsigned field) {
  std::uint64_t position = 0;  // absent: 0
  FieldReader fields(event);
  while (fields.next()) {
    if (fields.number() != field) continue;
    position = fields.value();
    break;
  }
  if (fields.broken()) return std::nullopt;
  return position;
}

// Takes events off the beginning of a message as long as they are of the form that the server writes, the id and then
// the global position, and that is `expected`, which counts on. Subscribers look at millions a second.
void take_events(std::string_view& message, std::uint64_t& expected) {
  const auto byte = [](const char* at) { return std::size_t{static_cast<unsigned char>(*at)}; };
  const char* at = message.data();
  const char* const end = at + message.size();
  std::string text;
  std::uint64_t field = 0;  // the position, as an event has it
  std::uint64_t mask = 0;
  for (const char* next = at; end - next > 3 && *next == (response_events << 3 | 2); ++expected, field += 0x100) {
    if (mask == 0 || expected % 128 == 0) {
      text.clear();
      append_number(text, event_global_position, expected);
      if (text.size() > sizeof field) break;
      std::memcpy(&field, text.data(), text.size());
      mask = UINT64_MAX >> (64 - 8 * text.size());
    }
    std::size_t size = byte(++next);
    if (size >= 0x80) {
      const std::size_t high = byte(++next);
      if (high >= 0x80) break;
      size = (size & 0x7f) | high << 7;
    }
    ++next;
    if (size < 2 || size > static_cast<std::size_t>(end - next) || *next != (event_id << 3 | 2)) break;
    const std::size_t id_size = byte(next + 1);
    std::uint64_t word = 0;
    if (id_size >= 0x80 || size < 2 + id_size + sizeof word) break;
    std::memcpy(&word, next + 2 + id_size, sizeof word);
    if (((word ^ field) & mask) != 0) break;
    next += size;
    at = next;
  }
  message.remove_prefix(static_cast<std::size_t>(at - message.data()));
}

}  // namespace

Requests::Requests(const Settings& settings, std::uint64_t seed)
    : category_(settings.category),
      prefix_(settings.entity_prefix),
      command_(settings.command),
      payload_(padded(settings.payload, settings.payload_bytes).value_or(settings.payload)),
      read_percent_(settings.read_percent),
      choice_(settings.distribution, settings.entities, seed),
      random_(seed + 1) {
  append_text(head_, request_category, category_);
  append_text(tail_, request_command, command_);
  append_text(tail_, request_payload, payload_);
  if (settings.workload != Workload::append) return;
  std::string event;
  append_text(event, new_event_type, settings.event_type);
  append_text(event, new_event_data, payload_);
  for (std::size_t count = 0; count < settings.batch; ++count) append_text(events_, append_events, event);
}

void Requests::stream_of(std::uint64_t entity, std::string& out) const {
  out = category_;
  out += '-';
  out += prefix_;
  out += std::to_string(entity);
}

std::string_view Requests::execute(std::uint64_t entity) {
  id_ = prefix_;
  id_ += std::to_string(entity);
  message_ = head_;
  append_text(message_, request_id, id_);
  message_ += tail_;
  return message_;
}

void Requests::append_command(std::string& out, std::uint64_t tag, std::uint64_t entity) {
  execute(entity);
  std::string command;
  append_number(command, command_tag, tag);
  append_text(command, command_request, message_);
  append_text(out, stream_request_commands, command);
}

std::string_view Requests::append(std::uint64_t entity) {
  stream_of(entity, id_);
  message_.clear();
  append_text(message_, append_stream, id_);
  message_ += events_;
  return message_;
}

std::string_view Requests::read_stream(std::uint64_t entity) {
  stream_of(entity, id_);
  message_.clear();
  append_text(message_, load::read_stream, id_);
  append_number(message_, read_limit, read_stream_events);
  return message_;
}

Ending check_response(std::string_view message, std::string_view stream) {
  FieldReader fields(message);
  while (fields.next()) {
    if (fields.number() == response_accepted) return check_accepted(fields.text(), stream);
    if (fields.number() == response_rejected) return {.outcome = Outcome::rejected};
  }
  return {.outcome = Outcome::wrong, .error = "an answer that is no ExecuteResponse"};
}

Ending check_appended(std::string_view message, std::uint64_t batch) {
  std::uint64_t first = 0;  // absent: 0
  std::uint64_t version = 0;
  FieldReader fields(message);
  while (fields.next()) {
    if (fields.number() == appended_first_position) first = fields.value();
    if (fields.number() == appended_version) version = fields.value();
  }
  if (fields.broken() || version != first + batch) {
    return {.outcome = Outcome::wrong, .error = "an AppendResponse with the wrong version"};
  }
  return {.events = batch};
}

Ending check_failure(std::uint32_t code, std::string_view message, std::string& text) {
  Ending out{.outcome = Outcome::failed};
  if (code == static_cast<std::uint32_t>(base::Code::resource_exhausted)) out.outcome = Outcome::refused;
  // The store may have the events of such a command all the same.
  if (code == static_cast<std::uint32_t>(base::Code::unavailable) ||
      code == static_cast<std::uint32_t>(base::Code::deadline_exceeded) ||
      code == static_cast<std::uint32_t>(base::Code::cancelled) ||
      code == static_cast<std::uint32_t>(base::Code::unknown)) {
    out.outcome = Outcome::unknown;
  }
  text = code < 16 ? std::string(base::code_name(static_cast<base::Code>(code))) : "status " + std::to_string(code);
  text += ": ";
  text += message;
  out.error = text;
  return out;
}

std::string join_request(std::string_view projection, std::uint64_t from) {
  std::string join;
  append_text(join, join_name, projection);
  append_number(join, join_from, from);
  std::string out;
  append_text(out, project_join, join);
  return out;
}

std::string acknowledge_request(std::uint64_t batch, std::uint64_t global_position) {
  std::string acknowledge;
  append_number(acknowledge, acknowledge_batch, batch);
  append_number(acknowledge, acknowledge_global_position, global_position);
  std::string out;
  append_text(out, project_acknowledge, acknowledge);
  return out;
}

std::string delete_projection_request(std::string_view projection) {
  std::string out;
  append_text(out, delete_name, projection);
  return out;
}

std::int64_t check_events(std::string_view message, bool all, std::uint64_t expected, std::uint64_t* batch) {
  const unsigned position_field = all ? event_global_position : event_position;
  const std::uint64_t first = expected;
  if (batch != nullptr) *batch = 0;
  if (all) take_events(message, expected);
  FieldReader fields(message);
  while (fields.next()) {
    if (fields.number() == response_events) {
      const auto position = position_of(fields.text(), position_field);
      if (!position || *position != expected++) return -1;
    } else if (batch != nullptr && fields.number() == project_response_batch) {
      *batch = fields.value();
    }
  }
  return fields.broken() ? -1 : static_cast<std::int64_t>(expected - first);
}

}  // namespace thalo::load
