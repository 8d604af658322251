#include "store/rocksdb/stream_index.h"

#include <pthread.h>

#include <algorithm>
#include <string>

#include "store/rocksdb/chunk.h"
#include "store/varint.h"

namespace thalo::store {
namespace {

using base::Code;

// Full stretches that may wait for the index thread beside the one it writes.
constexpr std::size_t waiting_stretches_max = 2;
// A commit may have to wait while one batch of the index is written: keep them small.
constexpr std::size_t write_batch_bytes_max = std::size_t{16} * 1024;

std::string doing(std::string_view stream) { return "reading the index of stream " + std::string(stream); }

rocksdb::ReadOptions within_stream() {
  rocksdb::ReadOptions options;
  options.prefix_same_as_start = true;
  return options;
}

}  // namespace

StreamIndex::StreamIndex(Database& database, Poison& poison)
    : database_(database), poison_(poison), stretch_events_(database.stretch_events()) {
  seal(0);
}

StreamIndex::~StreamIndex() { close(); }

base::Result<model::GlobalPosition> StreamIndex::read_checkpoint(model::GlobalPosition head) {
  std::string value;
  const auto status = database_.db().Get({}, database_.index(), slice(checkpoint_key), &value);
  model::GlobalPosition checkpoint = 0;
  if (!status.ok() && !status.IsNotFound()) return engine_failure(status, "reading the checkpoint of the stream index");
  if (status.ok()) {
    std::string_view rest = value;
    if (!take_varint(rest, checkpoint) || !rest.empty() || checkpoint > head || checkpoint % stretch_events_ != 0) {
      return base::fail(Code::data_loss, "the checkpoint of the stream index is damaged (" +
                                             std::to_string(checkpoint) + " of " + std::to_string(head) +
                                             " events); restore the store from a backup");
    }
  }
  stretches_.clear();
  seal(checkpoint);
  return checkpoint;
}

void StreamIndex::start() {
  thread_ = std::thread([this] { run(); });
}

void StreamIndex::close() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

StreamIndex::Stretches StreamIndex::stretches() const {
  const std::lock_guard lock(mutex_);
  return stretches_;
}

void StreamIndex::seal(model::GlobalPosition begin) {
  newest_ = std::make_shared<Stretch>(begin);
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock,
                  [this] { return stretches_.size() <= waiting_stretches_max + 1 || stopping_ || poison_.is_set(); });
    stretches_.push_back(newest_);
  }
  changed_.notify_all();
}

void StreamIndex::add(std::string_view stream, std::uint64_t hash, model::Position first,
                      model::GlobalPosition first_global, std::uint32_t count) {
  while (count > 0) {
    const model::GlobalPosition end = newest_->begin() + stretch_events_;
    const auto here = static_cast<std::uint32_t>(std::min<std::uint64_t>(count, end - first_global));
    newest_->add(stream, hash, first, first_global, here);
    first += here;
    first_global += here;
    count -= here;
    if (first_global == end) seal(end);
  }
}

void StreamIndex::run() {
  ::pthread_setname_np(::pthread_self(), "index");
  while (true) {
    std::shared_ptr<Stretch> oldest;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stretches_.size() > 1 || stopping_; });
      if (stopping_) return;
      oldest = stretches_.front();
    }
    const auto written = write(*oldest);
    {
      const std::lock_guard lock(mutex_);
      if (!written) {
        poison_.set(written.error().message);
      } else if (!stopping_) {
        // Only now, when it can be read from the disk: who still holds the old list has it in memory.
        stretches_.pop_front();
      }
    }
    changed_.notify_all();
    if (!written) return;
  }
}

base::Result<> StreamIndex::write(const Stretch& stretch) {
  rocksdb::WriteBatch batch;
  const auto flush = [&]() -> base::Result<> {
    if (auto writable = poison_.check(); !writable) return writable;
    const auto status = database_.db().Write({}, &batch);
    batch.Clear();
    if (!status.ok()) return engine_failure(status, "writing the stream index");
    return {};
  };
  std::vector<model::GlobalPosition> positions;
  for (const Stretch::Run* const run : stretch.sorted()) {
    positions.clear();
    for (std::size_t index = 0; index < run->size(); ++index) positions.push_back(stretch.begin() + run->offset(index));
    for (std::size_t begin = 0; begin < positions.size(); begin += chunk_events_max) {
      const std::size_t count = std::min(chunk_events_max, positions.size() - begin);
      batch.Put(database_.index(), chunk_key(run->stream, run->first + begin),
                encode_chunk(std::span(positions).subspan(begin, count)));
      if (batch.GetDataSize() < write_batch_bytes_max) continue;
      if (auto flushed = flush(); !flushed) return flushed;
      const std::lock_guard lock(mutex_);
      if (stopping_) return {};
    }
  }
  // In the same column and behind the chunks: wherever a crash cuts, a checkpoint never says more than is there.
  std::string checkpoint;
  append_varint(checkpoint, stretch.begin() + stretch_events_);
  batch.Put(database_.index(), slice(checkpoint_key), checkpoint);
  return flush();
}

base::Result<std::uint64_t> StreamIndex::version(std::string_view stream, std::uint64_t hash) const {
  const Stretches stretches = this->stretches();
  for (auto stretch = stretches.rbegin(); stretch != stretches.rend(); ++stretch) {
    if (const auto range = (*stretch)->find(stream, hash)) return range->end();
  }
  return version_on_disk(stream);
}

base::Result<std::uint64_t> StreamIndex::version_on_disk(std::string_view stream) const {
  const std::string newest = chunk_key(stream, UINT64_MAX);
  const std::unique_ptr<rocksdb::Iterator> chunks(database_.db().NewIterator(within_stream(), database_.index()));
  chunks->Seek(newest);
  if (!chunks->Valid()) {
    if (!chunks->status().ok()) return engine_failure(chunks->status(), doing(stream));
    return 0;
  }
  const std::string_view key = view(chunks->key());
  if (!is_chunk_key(key) || chunk_key_prefix(key) != chunk_key_prefix(newest)) return 0;
  const auto count = decode_chunk_count(key, view(chunks->value()));
  if (!count) return std::unexpected(count.error());
  return chunk_key_first(key) + *count;
}

base::Result<> StreamIndex::positions(std::string_view stream, std::uint64_t hash, model::Position from,
                                      std::uint64_t count, std::vector<model::GlobalPosition>& out) const {
  const model::Position end = from + count;
  out.resize(count);
  // The memory first: a stretch that leaves it afterwards is on disk already.
  const Stretches stretches = this->stretches();
  model::Position memory_begin = end;
  for (auto stretch = stretches.rbegin(); stretch != stretches.rend() && from < memory_begin; ++stretch) {
    const auto range = (*stretch)->find(stream, hash);
    if (!range || range->first >= memory_begin) continue;
    const model::Position first = std::max(from, range->first);
    (*stretch)->copy(stream, hash, first, memory_begin - first, out.data() + (first - from));
    memory_begin = first;
  }
  if (from == memory_begin) return {};
  return positions_on_disk(stream, from, memory_begin, out.data());
}

// From the newest chunk back to the oldest, as they stand on disk.
base::Result<> StreamIndex::positions_on_disk(std::string_view stream, model::Position from, model::Position end,
                                              model::GlobalPosition* out) const {
  const std::string newest = chunk_key(stream, end - 1);
  const std::unique_ptr<rocksdb::Iterator> chunks(database_.db().NewIterator(within_stream(), database_.index()));
  std::vector<model::GlobalPosition> chunk;
  for (chunks->Seek(newest); chunks->Valid() && from < end; chunks->Next()) {
    const std::string_view key = view(chunks->key());
    if (!is_chunk_key(key) || chunk_key_prefix(key) != chunk_key_prefix(newest)) break;
    chunk.clear();
    if (auto decoded = decode_chunk(key, view(chunks->value()), chunk); !decoded) return decoded;
    const model::Position first = chunk_key_first(key);
    if (first >= end || end - first > chunk.size()) break;
    const model::Position begin = std::max(first, from);
    std::copy(chunk.begin() + static_cast<std::ptrdiff_t>(begin - first),
              chunk.begin() + static_cast<std::ptrdiff_t>(end - first), out + (begin - from));
    end = begin;
  }
  if (!chunks->status().ok()) return engine_failure(chunks->status(), doing(stream));
  if (from == end) return {};
  return base::fail(Code::data_loss, "the index of stream " + std::string(stream) +
                                         " is damaged: it does not know where event " + std::to_string(end - 1) +
                                         " is; restore the store from a backup");
}

}  // namespace thalo::store
