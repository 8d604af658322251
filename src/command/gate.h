// The output gate of one shard: holds back every answer until what it depends on is durable.
//
// A shard speculates: it applies a command's events to the entity in memory, hands them to the store and takes the next
// command. The gate keeps the answers in the order in which they were computed. The store's outcomes let them out: an
// append's answer with its own outcome, and an answer computed on top of events in flight (a rejection, an empty
// result, an error) with the outcome of the last append before it. When an append fails, every later answer of the same
// entity fails with it, since it was computed from events that do not exist. (The idea: workerd's I/O gates.)
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "command/caller.h"
#include "model/event.h"
#include "model/stream_name.h"
#include "store/store.h"

namespace thalo::command {

// What one incarnation of an entity has under way, and its name. Shared by the shard's thread and the committer's.
struct Flight {
  explicit Flight(model::StreamName of) : stream(std::move(of)) {}
  // Broken: an append failed, this incarnation is ahead of its stream. What follows is in its padding: very many are in
  // memory.
  [[no_unique_address]] store::Chain chain;
  std::atomic<bool> wake_wanted{false};   // the shard waits for appends to become 0
  std::atomic<std::uint32_t> appends{0};  // handed to the store, outcome unknown
  const model::StreamName stream;
};
static_assert(sizeof(Flight) == 24);

// The stored events that answer a repeated command id.
struct OriginalEvents {
  base::SharedText stream;
  model::Position first = 0;
  std::uint32_t count = 0;
};

struct Answer {
  std::unique_ptr<Caller> caller;
  base::Result<ExecuteOutcome> outcome;
  std::shared_ptr<Flight> flight;          // of the entity it was computed from; null: it depends on nothing
  std::optional<OriginalEvents> original;  // set: the answer is these stored events, to be read once they are durable
};

class Gate {
 public:
  // `on_wake` is told the stream whose last append has an outcome when its Flight wants it; `on_original` gets answers
  // whose stored events are now readable. Both are called on the committer thread. `runs` may be null; it must outlive
  // the gate.
  Gate(std::function<void(const base::SharedText& stream)> on_wake, std::function<void(Answer)> on_original,
       AnswerRuns* runs);

  // Shard thread, before the append reaches the store: the answer waits for the append's outcome.
  void hold_for_append(Answer answer);
  // Shard thread, right after hold_for_append when the store refused the append: the answer is handed back.
  Answer take_back();
  // Shard thread: lets the answer out at once, or behind the appends under way.
  void let_out(Answer answer);
  // Committer thread, with the outcomes of this shard's appends in order.
  void release(std::span<store::AppendOutcome> outcomes);
  // Shard thread: blocks until fewer than `appends` are under way, their answers passed on.
  void wait_below(std::size_t appends);

 private:
  struct Held {
    Answer answer;
    bool is_append;
  };
  // Decides what a held answer becomes, given that everything before it has an outcome.
  static void settle(Held& held, base::Result<store::Appended>* appended);
  void pass_on(std::vector<Held>& released);

  const std::function<void(const base::SharedText&)> on_wake_;
  const std::function<void(Answer)> on_original_;
  AnswerRuns* const runs_;
  std::mutex mutex_;
  std::condition_variable drained_;
  std::deque<Held> held_;       // front: an append
  std::size_t appends_ = 0;     // in held_
  std::size_t unfinished_ = 0;  // those, and the released ones whose answers are being passed on
  bool shard_waits_ = false;
};

}  // namespace thalo::command
