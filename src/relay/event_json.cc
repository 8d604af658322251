#include "relay/event_json.h"

#include <charconv>
#include <ctime>

#include "base/json.h"

namespace thalo::relay {
namespace {

template <class Number>
void append_number(std::string& out, Number number) {
  char digits[24];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// Most names need no escape; then they are copied as they are.
void append_quoted(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f || c == '"' || c == '\\') {
      out += base::json_quote(text);
      return;
    }
  }
  out += '"';
  out += text;
  out += '"';
}

// An event without data is stored with an empty text.
void append_data(std::string& out, std::string_view data) { out += data.empty() ? "null" : data; }

}  // namespace

void append_message_json(std::string& out, const model::EventView& event) {
  out += R"({"id":)";
  append_number(out, event.global_position);
  out += R"(,"global_id":)";
  append_number(out, event.global_position);
  out += R"(,"position":)";
  append_number(out, event.position);
  out += R"(,"stream_name":)";
  append_quoted(out, event.stream);
  out += R"(,"msg_type":)";
  append_quoted(out, event.type);
  out += R"(,"data":)";
  append_data(out, event.data);
  out += R"(,"time":)";
  append_number(out, event.time_ms);
  out += '}';
}

void append_cloud_event_json(std::string& out, const model::EventView& event, std::string_view event_id,
                             std::string_view source) {
  out += R"({"specversion":"1.0","id":)";
  append_quoted(out, event_id);
  out += R"(,"source":)";
  append_quoted(out, source);
  out += R"(,"type":)";
  append_quoted(out, event.type);
  out += R"(,"subject":)";
  append_quoted(out, event.stream);
  out += R"(,"time":")";
  out += rfc3339_of(event.time_ms);
  out += R"(","datacontenttype":"application/json","globalposition":")";
  append_number(out, event.global_position);
  out += R"(","streamposition":")";
  append_number(out, event.position);
  out += R"(","data":)";
  append_data(out, event.data);
  out += '}';
}

std::string rfc3339_of(std::int64_t time_ms) {
  std::int64_t milliseconds = time_ms % 1000;
  std::time_t seconds = time_ms / 1000;
  if (milliseconds < 0) {
    milliseconds += 1000;
    --seconds;
  }
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[40];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &parts);
  std::string out(text, length);
  const std::string fraction = std::to_string(milliseconds);
  return out + "." + std::string(3 - fraction.size(), '0') + fraction + "Z";
}

}  // namespace thalo::relay
