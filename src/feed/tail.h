// The end of the store, read once for everybody who follows it.
//
// A Reader moves through the store from where it was put, a stretch at a time, each when it asks for one. Readers near
// the end are served from a ring of shared batches; those behind read the store themselves, on an executor; and those
// that have reached the end wait there until an event comes that may match: catching up and following are one thing.
// The end moves along under readers that wait, so an event that nobody wants costs nothing per reader.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/result.h"
#include "env/executor.h"
#include "feed/delivery.h"
#include "feed/filter.h"
#include "feed/fresh_events.h"
#include "feed/loop.h"
#include "feed/matcher.h"
#include "feed/stream_reads.h"
#include "store/store.h"

namespace thalo::feed {

class Tail;

// What a reader gets: the stretch [from, next) and the events in it that match.
struct Stretch {
  Selection selection = {};  // perhaps without events, and then perhaps without a batch
  model::GlobalPosition from = 0;
  model::GlobalPosition next = 0;
  bool at_end = false;  // nothing was stored behind it when it was read
};

// On the loop only.
class Reader {
 public:
  // Runs on the executor with a batch that was read for this reader alone: to prepare what would cost the loop time.
  using Prepare = std::function<void(const EventBatch&)>;

  Reader(Tail& tail, const Filter& filter, model::GlobalPosition from, Prepare prepare = nullptr);
  virtual ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // Asks for the next stretch: on_stretch or on_unreadable follows, not within this call, once. Asking again before is
  // fine.
  void want();
  // Goes on from another place; what was asked for is forgotten.
  void move_to(model::GlobalPosition position);
  // Everything before has been handed out or does not match. Moves along by itself while the reader waits at the end.
  model::GlobalPosition position() const;
  const Matcher& matcher() const { return *matcher_; }

 protected:
  virtual void on_stretch(Stretch stretch) = 0;
  // DATA_LOSS, UNAVAILABLE (too much waits for the disk). The reader stands where it was.
  virtual void on_unreadable(const base::Error& error) = 0;

 private:
  friend class Tail;
  friend class InterestIndex;
  enum class State : std::uint8_t { idle, queued, reading, waiting, called };

  Tail& tail_;
  const std::shared_ptr<const Matcher> matcher_;
  const Filter filter_;
  const Prepare prepare_;
  std::shared_ptr<StreamPlaces> places_;  // of a filter that names its streams; the read under way has it
  std::uint64_t id_ = 0;
  State state_ = State::idle;
  bool told_end_ = false;    // its last stretch reached the end
  std::uint64_t asked_ = 0;  // which read is under way
  model::GlobalPosition position_;
};

// Which readers an event may matter to. A value; one thread.
class InterestIndex {
 public:
  void add(Reader& reader);
  void remove(Reader& reader);
  // Calls visit(Reader&) for each reader that the events of the batch may matter to; some more than once.
  template <class Visit>
  void for_candidates(const EventBatch& batch, Visit&& visit) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  using ByText = std::unordered_map<std::string, std::vector<Reader*>, Hash, std::equal_to<>>;
  template <class Change>
  void for_places(const Reader& reader, Change&& change);

  std::vector<Reader*> everything_;
  ByText by_category_;
  ByText by_type_;
  ByText by_stream_;
};

struct TailLimits {
  std::size_t ring_bytes_max = std::size_t{16} << 20;
  std::size_t batch_bytes = std::size_t{256} << 10;  // about
  std::uint64_t batch_events_max = 4096;             // on the loop
  std::uint64_t scan_events_max = 50'000;            // looked at in one read on the executor
  // With many who follow, the end moves this long after it moved last, for each of them but the first: a message costs
  // more than the events in it.
  std::chrono::microseconds pause_per_reader{150};
  std::chrono::microseconds pause_max{4500};
};

class Tail {
 public:
  // The store, the loop and the executor must outlive it.
  Tail(store::Store& store, Loop& loop, env::Executor& executor, TailLimits limits = {});
  ~Tail();

  // Any thread.
  model::GlobalPosition head() const { return store_.head(); }
  // On the loop: up to where readers that wait have seen everything.
  model::GlobalPosition end() const { return end_; }
  // Called on the loop when the end has moved and everybody concerned has been told.
  void set_on_moved(std::function<void()> on_moved) { on_moved_ = std::move(on_moved); }
  // See FeedOptions.
  void set_hold_wake_ups(std::function<std::shared_ptr<void>()> hold) { hold_wake_ups_ = std::move(hold); }

 private:
  friend class Reader;

  void add(Reader& reader);
  void remove(Reader& reader);
  void queue(Reader& reader);
  void serve_queued();
  void serve(Reader& reader);
  bool serve_from_ring(Reader& reader);
  void wait_at_end(Reader& reader);
  base::Result<SharedBatch> read_stretch(model::GlobalPosition from, const Matcher& matcher, StreamPlaces* places);
  void read_behind(Reader& reader);
  void take_read(std::uint64_t id, std::uint64_t asked, base::Result<SharedBatch> read);
  void hand_over(Reader& reader, Selection selection, model::GlobalPosition next);

  void note_head_moved(const store::Commit& commit);
  void schedule_advance();
  void advance();
  base::Result<> read_next_batch();
  base::Result<std::shared_ptr<EventBatch>> read_end(model::GlobalPosition to);
  // Returns how many readers have got something.
  std::size_t dispatch(const SharedBatch& batch);
  void tell_end();
  void fail_waiting(const base::Error& error);

  store::Store& store_;
  Loop& loop_;
  env::Executor& executor_;
  const TailLimits limits_;

  std::unordered_map<std::uint64_t, Reader*> readers_;
  std::uint64_t last_id_ = 0;
  std::vector<std::uint64_t> queued_;
  std::unordered_set<std::uint64_t> untold_;  // readers that wait and have not been told that this is the end
  InterestIndex interests_;
  std::function<void()> on_moved_;
  std::function<std::shared_ptr<void>()> hold_wake_ups_;

  FreshEvents fresh_;
  std::deque<SharedBatch> ring_;  // without gaps; ends at end_
  std::size_t ring_bytes_ = 0;
  model::GlobalPosition end_;

  std::atomic<std::size_t> waiting_ = 0;  // readers at the end
  std::atomic<bool> advance_scheduled_ = false;
  std::uint64_t listener_ = 0;
};

}  // namespace thalo::feed
