#include "wasm/guest_log.h"

#include <algorithm>
#include <utility>

#include "base/json.h"

namespace thalo::wasm {
namespace {

namespace log = base::log;

// Cuts at a character's start, so that the line stays UTF-8.
std::string_view cut(std::string_view text, std::size_t size_bytes_max) {
  if (text.size() <= size_bytes_max) return text;
  std::size_t end = size_bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

// The message stands unquoted in its line: line breaks and terminal controls in it must not look like lines of ours,
// and what a guest prints need not even be text.
std::string printable(std::string_view text) {
  const bool utf8 = base::is_utf8(text);
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool control_1 = byte == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0;
    if (byte == '\n') {
      out += "\\n";
    } else if (byte < 0x20 || byte == 0x7f) {
      out += ' ';
    } else if (utf8 && control_1) {
      out += ' ';
      ++i;
    } else {
      out += byte < 0x80 || utf8 ? text[i] : '?';
    }
  }
  return out;
}

}  // namespace

void GuestLog::write(log::Level level, std::string_view stream, std::string_view message) {
  if (!log::enabled(level)) return;
  std::uint64_t dropped = 0;
  if (!take_line(dropped)) return;
  if (dropped > 0)
    log::warn("dropped log lines of a guest that writes too many", {{"module", module_}, {"lines", dropped}});
  const std::string_view kept = cut(message, message_size_bytes_max);
  if (kept.size() < message.size()) {
    log::write(level, printable(kept), {{"stream", stream}, {"module", module_}, {"cut_from_bytes", message.size()}});
  } else {
    log::write(level, printable(kept), {{"stream", stream}, {"module", module_}});
  }
}

bool GuestLog::take_line(std::uint64_t& dropped_before) {
  const auto now = std::chrono::steady_clock::now();
  std::lock_guard lock(mutex_);
  const double seconds = std::chrono::duration<double>(now - refilled_).count();
  refilled_ = now;
  lines_left_ = std::min<double>(burst_lines, lines_left_ + seconds * lines_per_second);
  if (lines_left_ < 1) {
    ++dropped_;
    return false;
  }
  lines_left_ -= 1;
  dropped_before = std::exchange(dropped_, 0);
  return true;
}

}  // namespace thalo::wasm
