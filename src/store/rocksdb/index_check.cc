#include "store/rocksdb/index_check.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "store/rocksdb/chunk.h"
#include "store/stream_hash.h"

namespace thalo::store {
namespace {

constexpr int exact_index = 8;
constexpr int index_ahead = 9;
constexpr std::uint64_t chunks_between_progress = 4096;

std::string number(std::uint64_t value) { return std::to_string(value); }

// The chunks of one stream stand together, the newest first. None is missing; so one too many names events that
// another one names too, or that the stream does not have.
class IndexCheck {
 public:
  IndexCheck(std::uint32_t stretch_events, model::GlobalPosition checkpoint, EventCheck& events, VerifyReport& report)
      : checkpoint_(checkpoint),
        complete_(events.next() - events.next() % stretch_events),
        events_(events),
        report_(report) {}

  void see(std::string_view key, std::string_view value) {
    if (key == checkpoint_key) return;
    ++report_.summary.chunks;
    if (report_.summary.chunks % chunks_between_progress == 0)
      report_.progress("chunks of the index", report_.summary.chunks, 0);
    if (!is_chunk_key(key)) {
      return report_.add(exact_index, "the index has a key that is no chunk's, of " + number(key.size()) + " bytes");
    }
    positions_.clear();
    if (auto decoded = decode_chunk(key, value, positions_); !decoded) {
      return report_.add(
          {.invariant = exact_index, .what = decoded.error().message, .stream = std::string(chunk_key_stream(key))});
    }
    check(chunk_key_stream(key), chunk_key_first(key), chunk_key_first(key) + positions_.size());
  }

 private:
  void check(std::string_view stream, model::Position first, model::Position end) {
    if (stream != stream_) {
      stream_ = stream;
      // Events that cannot be read may have been its newest.
      const std::uint64_t version = events_.versions().get(stream_hash(stream));
      if (end > version + events_.lost())
        wrong(first, "holds event " + number(end - 1) + ", and the stream has only " + number(version));
    } else if (end > newer_begin_) {
      wrong(first, "holds events that another chunk holds too");
    }
    if (positions_.back() >= complete_) wrong(first, "is of a stretch that is not complete");
    newer_begin_ = first;
  }
  void wrong(model::Position first, const std::string& what) {
    report_.add({.invariant = positions_.back() >= checkpoint_ ? index_ahead : exact_index,
                 .what = "the chunk of the index for its events from " + number(first) + " on " + what,
                 .global_position = positions_.front(),
                 .stream = stream_});
  }

  const model::GlobalPosition checkpoint_;
  const model::GlobalPosition complete_;  // the end of the last complete stretch
  EventCheck& events_;
  VerifyReport& report_;
  std::string stream_;
  model::Position newer_begin_ = 0;  // of the chunk before, which is the next newer one of the stream
  std::vector<model::GlobalPosition> positions_;
};

}  // namespace

void check_index(Database& database, std::uint32_t stretch_events, model::GlobalPosition checkpoint, EventCheck& events,
                 VerifyReport& report) {
  IndexCheck check(stretch_events, checkpoint, events, report);
  rocksdb::ReadOptions options = iterator_options();
  options.total_order_seek = true;
  options.fill_cache = false;
  const std::unique_ptr<rocksdb::Iterator> iterator(database.db().NewIterator(options, database.index()));
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next())
    check.see(view(iterator->key()), view(iterator->value()));
  if (iterator->status().ok()) return;
  report.add(intact_files, "the index cannot be read to its end, and what follows was not looked at: " +
                               iterator->status().ToString());
}

}  // namespace thalo::store
