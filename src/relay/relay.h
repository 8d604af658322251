// One relay: a member of its projection that hands every event to its sink and acknowledges what the sink confirmed.
//
// It has a thread of its own, so a target that is slow or away holds nobody but this relay; what waits for it is
// bounded by the projection's window. A failure is tried again for as long as it takes, with growing pauses. The first
// attempt after one is a single event and the next ones double, so that an event the target refuses does not bring the
// target those behind it again and again. A reset of the projection (and a skip, which is one) takes from the relay
// what it has in hand, a pause stops its attempts, a retry ends its pause.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "env/clock.h"
#include "feed/projections.h"
#include "relay/settings.h"
#include "relay/sink.h"

namespace thalo::relay {

enum class State : std::uint8_t {
  starting,  // its projection has not let it in yet
  running,   // the last delivery, if there was one, went well
  retrying,  // the target fails; tried again
  stopped,   // its projection does not let it in, or cannot read on; tried again, but it wants a person
};
std::string_view state_name(State state);

// What can be seen of a relay from outside.
struct Health {
  State state = State::starting;
  std::int64_t since_ms = 0;    // in this state, since the Unix epoch
  std::string error;            // the last failure, also when it is over; empty: none yet
  std::int64_t error_ms = 0;    // when
  std::uint64_t failures = 0;   // one after the other; 0: the last delivery went well
  std::uint64_t delivered = 0;  // events confirmed since the runtime was started
};

class Relay {
 public:
  // Starts the thread. `projections` and `clock` outlive the relay.
  Relay(Settings settings, std::unique_ptr<Sink> sink, feed::Projections& projections, const env::Clock& clock);
  // As stop, without waiting for what is in flight.
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  const Settings& settings() const { return settings_; }
  Health health() const;  // any thread

  // Takes up no new events. Returns at once.
  void begin_stop();
  // Waits for what is in flight, until `deadline`, and ends the thread.
  void stop(std::chrono::steady_clock::time_point deadline);

 private:
  class Inbox;

  void run();
  // Until the membership ends or the relay is stopped.
  void serve(Inbox& inbox, feed::Membership& membership);
  // Takes the outcome into account; the pause until the next attempt.
  std::chrono::milliseconds after(const Outcome& outcome, std::size_t asked);
  void set_state(State state, const base::Error* error);
  void pause(std::chrono::milliseconds time);
  std::chrono::milliseconds backoff() const;

  const Settings settings_;
  const std::unique_ptr<Sink> sink_;
  feed::Projections& projections_;
  const env::Clock& clock_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  bool ended_ = false;
  Health health_;
  std::shared_ptr<Inbox> inbox_;  // of the membership, while there is one

  std::atomic<bool> cut_{false};
  const std::size_t batch_events_max_;
  std::size_t batch_events_;  // at most so many in the next delivery; only the thread
  std::thread thread_;
};

}  // namespace thalo::relay
