// The event store: streams of events, gapless global positions, durable before it answers.
//
// Engines: `rocksdb/` (embedded, the default) and `memory/` (for tests). Both pass store_suite.h. One process owns a
// store; every call may come from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/function_ref.h"
#include "base/result.h"
#include "base/shared_text.h"
#include "model/command.h"
#include "model/event.h"
#include "store/backup.h"
#include "store/head_table.h"

namespace thalo::store {

// What appends to one stream share that are decided one on top of the other. They come from one thread at a time. It
// must not outlive the store.
struct Chain {
  // The store's own: from the first append on it knows the stream's version without looking for it.
  HeadTable::Pin head = {};
  // The first of them that fails sets it, and those behind it fail with ABORTED whatever their expected version: they
  // rest on events that do not exist.
  std::atomic<bool> broken = false;
};

// The events of one command (or one direct append) for one stream: stored all or none.
struct Append {
  base::SharedText stream = {};  // a valid stream name; the caller has checked it
  model::ExpectedVersion expected = model::ExpectedVersion::any();
  std::vector<model::NewEvent> events = {};  // at least one
  std::int64_t time_ms = 0;
  std::uint64_t tag = 0;              // the caller's own; returned with the outcome
  std::shared_ptr<Chain> chain = {};  // null: it stands alone
};

// Where the events of an append went.
struct Appended {
  model::GlobalPosition first_global_position = 0;
  model::Position first_position = 0;
  std::uint32_t count = 0;
};

struct AppendOutcome {
  std::uint64_t tag = 0;
  // ABORTED: the stream's version is another (the message says which). UNAVAILABLE: the store is poisoned or closed;
  // nothing of it is stored as far as this process can know.
  base::Result<Appended> result;
};

// Hears what came of appends. Owned by the caller; must outlive every append that names it.
class AppendSink {
 public:
  virtual ~AppendSink() = default;
  // Called on the committer thread, once per committed batch with this sink's outcomes in the order of its appends,
  // after the batch is durable and readable (or has failed). Must not block and must not call the store.
  virtual void on_appended(std::span<AppendOutcome> outcomes) = 0;
};

enum class Direction : std::uint8_t { forwards, backwards };

struct StreamQuery {
  std::string_view stream;
  // The first event shown: going forwards everything from it on, going backwards everything from it down; `newest`
  // means the newest.
  model::Position from = 0;
  Direction direction = Direction::forwards;
  std::uint64_t limit = UINT64_MAX;  // events
  // Who reads will soon append to the stream: what was found out for the read is kept for the append.
  bool append_follows = false;
};
inline constexpr model::Position newest = UINT64_MAX;

// Events must match every set that is not empty.
struct Filter {
  std::vector<std::string> categories = {};
  std::vector<std::string> streams = {};
  std::vector<std::string> types = {};
  friend bool operator==(const Filter&, const Filter&) = default;
};

struct AllQuery {
  model::GlobalPosition from = 0;
  const Filter* filter = nullptr;         // null: everything
  std::uint64_t limit = UINT64_MAX;       // events shown
  std::uint64_t scan_limit = UINT64_MAX;  // events looked at, shown or not
};

struct AllResult {
  // Where the next read goes on: one past the last event looked at.
  model::GlobalPosition next = 0;
  std::uint64_t shown = 0;
  std::uint64_t skipped = 0;  // looked at and filtered out
};

// Shows one event; its texts live until the call returns. Return false to stop after this one.
using EventVisitor = base::FunctionRef<bool(const model::EventView&)>;

// What one commit has stored.
struct Commit {
  model::GlobalPosition head = 0;                  // one past its last event
  base::FunctionRef<void(EventVisitor)> for_each;  // shows its events in global order
};

// Which streams to list, in the order of their names (bytes).
struct StreamsQuery {
  std::string_view category = {};    // only its streams; empty: all
  std::string_view after = {};       // only names that come after this one
  std::uint64_t limit = UINT64_MAX;  // streams shown
};

struct StreamSummary {
  std::string_view stream;    // lives until the call that shows it returns
  std::uint64_t version = 0;  // the number of its events
};
// Return false to stop after this one.
using StreamVisitor = base::FunctionRef<bool(const StreamSummary&)>;

// A named consumer's place: everything before `next` is done. `data` is the consumer's own (e.g. its filter).
struct Cursor {
  model::GlobalPosition next = 0;
  std::string data = {};
  friend bool operator==(const Cursor&, const Cursor&) = default;
};

// An entity's state as its module gave it, after `version` events.
struct Snapshot {
  std::uint64_t version = 0;
  std::string module_digest = {};
  std::string format = {};  // the module's own name for the shape of `data`; empty: bound to the digest
  std::string data = {};
  friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

class Store {
 public:
  virtual ~Store() = default;

  // Queues an append; what comes of it reaches `sink`. Appends are committed in the order they are queued. An error
  // here means it was not queued: RESOURCE_EXHAUSTED (the queue is full; retryable), UNAVAILABLE (closed, or poisoned
  // by a failed write until reopened).
  virtual base::Result<> append(Append append, AppendSink& sink) = 0;

  // Shows the events of a stream that are durable when the call starts. An unknown stream has no events. DATA_LOSS
  // names the position of a record that cannot be read. Returns the number of events shown.
  virtual base::Result<std::uint64_t> read_stream(const StreamQuery& query, EventVisitor visit) = 0;

  // Shows durable events in global order.
  virtual base::Result<AllResult> read_all(const AllQuery& query, EventVisitor visit) = 0;

  // The number of durable events of `stream`; 0 when there are none.
  virtual base::Result<std::uint64_t> stream_version(std::string_view stream) = 0;

  // Shows the streams that have durable events when the call starts, with at least the version they had then (of a
  // command that is stored meanwhile a part may be counted); one that is begun meanwhile may be shown or not. Returns
  // the number of streams shown.
  virtual base::Result<std::uint64_t> list_streams(const StreamsQuery& query, StreamVisitor visit) = 0;

  // The number of durable events in the store: the global position the next event gets, at the earliest.
  virtual model::GlobalPosition head() const = 0;

  // `callback` is called on the committer thread after every commit, whose head is then that of the store or before it;
  // the commit lives until it returns, and it must not block. Returns an id for stop_head_moved, after which it is not
  // called again.
  virtual std::uint64_t on_head_moved(std::function<void(const Commit&)> callback) = 0;
  virtual void stop_head_moved(std::uint64_t id) = 0;

  // Durable when the call returns.
  virtual base::Result<> save_cursor(std::string_view name, const Cursor& cursor) = 0;
  // The same for several, all or none, in one write.
  virtual base::Result<> save_cursors(std::span<const std::pair<std::string, Cursor>> cursors) = 0;
  virtual base::Result<std::optional<Cursor>> load_cursor(std::string_view name) = 0;
  virtual base::Result<> delete_cursor(std::string_view name) = 0;
  virtual base::Result<std::vector<std::pair<std::string, Cursor>>> list_cursors() = 0;

  // A snapshot is a cache: saving replaces the older one and is not synced.
  virtual base::Result<> save_snapshot(std::string_view stream, const Snapshot& snapshot) = 0;
  virtual base::Result<std::optional<Snapshot>> load_snapshot(std::string_view stream) = 0;
  virtual base::Result<> delete_snapshot(std::string_view stream) = 0;

  virtual const model::StoreId& id() const = 0;

  // Adds a backup of the store to the backups in `folder`, which is made when missing: everything acknowledged so far,
  // and perhaps more. Blocks; appends and reads go on. UNIMPLEMENTED: the engine has no backups. CANCELLED: `progress`
  // asked for it. FAILED_PRECONDITION: the folder holds something else. DATA_LOSS: what was copied cannot be read.
  virtual base::Result<BackupMade> back_up(const std::filesystem::path& folder, BackupProgress progress) = 0;

  // Why the store refuses writes, when it does. A failed write or sync is never retried; reopening is the only way out.
  virtual std::optional<base::Error> poisoned() const = 0;

  // Commits and syncs everything queued, then refuses appends. Idempotent; also done by the destructor.
  virtual void close() = 0;
};

}  // namespace thalo::store
