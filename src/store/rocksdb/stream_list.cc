// Listing streams: the names in the column `index`, merged with those of the stretches in memory.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "store/rocksdb/chunk.h"
#include "store/rocksdb/stream_index.h"

namespace thalo::store {
namespace {

// Chunks of one stream that are stepped over before the rest is jumped over.
constexpr int steps_max = 4;

// The streams of the column, in order.
class StreamsOnDisk {
 public:
  StreamsOnDisk(Database& database, std::string_view prefix, std::string_view after)
      : prefix_(prefix), chunks_(database.db().NewIterator(options(), database.index())) {
    // Behind every chunk of `after`, before every longer name; and behind the checkpoint, which is no chunk.
    std::string begin(after);
    begin += '\x01';
    chunks_->Seek(slice(std::max<std::string_view>(begin, prefix)));
  }

  // Empty at the end.
  base::Result<std::optional<Stretch::Named>> next() {
    if (!chunks_->Valid()) {
      if (!chunks_->status().ok()) return engine_failure(chunks_->status(), "listing the streams");
      return std::nullopt;
    }
    const std::string_view key = view(chunks_->key());
    if (!key.starts_with(prefix_)) return std::nullopt;
    if (!is_chunk_key(key))
      return base::fail(base::Code::data_loss, "the index of the streams holds a key that is none");
    const auto count = decode_chunk_count(key, view(chunks_->value()));
    if (!count) return std::unexpected(count.error());
    stream_ = chunk_key_stream(key);
    const model::Position end = chunk_key_first(key) + *count;
    step();
    return Stretch::Named{stream_, end};
  }

 private:
  static rocksdb::ReadOptions options() {
    rocksdb::ReadOptions options = iterator_options();
    options.total_order_seek = true;
    options.fill_cache = false;
    return options;
  }
  bool is_same_stream() const {
    const std::string_view key = view(chunks_->key());
    return is_chunk_key(key) && chunk_key_stream(key) == stream_;
  }
  void step() {
    for (int steps = 0; steps < steps_max; ++steps) {
      chunks_->Next();
      if (!chunks_->Valid() || !is_same_stream()) return;
    }
    chunks_->Seek(slice(stream_ + '\x01'));
  }

  const std::string prefix_;
  const std::unique_ptr<rocksdb::Iterator> chunks_;
  std::string stream_;
};

// Sorted, each once with its greatest end; the first `limit` at least. A name may stand in each of `stretches`.
void sort_names(std::vector<Stretch::Named>& names, std::size_t stretches, std::uint64_t limit) {
  const auto before = [](const Stretch::Named& one, const Stretch::Named& other) {
    return one.stream != other.stream ? one.stream < other.stream : one.end > other.end;
  };
  const std::uint64_t wanted = limit > names.size() / stretches ? names.size() : limit * stretches;
  const auto end = names.begin() + static_cast<std::ptrdiff_t>(wanted);
  std::ranges::partial_sort(names.begin(), end, names.end(), before);
  names.erase(end, names.end());
  const auto repeated = std::ranges::unique(names, {}, &Stretch::Named::stream);
  names.erase(repeated.begin(), repeated.end());
}

}  // namespace

base::Result<std::uint64_t> StreamIndex::list(const StreamsQuery& query, StreamVisitor visit) const {
  std::string prefix(query.category);
  if (!prefix.empty()) prefix += '-';
  // The memory first: a stretch that leaves it afterwards is on disk already.
  const Stretches stretches = this->stretches();
  std::vector<Stretch::Named> in_memory;
  for (const auto& stretch : stretches) stretch->collect(prefix, query.after, in_memory);
  sort_names(in_memory, stretches.size(), query.limit);
  StreamsOnDisk on_disk(database_, prefix, query.after);
  std::uint64_t shown = 0;
  auto disk = on_disk.next();
  auto memory = in_memory.begin();
  while (shown < query.limit) {
    if (!disk) return std::unexpected(disk.error());
    const bool has_memory = memory != in_memory.end();
    if (!*disk && !has_memory) break;
    const bool takes_disk = *disk && (!has_memory || (*disk)->stream <= memory->stream);
    const bool takes_memory = has_memory && (!*disk || memory->stream <= (*disk)->stream);
    StreamSummary summary{takes_disk ? (*disk)->stream : memory->stream, 0};
    if (takes_disk) summary.version = (*disk)->end;
    if (takes_memory) summary.version = std::max(summary.version, memory->end);
    ++shown;
    if (!visit(summary)) break;
    if (takes_disk) disk = on_disk.next();
    if (takes_memory) ++memory;
  }
  return shown;
}

}  // namespace thalo::store
