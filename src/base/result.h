// Errors are values: every call that can fail for a reason outside the program returns Result<T>.
//
// The codes are those of gRPC (https://grpc.io/docs/guides/status-codes/), so that an error keeps its meaning from the
// disk to the client.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace thalo::base {

enum class Code : std::uint8_t {
  cancelled = 1,
  unknown = 2,
  invalid_argument = 3,
  deadline_exceeded = 4,
  not_found = 5,
  already_exists = 6,
  permission_denied = 7,
  resource_exhausted = 8,
  failed_precondition = 9,
  aborted = 10,
  out_of_range = 11,
  unimplemented = 12,
  internal = 13,
  unavailable = 14,
  data_loss = 15,
};

// The gRPC spelling, e.g. "INVALID_ARGUMENT".
std::string_view code_name(Code code);

struct Error {
  Code code = Code::unknown;
  // One sentence for a person: what was wrong, where (field, file, stream), what to do.
  std::string message;
  // The same call fails again, although its code is one that is usually worth a retry: what it exceeds is a limit on
  // the call itself, not room that others take up for a while.
  bool permanent = false;

  // Whether the same call may succeed later without anything being changed: a full queue, a server that is starting or
  // draining, a lost race.
  bool retryable() const {
    if (permanent) return false;
    return code == Code::resource_exhausted || code == Code::unavailable || code == Code::aborted ||
           code == Code::deadline_exceeded;
  }
  friend bool operator==(const Error&, const Error&) = default;
};

template <class T = void>
using Result = std::expected<T, Error>;

inline std::unexpected<Error> fail(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message), false});
}

// For an error that a retry meets again.
inline std::unexpected<Error> fail_for_good(Code code, std::string message) {
  return std::unexpected(Error{code, std::move(message), true});
}

}  // namespace thalo::base
