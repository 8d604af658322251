#include "store/rocksdb/stream_index.h"

#include <pthread.h>

#include <algorithm>
#include <string>

#include "store/rocksdb/chunk.h"
#include "store/rocksdb/event_reader.h"
#include "store/varint.h"

namespace thalo::store {
namespace {

using base::Code;

// Full stretches that may wait for the index thread beside the one it writes.
constexpr std::size_t waiting_stretches_max = 2;
// A commit may have to wait while one batch of the index is written: keep them small.
constexpr std::size_t write_batch_bytes_max = std::size_t{16} * 1024;

std::string doing(std::string_view stream) { return "reading the index of stream " + std::string(stream); }

}  // namespace

StreamIndex::StreamIndex(Database& database, Poison& poison, std::chrono::milliseconds rest)
    : database_(database), poison_(poison), stretch_events_(database.stretch_events()), rest_(rest) {
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

void StreamIndex::add(const base::SharedText& stream, std::uint64_t hash, model::Position first,
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
        stretches_.erase(stretches_.begin());
      }
    }
    changed_.notify_all();
    if (!written) return;
    // Whoever lets go of it last frees tens of thousands of entries: not who reads just now.
    if (oldest.use_count() > 1) rest();
  }
}

bool StreamIndex::rest() {
  std::unique_lock lock(mutex_);
  // Behind: another full stretch waits already.
  changed_.wait_for(lock, rest_, [this] { return stopping_ || stretches_.size() > 2; });
  return !stopping_;
}

base::Result<> StreamIndex::write(const Stretch& stretch) {
  rocksdb::WriteBatch batch;
  const auto flush = [&]() -> base::Result<> {
    if (auto writable = poison_.check(); !writable) return writable;
    const auto status = database_.write(batch, false);
    batch.Clear();
    if (!status.ok()) return std::unexpected(write_error(status, "writing the stream index"));
    return {};
  };
  std::vector<model::GlobalPosition> positions;
  const std::vector<const Stretch::Run*> runs = stretch.sorted();
  // Runs and their names lie apart in memory: the next ones come up meanwhile.
  constexpr std::size_t apart = 8;
  for (std::size_t place = 0; place < runs.size(); ++place) {
    if (place + 2 * apart < runs.size()) __builtin_prefetch(runs[place + 2 * apart]);
    if (place + apart < runs.size()) __builtin_prefetch(runs[place + apart]->stream.address());
    const Stretch::Run* const run = runs[place];
    positions.clear();
    for (std::size_t index = 0; index < run->size(); ++index) positions.push_back(stretch.begin() + run->offset(index));
    for (std::size_t begin = 0; begin < positions.size(); begin += chunk_events_max) {
      const std::size_t count = std::min(chunk_events_max, positions.size() - begin);
      batch.Put(database_.index(), chunk_key(run->stream, run->first + begin),
                encode_chunk(std::span(positions).subspan(begin, count)));
      if (batch.GetDataSize() < write_batch_bytes_max) continue;
      if (auto flushed = flush(); !flushed) return flushed;
      if (!rest()) return {};
    }
  }
  // In the same column and behind the chunks: wherever a crash cuts, a checkpoint never says more than is there.
  std::string checkpoint;
  append_varint(checkpoint, stretch.begin() + stretch_events_);
  batch.Put(database_.index(), slice(checkpoint_key), checkpoint);
  return flush();
}

base::Result<std::uint64_t> StreamIndex::version(std::string_view stream, std::uint64_t hash) const {
  return StreamPlaces(*this, stream, hash).version();
}

StreamPlaces::StreamPlaces(const StreamIndex& index, std::string_view stream, std::uint64_t hash)
    : database_(index.database_),
      stretch_events_(index.stretch_events_),
      stream_(stream),
      hash_(hash),
      stretches_(index.stretches()) {}

StreamPlaces::~StreamPlaces() = default;

void StreamPlaces::seek(model::Position position) {
  if (!chunks_) database_.take_index_iterator(chunks_);
  chunks_->Seek(chunk_key(stream_, position));
}

bool StreamPlaces::is_at_chunk() const {
  return chunks_->Valid() && is_chunk_key(view(chunks_->key())) && chunk_key_stream(view(chunks_->key())) == stream_;
}

// version() leaves the iterator on the newest chunk, which is the only one of most streams.
bool StreamPlaces::is_at_chunk_of(model::Position position) const {
  if (!chunks_ || !is_at_chunk()) return false;
  const model::Position first = chunk_key_first(view(chunks_->key()));
  if (first > position) return false;
  const auto count = decode_chunk_count(view(chunks_->key()), view(chunks_->value()));
  return count && position - first < *count;
}

base::Result<> StreamPlaces::check() const {
  if (!chunks_->status().ok()) return engine_failure(chunks_->status(), doing(stream_));
  return {};
}

base::Result<std::uint64_t> StreamPlaces::version() {
  for (auto stretch = stretches_.rbegin(); stretch != stretches_.rend(); ++stretch) {
    if (const auto range = (*stretch)->find(stream_, hash_))
      return whole_commands(range->end(), (*stretch)->begin() + range->last_offset);
  }
  counted_on_disk_ = true;
  seek(UINT64_MAX);
  if (!is_at_chunk()) {
    if (auto checked = check(); !checked) return std::unexpected(checked.error());
    return 0;
  }
  const std::string_view key = view(chunks_->key());
  const auto count = decode_chunk_count(key, view(chunks_->value()));
  if (!count) return std::unexpected(count.error());
  const std::uint64_t version = chunk_key_first(key) + *count;
  chunk_.clear();
  // Damage behind the count is for whoever reads; one can append all the same.
  if (!decode_chunk(key, view(chunks_->value()), chunk_)) return version;
  return whole_commands(version, chunk_.back());
}

// A command whose events go on in the next stretch comes into memory in two steps, and the chunks of a stream come to
// the disk one after the other. What tells is the last event's record.
base::Result<std::uint64_t> StreamPlaces::whole_commands(std::uint64_t count, model::GlobalPosition last) {
  const bool ends_chunk = counted_on_disk_ && chunk_.size() == chunk_events_max;
  if ((last + 1) % stretch_events_ != 0 && !ends_chunk) return count;
  const auto remaining_at = [&](model::Position position) -> base::Result<std::uint32_t> {
    std::vector<model::GlobalPosition> at;
    if (auto found = positions(position, 1, at); !found) return std::unexpected(std::move(found.error()));
    return read_remaining(database_, at.front());
  };
  const auto remaining = read_remaining(database_, last);
  // Damage is for whoever reads the event; one can append behind it.
  if (!remaining || *remaining == 0) return count;
  // Of two events, both belong to the command that goes on beyond the last one, or the earlier does not.
  model::Position begin = 0;
  model::Position end = count - 1;
  while (begin < end) {
    const model::Position middle = begin + (end - begin) / 2;
    const auto here = remaining_at(middle);
    if (!here) return count;
    if (*here == *remaining + (count - 1 - middle)) {
      end = middle;
    } else {
      begin = middle + 1;
    }
  }
  return end;
}

base::Result<> StreamPlaces::positions(model::Position from, std::uint64_t count,
                                       std::vector<model::GlobalPosition>& out) {
  const model::Position end = from + count;
  out.resize(count);
  if (counted_on_disk_) return positions_on_disk(from, end, out.data());
  model::Position memory_begin = end;
  for (auto stretch = stretches_.rbegin(); stretch != stretches_.rend() && from < memory_begin; ++stretch) {
    const auto range = (*stretch)->find(stream_, hash_);
    if (!range || range->first >= memory_begin) continue;
    const model::Position first = std::max(from, range->first);
    (*stretch)->copy(stream_, hash_, first, memory_begin - first, out.data() + (first - from));
    memory_begin = first;
  }
  if (from == memory_begin) return {};
  return positions_on_disk(from, memory_begin, out.data());
}

// From the newest chunk back to the oldest, as they stand on disk.
base::Result<> StreamPlaces::positions_on_disk(model::Position from, model::Position end, model::GlobalPosition* out) {
  if (!is_at_chunk_of(end - 1)) seek(end - 1);
  for (; is_at_chunk() && from < end; chunks_->Next()) {
    const std::string_view key = view(chunks_->key());
    chunk_.clear();
    if (auto decoded = decode_chunk(key, view(chunks_->value()), chunk_); !decoded) return decoded;
    const model::Position first = chunk_key_first(key);
    if (first >= end || end - first > chunk_.size()) break;
    const model::Position begin = std::max(first, from);
    std::copy(chunk_.begin() + static_cast<std::ptrdiff_t>(begin - first),
              chunk_.begin() + static_cast<std::ptrdiff_t>(end - first), out + (begin - from));
    end = begin;
  }
  if (auto checked = check(); !checked) return checked;
  if (from == end) return {};
  return base::fail(Code::data_loss, "the index of stream " + std::string(stream_) +
                                         " is damaged: it does not know where event " + std::to_string(end - 1) +
                                         " is; restore the store from a backup");
}

}  // namespace thalo::store
