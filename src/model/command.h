// A command and what comes of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "model/event.h"
#include "model/stream_name.h"

namespace thalo::model {

// What an append demands of a stream's version (the number of its events) before it writes.
class ExpectedVersion {
 public:
  static ExpectedVersion any() { return ExpectedVersion(any_value); }
  static ExpectedVersion none() { return ExpectedVersion(0); }  // the stream has no event yet
  static ExpectedVersion exact(std::uint64_t version) { return ExpectedVersion(version); }

  bool is_any() const { return version_ == any_value; }
  // Only when !is_any().
  std::uint64_t version() const { return version_; }
  bool accepts(std::uint64_t actual) const { return is_any() || version_ == actual; }
  friend bool operator==(ExpectedVersion, ExpectedVersion) = default;

 private:
  static constexpr std::uint64_t any_value = std::numeric_limits<std::uint64_t>::max();
  explicit ExpectedVersion(std::uint64_t version) : version_(version) {}
  std::uint64_t version_;
};

// A command for one entity. Its time and id reach the guest as data, so that `handle` needs no clock and no random
// numbers.
struct Command {
  StreamName stream;
  std::string name{};
  std::string payload{};         // JSON, checked at the edge
  std::string id{};              // command_id for exactly-once effect; empty when the client gave none
  std::string correlation_id{};  // copied into the metadata of the events; may be empty
  std::string causation_id{};    // likewise
  std::string metadata{};        // a JSON object of the client's own, or empty
  std::int64_t time_ms = 0;      // when the runtime received it, since the Unix epoch
  ExpectedVersion expected_version = ExpectedVersion::any();
  std::chrono::steady_clock::time_point deadline = std::chrono::steady_clock::time_point::max();
};

// The entity refused by its own rules: a correct answer, not a failure.
struct Rejection {
  std::string error;  // JSON
  friend bool operator==(const Rejection&, const Rejection&) = default;
};

// The entity accepted; the events are stored.
struct Accepted {
  std::vector<Event> events;
  std::uint64_t version = 0;  // of the stream, after the events
  bool repeated = false;      // the command id was known: these are the original events
};

}  // namespace thalo::model
