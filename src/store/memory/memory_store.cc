#include "store/memory/memory_store.h"

#include <algorithm>
#include <map>

#include "model/stream_name.h"
#include "store/filter_matcher.h"
#include "store/record.h"

namespace thalo::store {
namespace {

// Records copied out under one hold of the lock, so that a reader never keeps the committer waiting.
constexpr std::size_t copied_records_max = 256;

}  // namespace

MemoryStore::MemoryStore(std::shared_ptr<MemoryDisk> disk, const CommitLimits& limits)
    : disk_(std::move(disk)),
      heads_(0, [this](std::string_view stream, std::uint64_t /*hash*/) { return stream_version(stream); }) {
  for (std::string& record : disk_->read_events()) {
    const std::string stream(decode_record(records_.size(), record).value().event.stream);
    add(stream, std::move(record));
  }
  committer_.emplace(limits, static_cast<CommitTarget&>(*this), heads_, poison_, records_.size());
  committer_->start();
}

MemoryStore::~MemoryStore() {
  disk_->release_commits();
  close();
}

void MemoryStore::close() {
  const std::lock_guard lock(close_mutex_);
  committer_->close();
  closed_ = true;
}

base::Result<> MemoryStore::append(Append append, AppendSink& sink) {
  return committer_->append(std::move(append), sink);
}

base::Result<> MemoryStore::write(std::span<const PlacedAppend> batch) {
  unpublished_.clear();
  for (const PlacedAppend& placed : batch) {
    std::uint32_t index = 0;
    placed.events->for_each([&](std::string_view body) {
      const RecordHead head(placed.events->count() - 1 - index, placed.first_position + index);
      unpublished_.emplace_back(head.text()).append(body);
      ++index;
    });
  }
  return disk_->write_events(unpublished_);
}

void MemoryStore::publish(std::span<const PlacedAppend> batch, model::GlobalPosition /*head*/) {
  const std::lock_guard lock(mutex_);
  auto record = unpublished_.begin();
  for (const PlacedAppend& placed : batch) {
    for (std::uint32_t index = 0; index < placed.events->count(); ++index) add(*placed.stream, std::move(*record++));
  }
}

void MemoryStore::add(std::string_view stream, std::string record) {
  auto found = streams_.find(stream);
  if (found == streams_.end()) found = streams_.try_emplace(std::string(stream)).first;
  found->second.push_back(records_.size());
  records_.push_back(std::make_shared<const std::string>(std::move(record)));
}

std::vector<std::pair<model::GlobalPosition, MemoryStore::Record>> MemoryStore::copy_stream(std::string_view stream,
                                                                                            model::Position begin,
                                                                                            std::size_t count) const {
  std::vector<std::pair<model::GlobalPosition, Record>> copied;
  const std::lock_guard lock(mutex_);
  const auto found = streams_.find(stream);
  if (found == streams_.end()) return copied;
  for (std::size_t at = begin; at < found->second.size() && copied.size() < count; ++at) {
    const model::GlobalPosition position = found->second[at];
    copied.emplace_back(position, records_[position]);
  }
  return copied;
}

std::vector<std::pair<model::GlobalPosition, MemoryStore::Record>> MemoryStore::copy_all(model::GlobalPosition begin,
                                                                                         std::size_t count) const {
  std::vector<std::pair<model::GlobalPosition, Record>> copied;
  const std::lock_guard lock(mutex_);
  for (std::size_t at = begin; at < records_.size() && copied.size() < count; ++at)
    copied.emplace_back(at, records_[at]);
  return copied;
}

base::Result<std::uint64_t> MemoryStore::read_stream(const StreamQuery& query, EventVisitor visit) {
  const std::uint64_t version = stream_version(query.stream).value();
  const bool forwards = query.direction == Direction::forwards;
  if (version == 0 || (forwards && query.from >= version)) return 0;
  model::Position begin = forwards ? query.from : 0;
  model::Position end = forwards ? version : std::min(query.from, version - 1) + 1;
  std::uint64_t shown = 0;
  while (begin < end && shown < query.limit) {
    const std::uint64_t count = std::min<std::uint64_t>({copied_records_max, end - begin, query.limit - shown});
    auto copied = copy_stream(query.stream, forwards ? begin : end - count, count);
    if (!forwards) std::ranges::reverse(copied);
    for (const auto& [position, record] : copied) {
      const auto decoded = decode_record(position, *record);
      if (!decoded) return std::unexpected(decoded.error());
      ++shown;
      if (!visit(decoded->event)) return shown;
    }
    (forwards ? begin += count : end -= count);
  }
  return shown;
}

base::Result<AllResult> MemoryStore::read_all(const AllQuery& query, EventVisitor visit) {
  const FilterMatcher matcher(query.filter);
  const model::GlobalPosition end = head();
  AllResult result{.next = query.from};
  while (result.next < end) {
    for (const auto& [position, record] :
         copy_all(result.next, std::min<std::uint64_t>(copied_records_max, end - result.next))) {
      if (result.shown == query.limit || result.shown + result.skipped == query.scan_limit) return result;
      const auto decoded = decode_record(position, *record);
      if (!decoded) return std::unexpected(decoded.error());
      result.next = position + 1;
      if (!matcher.matches(decoded->event)) {
        ++result.skipped;
        continue;
      }
      ++result.shown;
      if (!visit(decoded->event)) return result;
    }
  }
  return result;
}

base::Result<std::uint64_t> MemoryStore::stream_version(std::string_view stream) {
  const std::lock_guard lock(mutex_);
  const auto found = streams_.find(stream);
  return found == streams_.end() ? 0 : found->second.size();
}

base::Result<std::uint64_t> MemoryStore::list_streams(const StreamsQuery& query, StreamVisitor visit) {
  std::map<std::string, std::uint64_t> found;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [stream, positions] : streams_) {
      const bool is_wanted = query.category.empty() || model::category_of(stream) == query.category;
      if (is_wanted && stream > query.after) found.emplace(stream, positions.size());
    }
  }
  std::uint64_t shown = 0;
  for (const auto& [stream, version] : found) {
    if (shown == query.limit) break;
    ++shown;
    if (!visit({stream, version})) break;
  }
  return shown;
}

std::uint64_t MemoryStore::on_head_moved(std::function<void(const Commit&)> callback) {
  return committer_->listeners().add(std::move(callback));
}

void MemoryStore::stop_head_moved(std::uint64_t id) { committer_->listeners().remove(id); }

base::Result<> MemoryStore::check_writable() const {
  if (closed_)
    return base::fail(base::Code::unavailable, "the store is closed: the server is shutting down; retry later");
  return poison_.check();
}

base::Result<> MemoryStore::write_cursor(std::string_view name, std::optional<Cursor> cursor) {
  if (auto writable = check_writable(); !writable) return writable;
  const auto written = disk_->write_cursor(name, std::move(cursor));
  if (written) return {};
  poison_.set(written.error().message);
  return poison_.check();
}

base::Result<> MemoryStore::save_cursor(std::string_view name, const Cursor& cursor) {
  return write_cursor(name, cursor);
}

base::Result<> MemoryStore::save_cursors(std::span<const std::pair<std::string, Cursor>> cursors) {
  for (const auto& [name, cursor] : cursors)
    if (auto written = write_cursor(name, cursor); !written) return written;
  return {};
}

base::Result<> MemoryStore::delete_cursor(std::string_view name) { return write_cursor(name, std::nullopt); }

base::Result<std::optional<Cursor>> MemoryStore::load_cursor(std::string_view name) {
  const auto cursors = disk_->read_cursors();
  const auto found = cursors.find(name);
  return found == cursors.end() ? std::nullopt : std::optional(found->second);
}

base::Result<std::vector<std::pair<std::string, Cursor>>> MemoryStore::list_cursors() {
  const auto cursors = disk_->read_cursors();
  return std::vector<std::pair<std::string, Cursor>>(cursors.begin(), cursors.end());
}

base::Result<> MemoryStore::save_snapshot(std::string_view stream, const Snapshot& snapshot) {
  if (auto writable = check_writable(); !writable) return writable;
  disk_->write_snapshot(stream, snapshot);
  return {};
}

base::Result<std::optional<Snapshot>> MemoryStore::load_snapshot(std::string_view stream) {
  auto snapshot = disk_->read_snapshot(stream);
  // A snapshot ahead of its stream holds what was never stored.
  if (snapshot && snapshot->version > stream_version(stream).value()) snapshot.reset();
  return snapshot;
}

base::Result<> MemoryStore::delete_snapshot(std::string_view stream) {
  if (auto writable = check_writable(); !writable) return writable;
  disk_->write_snapshot(stream, std::nullopt);
  return {};
}

}  // namespace thalo::store
