// Operating the projections of a server: what `thalo projections` does. Taking part in one: projection.h. Any thread.
//
// Every call blocks. It fails with UNAVAILABLE when the server cannot be reached, with DEADLINE_EXCEEDED after its
// timeout, with NOT_FOUND when there is no such projection; what it changed is durable when it returns.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "client/types.h"

namespace thalo::client {

// What happens when an event cannot be handled.
struct FailurePolicy {
  std::uint32_t attempts_max = 5;  // failures of one event until its stream is parked; 0: it is tried for ever
  std::chrono::milliseconds backoff_first{100};  // the pause after the first failure; doubled after each further one
  std::chrono::milliseconds backoff_max{30'000};
  std::uint32_t parked_streams_max = 1000;  // with so many parked streams nothing more is sent
};

// A stream whose events wait behind one that failed.
struct HeldStream {
  std::string stream;
  bool parked = false;           // waits for retry or skip; false: tried again by itself at `retry_at_ms`
  model::Position position = 0;  // of the first event that waits
  model::GlobalPosition global_position = 0;
  std::uint32_t attempts = 0;
  std::string error;
  std::int64_t first_failed_ms = 0;
  std::int64_t last_failed_ms = 0;
  std::int64_t retry_at_ms = 0;
};

struct ProjectionMember {
  std::string member;                // its address, or what it calls itself
  std::uint64_t unacknowledged = 0;  // events sent to it
};

struct Projection {
  std::string name;
  std::vector<Filter> filters;  // events that match any of these; none: every event
  FailurePolicy policy;
  model::GlobalPosition cursor = 0;  // everything before is acknowledged, skipped, or waits in `held`
  model::GlobalPosition head = 0;
  std::uint64_t lag_events = 0;      // from the cursor to the head, matching or not
  std::chrono::milliseconds lag{0};  // how old the event at the cursor is
  bool paused = false;
  std::string stopped;  // why nothing more is sent; empty: it runs
  std::vector<ProjectionMember> members;
  std::vector<HeldStream> held;
  std::vector<std::string> unseen;  // parts of the filter that have no event so far
  // Since the server was started.
  std::uint64_t delivered = 0;  // events sent to members, for the first time or again
  std::uint64_t failures = 0;   // that they reported
  std::uint64_t skipped = 0;    // events passed by because they do not match
};

struct Passed {
  model::GlobalPosition cursor = 0;
  bool held = false;  // an event at or before the position waits in a held stream
};

class Projections {
 public:
  // INVALID_ARGUMENT: `url` is neither `http://host:port` nor `host:port`. Connects at the first call.
  static base::Result<std::unique_ptr<Projections>> connect(std::string_view url);
  virtual ~Projections() = default;

  // How long a call may take, from then on. Not while another thread calls.
  virtual void set_timeout(std::chrono::milliseconds timeout) = 0;

  virtual base::Result<std::vector<Projection>> list() = 0;
  virtual base::Result<Projection> get(const std::string& name) = 0;
  // Everything from `position` on is sent again; without one, only what is stored from now on.
  virtual base::Result<> reset(const std::string& name, std::optional<model::GlobalPosition> position) = 0;
  virtual base::Result<> pause(const std::string& name) = 0;
  virtual base::Result<> resume(const std::string& name) = 0;
  virtual base::Result<> remove(const std::string& name) = 0;
  // Sends the first waiting event of a held stream again (of all held streams when `stream` is empty). Returns how many
  // streams are tried.
  virtual base::Result<std::uint64_t> retry(const std::string& name, const std::string& stream) = 0;
  // Drops the first waiting event of a held stream for good. FAILED_PRECONDITION: it is not the one at
  // `global_position`.
  virtual base::Result<> skip(const std::string& name, const std::string& stream,
                              model::GlobalPosition global_position) = 0;
  // Returns when the projection has passed the event at `global_position`: to read what one has written.
  // DEADLINE_EXCEEDED: not within the timeout.
  virtual base::Result<Passed> wait_for(const std::string& name, model::GlobalPosition global_position) = 0;
};

}  // namespace thalo::client
