// The commit pipeline, shared by the engines: a bounded queue, one thread, group commit.
//
//   append() on any thread: pin the stream's head (a chain keeps it pinned), encode the events, queue
//   committer thread: take everything waiting → check expected versions, give positions → CommitTarget::write (one
//   atomic write, one sync)
//                     → CommitTarget::publish → head → outcomes, one call per sink → head-moved callbacks
//
// There is no timer and no delay: a lone append is written at once, and what arrives while the disk works forms the
// next batch.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/bounded_queue.h"
#include "store/commit_limits.h"
#include "store/head_listeners.h"
#include "store/head_table.h"
#include "store/poison.h"
#include "store/record.h"
#include "store/store.h"

namespace thalo::store {

// An append that passed its check, with its place.
struct PlacedAppend {
  const base::SharedText* stream = nullptr;
  std::uint64_t hash = 0;  // stream_hash
  const EncodedEvents* events = nullptr;
  model::GlobalPosition first_global_position = 0;
  model::Position first_position = 0;
};

// The engine's side of a commit. Called on the committer thread only.
class CommitTarget {
 public:
  virtual ~CommitTarget() = default;
  // Writes all events in one atomic step and syncs. The error's message says what failed; it poisons the store.
  virtual base::Result<> write(std::span<const PlacedAppend> batch) = 0;
  // Makes what was written readable; `head` is one past its last event.
  virtual void publish(std::span<const PlacedAppend> batch, model::GlobalPosition head) = 0;
};

class Committer {
 public:
  // `target`, `heads` and `poison` must outlive it. `head` is the number of events already stored. Call start() to run
  // the thread.
  Committer(const CommitLimits& limits, CommitTarget& target, HeadTable& heads, Poison& poison,
            model::GlobalPosition head);
  ~Committer();
  void start();

  // As Store says.
  base::Result<> append(Append append, AppendSink& sink);
  model::GlobalPosition head() const { return head_.load(std::memory_order_acquire); }
  HeadListeners& listeners() { return listeners_; }
  // Appends that wait for the committer to take them.
  std::size_t queued() const { return queue_.size(); }

  // Commits what is queued and ends the thread. Not from a sink or a callback. Only one call at a time.
  void close();

 private:
  struct Pending {
    HeadTable::Pin own_head;  // of one that stands alone
    std::shared_ptr<Chain> chain;
    model::ExpectedVersion expected = model::ExpectedVersion::any();
    EncodedEvents events;
    AppendSink* sink = nullptr;
    std::uint64_t tag = 0;

    HeadTable::Pin& head() { return chain != nullptr ? chain->head : own_head; }
  };

  base::Result<> check(const Append& append) const;
  void run();
  std::size_t batch_end(std::size_t begin) const;
  void commit(std::span<Pending> batch);
  base::Result<Appended> place(Pending& pending, model::GlobalPosition& next);
  std::vector<AppendOutcome>& outcomes_of(AppendSink* sink);
  void deliver_outcomes();
  void tell_listeners(model::GlobalPosition head);

  const CommitLimits limits_;
  CommitTarget& target_;
  HeadTable& heads_;
  Poison& poison_;
  base::BoundedQueue<Pending> queue_;
  std::atomic<std::size_t> queued_bytes_ = 0;
  std::atomic<model::GlobalPosition> head_;
  HeadListeners listeners_;

  // Kept between batches for their memory; the committer thread only.
  struct SinkOutcomes {
    AppendSink* sink = nullptr;
    std::vector<AppendOutcome> outcomes;
  };
  std::vector<Pending> taken_;
  std::vector<PlacedAppend> placed_;
  std::vector<base::Result<Appended>> results_;
  std::vector<SinkOutcomes> sinks_;
  std::size_t sinks_used_ = 0;
  std::size_t last_sink_ = 0;
  std::unordered_map<AppendSink*, std::size_t> sink_places_;

  std::thread thread_;
};

}  // namespace thalo::store
