// What a projection does, without threads, clock or disk: events, acknowledgements, failures and commands go in,
// actions come out. So a test can drive it through anything that may happen, in any order.
//
// Its promises: every event fed to it is acknowledged, skipped, or waits in a held stream before the cursor passes it;
// a stream's events are sent in order, each only when no other member has unfinished ones of the stream; what was sent
// to a member that leaves is sent again.
//
// Two lanes. The *live* lane takes the events in global order. A stream with an event that failed is *held*: it leaves
// the live lane, its record keeps the place of the first event that waits, and later events of it are only passed by.
// When it is tried again its events are read from its stream, up to the last one that was passed by; then it is live
// again. So a failing stream costs one record, however many events wait.
//
// While a projection has one member and no held stream, its live lane is kept in *runs*: whole stretches, sent and
// acknowledged as deliveries, at the same cost for one event and for hundreds. Whatever is about single events (a
// failure, an acknowledgement within a delivery, a second member) spreads the runs to entries first.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/result.h"
#include "feed/delivery.h"
#include "feed/projections.h"
#include "feed/slots.h"

namespace thalo::feed {

// What survives a restart.
struct ProjectionPlace {
  model::GlobalPosition cursor = 0;
  bool paused = false;
  std::uint64_t resets = 0;  // how often it was reset
  FailurePolicy policy = {};
  std::vector<HeldStream> held = {};
  friend bool operator==(const ProjectionPlace&, const ProjectionPlace&) = default;
};

// The events of a held stream are needed: those that match, from `from` on, at most `limit`.
struct StreamRead {
  std::string stream;
  model::Position from = 0;
  std::size_t limit = 0;
  std::uint64_t token = 0;  // to be given back
};

// What came of a StreamRead.
struct StreamEvents {
  std::string stream;
  std::uint64_t token = 0;
  SharedBatch events = {};   // perhaps none
  model::Position next = 0;  // one past the last event looked at
  bool at_end = false;       // the stream has no more
};

struct Actions {
  std::vector<std::pair<MemberId, Delivery>> deliveries;
  std::vector<std::pair<MemberId, base::Error>> stops;  // these members are gone
  std::vector<StreamRead> reads;
};

// One thread at a time. Times are milliseconds of any clock that does not run backwards by much.
class ProjectionMachine {
 public:
  explicit ProjectionMachine(const ProjectionPlace& place);

  // --- inputs; each may leave actions behind ---

  void join(MemberId member, Window window);
  void leave(MemberId member);
  // The next stretch of the live lane: it begins at read_position() and ends before `next`.
  void take_events(Selection selection, model::GlobalPosition next);
  void acknowledge(MemberId member, std::optional<std::uint64_t> delivery, model::GlobalPosition position);
  void fail(MemberId member, std::optional<std::uint64_t> delivery, model::GlobalPosition position, std::string reason,
            std::int64_t now_ms);
  void take_stream_events(const StreamEvents& events);
  // Tries the held streams whose time has come.
  void tick(std::int64_t now_ms);
  void set_policy(const FailurePolicy& policy);
  void pause();
  void resume();
  void reset(model::GlobalPosition position);
  base::Result<std::uint64_t> retry(std::string_view stream, std::int64_t now_ms);
  base::Result<> skip(std::string_view stream, model::GlobalPosition position, std::int64_t now_ms);

  // --- what comes out ---

  Actions take_actions() { return std::exchange(actions_, {}); }
  // Whether more of the live lane should be read, and from where.
  bool wants_events() const;
  model::GlobalPosition read_position() const { return read_position_; }
  // When tick should be called; absent: not by itself.
  std::optional<std::int64_t> next_tick_ms() const;
  model::GlobalPosition cursor() const;
  // The event at the cursor, when it is in memory.
  std::optional<model::EventView> first_unfinished() const;
  ProjectionPlace place() const;
  // Counts changes of place() other than the cursor's.
  std::uint64_t changes() const { return changes_; }
  // Whether what members say next may let more be sent or read.
  bool waits_for_members() const { return unsent_ > 0 || trying_ > 0 || !wants_events(); }
  bool has_members() const { return !members_.empty(); }
  std::size_t member_count() const { return members_.size(); }
  std::uint64_t unacknowledged(MemberId member) const;
  bool paused() const { return paused_; }
  std::uint64_t resets() const { return resets_; }
  const FailurePolicy& policy() const { return policy_; }
  // Why nothing more is sent although events wait; empty: it runs.
  std::string stopped() const;
  // Whether an event at or before `position` waits in a held stream.
  bool holds_until(model::GlobalPosition position) const;

 private:
  using EntryId = std::uint64_t;
  // One delivery; a single event may have more bytes.
  static constexpr std::size_t delivery_events_max = 1000;
  static constexpr std::size_t delivery_bytes_max = std::size_t{128} << 10;
  enum class EntryState : std::uint8_t { unsent, sent, done };
  // An event of the live lane, from when it is read until the cursor has passed it.
  struct Entry {
    model::GlobalPosition position;
    std::uint64_t chunk;
    std::uint32_t index;
    Slot slot;
    EntryState state;
  };
  struct Chunk {
    SharedBatch batch;
    std::size_t unfinished;
  };
  enum class Phase : std::uint8_t { idle, reading, sending };
  struct Held {
    HeldStream info;
    Slot slot = 0;
    model::GlobalPosition last_behind = 0;   // of the events that were passed by
    model::GlobalPosition asked_behind = 0;  // the same, when what is being read was asked for
    Phase phase = Phase::idle;
    std::uint64_t token = 0;
    // While sending: the events read, how many of them there are to send, have been sent, and are unacknowledged.
    SharedBatch loaded = {};
    std::size_t loaded_end = 0;
    std::size_t loaded_next = 0;
    std::size_t unfinished = 0;
  };
  struct Sent {
    std::uint64_t delivery;
    model::GlobalPosition position;
    EntryId entry;  // of the live lane, when `held` is null
    Held* held;
    std::uint32_t size_bytes;
    Slot slot;
    bool finished;  // or withdrawn: it counts for nothing any more
  };
  struct Member {
    MemberId id;
    Window window;
    std::deque<EntryId> ready = {};
    std::deque<Sent> sent = {};
    std::size_t unfinished = 0;
    std::size_t unfinished_bytes = 0;
    std::uint64_t last_delivery = 0;
    std::uint64_t failures = 0;          // that it has reported
    model::GlobalPosition sent_end = 0;  // one past the greatest position ever sent
    bool ascending = true;               // the positions in `sent` are
  };
  // Events of the live lane that have not been sent, while there are runs.
  struct Run {
    SharedBatch batch;
    Indexes indexes;
    std::size_t next;        // of `indexes`: those before have been sent
    std::size_t size_bytes;  // of those that have not
  };
  struct SentRuns {
    Delivery delivery;
    std::size_t size_bytes;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  // Members and routing.
  Member* find(MemberId member);
  void route(EntryId id, Slot slot);
  void take_back(Member& member);
  void share_out();
  void flush_waiting();
  void stop(MemberId member, base::Error reason);

  // Sending.
  void pump();
  void pump(Member& member);
  bool has_room(const Member& member, std::size_t size_bytes) const;
  void send_held(Member& member, Held& held);
  void send_live(Member& member);
  bool pass_by_if_held(EntryId id);
  void note_sent(Member& member, const EventBatch& batch, std::uint32_t index, EntryId entry, Held* held, Slot slot);

  // Runs.
  bool may_begin_runs() const;
  void take_run(Selection selection);
  void send_runs(Member& member);
  std::size_t take_of_run(Member& member, Run& run, std::size_t events_max, std::size_t bytes_max, Selection& taken);
  bool acknowledge_runs(Member& member, std::optional<std::uint64_t> delivery, model::GlobalPosition position);
  void spread_runs();
  void add_entries(const SharedBatch& batch, const Indexes& indexes, EntryState state);

  // Finishing.
  std::optional<std::size_t> place_of(const Member& member, std::optional<std::uint64_t> delivery,
                                      model::GlobalPosition position, base::Error& refusal) const;
  std::optional<std::size_t> newest_of(const Member& member, model::GlobalPosition position,
                                       base::Error& refusal) const;
  void finish(Member& member, Sent& sent);
  void withdraw(Member& member, Sent& sent);
  void drop_finished(Member& member);
  void finish_entry(EntryId id);
  void advance_cursor();

  // Held streams.
  void fail_live(Member& member, std::size_t place, std::string reason, std::int64_t now_ms);
  void fail_held(Member& member, std::size_t place, std::string reason, std::int64_t now_ms);
  void note_failure(Held& held, const model::EventView& event, std::string reason, std::int64_t now_ms);
  void start_trying(Held& held);
  void go_on_after(Held& held);
  void set_idle(Held& held);
  void let_go(Held& held);
  bool is_full() const { return held_.size() >= policy_.parked_streams_max; }

  Entry& entry(EntryId id) { return entries_[id - first_entry_]; }
  const Entry& entry(EntryId id) const { return entries_[id - first_entry_]; }
  const EventBatch& batch_of(const Entry& entry) const { return *chunks_[entry.chunk - first_chunk_].batch; }

  FailurePolicy policy_;
  bool paused_;
  std::uint64_t resets_;
  std::vector<std::unique_ptr<Member>> members_;  // in the order of joining
  Slots slots_;

  model::GlobalPosition read_position_;
  std::deque<Entry> entries_;
  EntryId first_entry_ = 0;
  std::deque<Chunk> chunks_;
  std::uint64_t first_chunk_ = 0;
  bool in_runs_ = false;  // then there are no entries and chunks
  std::deque<Run> runs_;
  std::deque<SentRuns> sent_runs_;                // deliveries with consecutive numbers, before runs_
  std::map<Slot, std::vector<EntryId>> waiting_;  // of slots that nobody may be sent now
  std::size_t unsent_ = 0;
  std::size_t unsent_bytes_ = 0;
  std::size_t kept_bytes_ = 0;  // of the batches of chunks_

  std::unordered_map<std::string, Held, TextHash, std::equal_to<>> held_;
  std::size_t trying_ = 0;   // held streams that are not idle
  std::size_t sending_ = 0;  // of them those with something to send
  std::uint64_t last_token_ = 0;

  std::uint64_t changes_ = 0;
  bool must_flush_ = false;  // a slot has settled
  Actions actions_;
};

}  // namespace thalo::feed
