// Where the events of each stream are.
//
// Global positions are divided into stretches of equal length. The newest ones are in memory, the older ones in the
// column `index`, written in sorted chunks by the index thread, off the commit path. A checkpoint says up to where the
// column is complete; what follows it is read again when the store opens. The index is a function of the events alone:
// written twice, it is the same.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "base/result.h"
#include "store/committer.h"
#include "store/poison.h"
#include "store/rocksdb/database.h"
#include "store/rocksdb/stretch.h"
#include "store/store.h"

namespace thalo::store {

class StreamIndex {
 public:
  // Both must outlive it. `rest`: how long the index thread rests between two steps, unless it falls behind.
  StreamIndex(Database& database, Poison& poison, std::chrono::milliseconds rest = {});
  ~StreamIndex();

  // Reads the checkpoint; recovered events are added from there on. DATA_LOSS when it is damaged or beyond `head`.
  base::Result<model::GlobalPosition> read_checkpoint(model::GlobalPosition head);
  // Starts the index thread.
  void start();
  // Ends the thread after what it is writing. Stretches that are not on disk yet are read again when the store opens.
  void close();

  // Adds events in global order: before start() the thread that opens the store, then the committer. Waits when the
  // index thread is two stretches behind, so that memory stays bounded.
  // `hash` is the stream_hash of `stream`, everywhere.
  void add(const base::SharedText& stream, std::uint64_t hash, model::Position first,
           model::GlobalPosition first_global, std::uint32_t count);

  // For an add that comes soon: has what it needs brought up from memory. The thread that adds.
  void fetch(std::uint64_t hash) const { newest_->fetch(hash); }

  // The number of events of a stream. Any thread.
  base::Result<std::uint64_t> version(std::string_view stream, std::uint64_t hash) const;

  // As Store::list_streams says. Any thread.
  base::Result<std::uint64_t> list(const StreamsQuery& query, StreamVisitor visit) const;

 private:
  friend class StreamPlaces;
  using Stretches = std::vector<std::shared_ptr<Stretch>>;

  Stretches stretches() const;
  void seal(model::GlobalPosition begin);
  void run();
  base::Result<> write(const Stretch& stretch);
  // False: the thread must end.
  bool rest();

  Database& database_;
  Poison& poison_;
  const std::uint32_t stretch_events_;
  const std::chrono::milliseconds rest_;

  std::shared_ptr<Stretch> newest_;  // the adding thread's own pointer to the last of stretches_
  mutable std::mutex mutex_;         // guards what follows
  std::condition_variable changed_;
  Stretches stretches_;  // oldest first; all but the last are full and wait for the index thread
  bool stopping_ = false;
  std::thread thread_;
};

// Where the events of one stream are, as the index knew it when this was made or first asked. Made for one read, on one
// thread; the index and the stream's name must outlive it.
class StreamPlaces {
 public:
  StreamPlaces(const StreamIndex& index, std::string_view stream, std::uint64_t hash);
  ~StreamPlaces();

  // The number of events of the stream: those of whole commands.
  base::Result<std::uint64_t> version();
  // Sets `out` to the global positions of the events [from, from + count), all of them below what version() returned.
  // DATA_LOSS when the index does not know one of them.
  base::Result<> positions(model::Position from, std::uint64_t count, std::vector<model::GlobalPosition>& out);

 private:
  // The chunk that holds the event, or the newest before it.
  void seek(model::Position position);
  // What version() says when `count` events are there, the last of them at `last`.
  base::Result<std::uint64_t> whole_commands(std::uint64_t count, model::GlobalPosition last);
  bool is_at_chunk() const;  // of the stream
  bool is_at_chunk_of(model::Position position) const;
  // Writes the global positions of the events [from, end).
  base::Result<> positions_on_disk(model::Position from, model::Position end, model::GlobalPosition* out);
  base::Result<> check() const;

  Database& database_;
  const std::uint32_t stretch_events_;
  const std::string_view stream_;
  const std::uint64_t hash_;
  // The memory first: a stretch that leaves it afterwards is on disk already.
  const StreamIndex::Stretches stretches_;
  KeptIterators::Lease chunks_;  // once the disk was asked
  // The disk, asked later, may count events of stretches that were begun after these: it has all that it counts, while
  // one of these may have got some events of the stream since.
  bool counted_on_disk_ = false;
  std::vector<model::GlobalPosition> chunk_;
};

}  // namespace thalo::store
