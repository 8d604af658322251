// Projections: named consumers with a durable cursor, at least once, in order per stream.
//
// A projection is a name and a filter. Members join it by name and share its work: each stream's events go to one
// member at a time, in order. What is acknowledged is never sent again; what was sent to a member that leaves goes to
// another one. An event that a member fails is tried again after a pause and, after some attempts, its stream is
// *parked*: its later events wait behind it, other streams go on, nothing is dropped.
//
//   auto membership = projections.join({.name = "counts", .filter = {{.categories = {"counter"}}}}, consumer);
//   // consumer->on_events(delivery) … then, from any thread:
//   membership->acknowledge(delivery.number(), delivery.last_position());
//
// Every call may come from any thread and never blocks; answers and events come on the feed's thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "feed/delivery.h"
#include "feed/filter.h"
#include "model/event.h"

namespace thalo::feed {

// What happens when a member fails an event.
struct FailurePolicy {
  std::uint32_t attempts_max = 5;                // failures of one event until its stream is parked; 0: tried for ever
  std::chrono::milliseconds backoff_first{100};  // the pause after the first failure; doubled after each further one
  std::chrono::milliseconds backoff_max{30'000};
  // With so many parked streams nothing more is sent until some are retried or skipped; at most held_streams_max.
  std::uint32_t parked_streams_max = 1000;
  friend bool operator==(const FailurePolicy&, const FailurePolicy&) = default;
};
inline constexpr std::uint32_t held_streams_max = 1000;

// Where a projection begins that does not exist yet.
struct Start {
  bool at_head = false;            // with the next event that is stored
  model::GlobalPosition from = 0;  // otherwise: with this one
};

// How much may be unacknowledged at one member.
struct Window {
  std::uint32_t events = 10'000;             // 1 to window_events_max
  std::size_t bytes = std::size_t{4} << 20;  // a single event may have more
};
inline constexpr std::uint32_t window_events_max = 100'000;

struct JoinRequest {
  std::string name;
  Filter filter = {};
  Start start = {};
  std::optional<FailurePolicy> policy = {};  // absent: as it was, or the default
  Window window = {};
  std::string member = {};  // who joins, for people: a client's address, a relay's kind
};

// One member's side of a projection: yours. Called on the feed's thread, one call at a time; must not block, hand the
// work to a thread of your own. It may use the membership.
class Consumer {
 public:
  virtual ~Consumer() = default;
  // Once, before anything else: everything before `cursor` is done.
  virtual void on_joined(model::GlobalPosition cursor) { (void)cursor; }
  // Right after on_joined, and after each reset: how often the projection was reset so far, and where it goes on. What
  // was built of its events should be built anew when the number is another than last time.
  virtual void on_resets(std::uint64_t resets, model::GlobalPosition cursor) { (void)resets, (void)cursor; }
  // Once, when the projection has reached the end of the store: types of its filter that no event has had, from where
  // the projection began. A slip of the pen, or still to come.
  virtual void on_unseen(const std::vector<std::string>& types, model::GlobalPosition cursor) {
    (void)types, (void)cursor;
  }
  virtual void on_events(const Delivery& delivery) = 0;
  // The projection was paused, or goes on: what the member has stays with it, and nothing new comes meanwhile.
  virtual void on_paused(bool paused) { (void)paused; }
  // An operator wants everything that waits tried again now.
  virtual void on_retry() {}
  // Nothing was sent for a while (FeedOptions::heartbeat): everything before `cursor` is done or held.
  virtual void on_heartbeat(model::GlobalPosition cursor, model::GlobalPosition head) { (void)cursor, (void)head; }
  // The membership has ended and nothing follows. INVALID_ARGUMENT, FAILED_PRECONDITION: the projection has another
  // filter (both are shown), or what was acknowledged was not sent to this member. NOT_FOUND: it was deleted.
  // RESOURCE_EXHAUSTED: too many projections or members, or it says more than its window can explain. UNAVAILABLE: the
  // feed stops, or the store refuses writes; join again later. DATA_LOSS: an event cannot be read. Not called after
  // leave().
  virtual void on_stopped(const base::Error& reason) = 0;
};

class Membership {
 public:
  virtual ~Membership() = default;  // leaves

  // Everything sent to this member in deliveries before number `delivery`, and in that one up to the event at
  // `position`, is done. Without a number: the newest delivery that has the event. Acknowledging again, or what has
  // been withdrawn (by a failure or a reset), changes nothing. What was not sent to this member ends the membership
  // (on_stopped, FAILED_PRECONDITION).
  virtual void acknowledge(std::optional<std::uint64_t> delivery, model::GlobalPosition position) = 0;
  // One event could not be handled. The earlier events of its stream count as done. Later events of the stream that
  // were sent already are withdrawn: drop them, they are sent again.
  virtual void fail(std::optional<std::uint64_t> delivery, model::GlobalPosition position, std::string reason) = 0;
  // What is not acknowledged goes to another member. A call of the consumer that is under way on another thread may
  // still end after this; it is kept alive until then.
  virtual void leave() = 0;
};

enum class HeldState : std::uint8_t {
  retrying,  // tried again when its time comes
  parked,    // waits for retry or skip
};

// A stream whose events wait behind one that failed.
struct HeldStream {
  std::string stream = {};
  HeldState state = HeldState::retrying;
  model::Position position = 0;  // of the first event that waits
  model::GlobalPosition global_position = 0;
  std::uint32_t attempts = 0;
  std::string error = {};
  std::int64_t first_failed_ms = 0;
  std::int64_t last_failed_ms = 0;
  std::int64_t retry_at_ms = 0;  // only when retrying
  friend bool operator==(const HeldStream&, const HeldStream&) = default;
};

struct MemberDescription {
  std::string member = {};
  std::uint64_t unacknowledged = 0;  // events
};

struct ProjectionDescription {
  std::string name = {};
  Filter filter = {};
  FailurePolicy policy = {};
  model::GlobalPosition cursor = 0;  // everything before is acknowledged, skipped, or waits in `held`
  model::GlobalPosition head = 0;
  std::uint64_t lag_events = 0;  // from the cursor to the head, matching or not
  std::int64_t lag_ms = 0;       // the age of the event at the cursor; 0: none waits
  bool paused = false;
  std::string stopped = {};  // why nothing more is sent, e.g. too many parked streams; empty: it runs
  std::vector<MemberDescription> members = {};
  std::vector<HeldStream> held = {};
  // Parts of the filter that have no event: categories and streams, and types among what the projection has read.
  std::vector<std::string> unseen = {};
  // Since the feed was started.
  std::uint64_t delivered = 0;  // events sent to members, for the first time or again
  std::uint64_t failures = 0;   // that they reported
  std::uint64_t skipped = 0;    // events passed by because they do not match
};

// Called once, on the feed's thread; must not block.
template <class T = void>
using Answer = std::function<void(base::Result<T>)>;

class Projections {
 public:
  virtual ~Projections() = default;

  // Joins a projection and makes it when it is new. What comes of it reaches the consumer: on_joined or on_stopped.
  // INVALID_ARGUMENT at once: a bad name, filter, window or policy.
  virtual base::Result<std::unique_ptr<Membership>> join(JoinRequest request, std::shared_ptr<Consumer> consumer) = 0;

  // NOT_FOUND: no such projection. All of these answer when what they changed is durable.
  virtual void list(Answer<std::vector<ProjectionDescription>> answer) = 0;
  virtual void get(const std::string& name, Answer<ProjectionDescription> answer) = 0;
  // Goes on from `position` (at most the head; `at_head`: the head): everything from there on is sent again, held
  // streams are let go.
  virtual void reset(const std::string& name, Start to, Answer<> answer) = 0;
  virtual void pause(const std::string& name, Answer<> answer) = 0;  // members stay and get nothing
  virtual void resume(const std::string& name, Answer<> answer) = 0;
  // Members are stopped with NOT_FOUND. FAILED_PRECONDITION: it is the runtime's own and has a member, which would make
  // it anew, at the beginning, at once.
  virtual void remove(const std::string& name, Answer<> answer) = 0;
  // Sends the first waiting event of a held stream again, of all held streams when `stream` is empty; when it is
  // acknowledged, those behind it. Answers how many streams are tried. NOT_FOUND: the stream is not held. Without a
  // stream the members hear of it too (Consumer::on_retry).
  virtual void retry(const std::string& name, const std::string& stream, Answer<std::uint64_t> answer) = 0;
  // Drops the first waiting event of a held stream, for good, and goes on with the next. FAILED_PRECONDITION: it is not
  // the event at `position`, or it is being tried right now. One of the runtime's own holds no streams: there it is the
  // event at the cursor that can be skipped, also while it is tried.
  virtual void skip(const std::string& name, const std::string& stream, model::GlobalPosition position,
                    Answer<> answer) = 0;

  struct Passed {
    model::GlobalPosition cursor = 0;
    bool held = false;  // an event at or before the position waits in a held stream
  };
  // Answers when the projection has passed the event at `position`; DEADLINE_EXCEEDED when that takes longer.
  // `is_gone`, when there is one, is asked now and then whether anybody still wants to know.
  virtual void wait_for(const std::string& name, model::GlobalPosition position,
                        std::chrono::steady_clock::time_point deadline, Answer<Passed> answer,
                        std::function<bool()> is_gone = {}) = 0;
};

}  // namespace thalo::feed
