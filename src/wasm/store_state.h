// What the host knows about one store while a guest runs in it: whose call it is, its time and random numbers, its log,
// its memory.
//
// Host imports and the epoch callback find it through the store. Confined to the thread that uses the instance.
#pragma once

#include <thalo_guest.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "wasm/engine.h"
#include "wasm/guest_log.h"

namespace thalo::wasm {

// Where a guest that uses WASI prints to.
enum class OutputStream : std::uint8_t { standard_output, standard_error };

struct StoreState {
  StoreState(std::shared_ptr<GuestLog> guest_log, const Limits& guest_limits)
      : log(std::move(guest_log)), limits(guest_limits) {
    memory.size_bytes_max = limits.memory_per_instance_bytes;
  }

  std::shared_ptr<GuestLog> log;
  const Limits limits;
  thalo_memory_account_t memory{};

  // The call that is under way; set by begin_call.
  std::string_view stream;
  std::int64_t time_ms = 0;
  std::uint64_t clock_readings = 0;
  std::uint64_t random_state = 0;
  std::optional<std::chrono::nanoseconds> timed_since;  // of the thread's own time; from the call's first epoch on
  bool out_of_time = false;
  // What a host import could not do for the guest, e.g. an import that traps; kept for the error of the call.
  std::string host_trap;

  // `version` and `stream` decide the random numbers of the call; `time_ms` is what its clocks show.
  void begin_call(std::string_view of_stream, std::uint64_t version, std::int64_t at_ms);

  std::uint64_t next_random();
  // The clocks stand still at the command's time, but for a step at every reading of the monotonic one, so that a guest
  // that waits for time to pass does not wait for ever.
  std::uint64_t monotonic_now_ns();

  // Logs what a guest prints, line by line; what follows the last line break waits for more, at most a log message's
  // size.
  void print(OutputStream where, std::string_view text);
  // Logs what still waits.
  void end_call();

 private:
  void log_line(OutputStream where);
  std::string printed_[2];
};

}  // namespace thalo::wasm
