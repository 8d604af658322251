#include <algorithm>

#include "wasm/host_call.h"

namespace thalo::wasm {
namespace {

namespace log = base::log;

log::Level level_of(std::string_view word) { return log::parse_level(word).value_or(log::Level::info); }

wasmtime_error_t* write(HostCall& call) {
  const auto level = call.enumeration(0);
  const auto message = call.text(1);
  if (!level || !message) return call.trap("called log#write with arguments of another type");
  call.state().log->write(level_of(*level), call.state().stream, *message);
  return call.answer_nothing();
}

// The level in the JSON of a `tracing` event, as its crate writes it: "level":"INFO". A word in the text of a message
// can be taken for it, which costs no more than a line at another level.
log::Level level_of_event(std::string_view json) {
  constexpr std::string_view key = "\"level\":\"";
  const auto at = json.find(key);
  if (at == std::string_view::npos) return log::Level::info;
  std::string word(json.substr(at + key.size(), 5));
  word = word.substr(0, word.find('"'));
  std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return level_of(word);
}

wasmtime_error_t* send_event(HostCall& call) {
  // One byte more than is logged, so that the log can tell that something was cut off.
  const auto json = call.bytes(0, GuestLog::message_size_bytes_max + 1);
  if (!json) return call.trap("called tracing#send-event with arguments of another type");
  call.state().log->write(level_of_event(*json), call.state().stream, *json);
  return call.answer_nothing();
}

constexpr HostFunction functions[] = {
    {"thalo:aggregate/log", "write", write},
    {"tracing", "send-event", send_event},
};

}  // namespace

std::span<const HostFunction> log_functions() { return functions; }

}  // namespace thalo::wasm
