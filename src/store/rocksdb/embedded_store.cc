#include "store/rocksdb/embedded_store.h"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "store/record.h"
#include "store/rocksdb/event_reader.h"
#include "store/rocksdb/small_values.h"
#include "store/stream_hash.h"
#include "store/varint.h"

namespace thalo::store {
namespace {

using base::Code;
using base::fail;

constexpr std::size_t kept_batch_bytes_max = std::size_t{16} << 20;
constexpr std::size_t snapshot_bytes_max = std::size_t{64} << 20;
constexpr std::size_t cursor_bytes_max = std::size_t{1} << 20;

base::Result<> check_options(const RocksdbOptions& options) {
  const auto refuse = [](const char* name) {
    return fail(Code::invalid_argument, std::string(name) + " is out of range");
  };
  if (options.stretch_events == 0) return refuse("stretch_events");
  if (options.commit.queue_appends_max == 0) return refuse("queue_appends_max");
  if (options.events_buffer_bytes < (1 << 16) || options.events_buffer_bytes > (std::size_t{1} << 32))
    return refuse("events_buffer_bytes");
  if (options.index_buffer_bytes < (1 << 16) || options.index_buffer_bytes > (std::size_t{1} << 32))
    return refuse("index_buffer_bytes");
  return {};
}

}  // namespace

base::Result<std::unique_ptr<Store>> open_rocksdb_store(const RocksdbOptions& options) {
  return open_rocksdb_store(options, EngineHooks{});
}

base::Result<std::unique_ptr<Store>> open_rocksdb_store(const RocksdbOptions& options, const EngineHooks& hooks) {
  if (auto checked = check_options(options); !checked) return std::unexpected(std::move(checked.error()));
  try {
    auto folder = StoreFolder::open(options.path, options.create_if_missing);
    if (!folder) return std::unexpected(std::move(folder.error()));
    auto store = std::make_unique<EmbeddedStore>(std::move(*folder), options);
    if (auto opened = store->open(hooks); !opened) return std::unexpected(std::move(opened.error()));
    return store;
  } catch (const std::system_error& error) {
    // Of starting a thread, or of walking through a folder.
    return fail(Code::unavailable, "cannot open the store " + options.path.string() + ": " + error.what());
  }
}

EmbeddedStore::EmbeddedStore(StoreFolder folder, const RocksdbOptions& options)
    : folder_(std::move(folder)),
      options_(options),
      heads_(options.head_cache_streams,
             [this](std::string_view stream, std::uint64_t hash) { return index_->version(stream, hash); }) {}

EmbeddedStore::~EmbeddedStore() { close(); }

base::Result<> EmbeddedStore::open(const EngineHooks& hooks) {
  auto database = Database::open(folder_, options_, hooks, poison_);
  if (!database) return std::unexpected(std::move(database.error()));
  database_ = std::move(*database);
  const model::GlobalPosition head = database_->head_at_open();
  index_ = std::make_unique<StreamIndex>(*database_, poison_, options_.index_rest);
  const auto checkpoint = index_->read_checkpoint(head);
  if (!checkpoint) return std::unexpected(checkpoint.error());
  reader_.emplace(*database_, *index_);
  index_->start();
  const auto indexed = scan_events(*database_, *checkpoint, head, [&](const Record& record) {
    const auto& event = record.event;
    index_->add(event.stream, stream_hash(event.stream), event.position, event.global_position, 1);
    return !poison_.is_set();
  });
  if (!indexed) return indexed;
  if (auto healthy = poison_.check(); !healthy) return healthy;
  committer_.emplace(options_.commit, static_cast<CommitTarget&>(*this), heads_, poison_, head);
  committer_->start();
  return {};
}

void EmbeddedStore::close() {
  const std::lock_guard lock(close_mutex_);
  if (closed_ || !committer_) return;
  committer_->close();
  index_->close();
  closed_ = true;
  // Events and cursors are synced already; this is for snapshots, which a clean stop must not leave to luck. After a
  // failure nothing is synced again: it could seem to succeed.
  if (!poison_.is_set()) {
    const auto status = database_->db().SyncWAL();
    if (!status.ok()) poison_.set(write_error(status, "syncing the log").message);
  }
}

base::Result<> EmbeddedStore::append(Append append, AppendSink& sink) {
  return committer_->append(std::move(append), sink);
}

base::Result<std::uint64_t> EmbeddedStore::read_stream(const StreamQuery& query, EventVisitor visit) {
  if (!query.append_follows) return reader_->read_stream(query, visit);
  const std::uint64_t hash = stream_hash(query.stream);
  // The table of heads looks the version up, and has it when the append comes. It must be looked up while the stream is
  // pinned: what is found before may be old by then.
  std::optional<StreamPlaces> places;
  std::optional<base::Result<std::uint64_t>> version;
  // By the query's own name: what the table hands over ends with the call.
  const auto look_up = [&](std::string_view /*stream*/, std::uint64_t /*hash*/) {
    places.emplace(*index_, query.stream, hash);
    version = places->version();
    return *version;
  };
  // When the table knows the version, it may count events that cannot be read yet.
  if (const auto pin = heads_.pin(query.stream, hash, look_up); !version) look_up(query.stream, hash);
  if (!*version) return std::unexpected(version->error());
  return reader_->read_stream(query, *places, **version, visit);
}

base::Result<> EmbeddedStore::write(std::span<const PlacedAppend> batch) {
  batch_.Clear();
  rocksdb::Status status;
  for (const PlacedAppend& placed : batch) {
    std::uint32_t index = 0;
    placed.events->for_each([&](std::string_view body) {
      std::array<char, sizeof(model::GlobalPosition)> key;
      put_big_endian64(key.data(), placed.first_global_position + index);
      const RecordHead head(placed.events->count() - 1 - index, placed.first_position + index);
      const rocksdb::Slice key_slice(key.data(), key.size());
      const std::array<rocksdb::Slice, 2> value = {slice(head.text()), slice(body)};
      if (status.ok())
        status =
            batch_.Put(database_->events(), rocksdb::SliceParts(&key_slice, 1), rocksdb::SliceParts(value.data(), 2));
      ++index;
    });
  }
  if (status.ok()) status = database_->write(batch_, true);
  if (batch_.GetDataSize() > kept_batch_bytes_max) batch_ = rocksdb::WriteBatch();
  if (!status.ok()) return std::unexpected(write_error(status, "writing events to the log"));
  return {};
}

void EmbeddedStore::publish(std::span<const PlacedAppend> batch, model::GlobalPosition /*head*/) {
  constexpr std::size_t apart = 4;
  for (std::size_t place = 0; place < batch.size(); ++place) {
    if (place + apart < batch.size()) index_->fetch(batch[place + apart].hash);
    const PlacedAppend& placed = batch[place];
    index_->add(*placed.stream, placed.hash, placed.first_position, placed.first_global_position,
                placed.events->count());
  }
}

std::uint64_t EmbeddedStore::on_head_moved(std::function<void(const Commit&)> callback) {
  return committer_->listeners().add(std::move(callback));
}

void EmbeddedStore::stop_head_moved(std::uint64_t id) { committer_->listeners().remove(id); }

base::Result<> EmbeddedStore::check_writable() const {
  if (closed_) return fail(Code::unavailable, "the store is closed: the server is shutting down; retry later");
  return poison_.check();
}

base::Result<> EmbeddedStore::write_small(rocksdb::WriteBatch& batch, bool sync, std::string_view doing) {
  if (auto writable = check_writable(); !writable) return writable;
  const auto status = database_->write(batch, sync);
  if (status.ok()) return {};
  poison_.set(write_error(status, doing).message);
  return poison_.check();
}

base::Result<> EmbeddedStore::save_cursor(std::string_view name, const Cursor& cursor) {
  const std::pair<std::string, Cursor> one(name, cursor);
  return save_cursors({&one, 1});
}

base::Result<> EmbeddedStore::save_cursors(std::span<const std::pair<std::string, Cursor>> cursors) {
  rocksdb::WriteBatch batch;
  for (const auto& [name, cursor] : cursors) {
    if (name.empty() || name.size() + cursor.data.size() > cursor_bytes_max) {
      return fail(Code::invalid_argument, "a cursor needs a name, and name and data may have " +
                                              std::to_string(cursor_bytes_max) + " bytes together");
    }
    batch.Put(database_->cursors(), slice(name), encode_cursor(cursor));
  }
  if (batch.Count() == 0) return {};
  const std::string doing = "saving the cursor " + cursors.front().first +
                            (cursors.size() > 1 ? " and " + std::to_string(cursors.size() - 1) + " others" : "");
  return write_small(batch, true, doing);
}

base::Result<> EmbeddedStore::delete_cursor(std::string_view name) {
  rocksdb::WriteBatch batch;
  batch.Delete(database_->cursors(), slice(name));
  return write_small(batch, true, "deleting the cursor " + std::string(name));
}

base::Result<> EmbeddedStore::save_snapshot(std::string_view stream, const Snapshot& snapshot) {
  if (snapshot.data.size() > snapshot_bytes_max) {
    return fail(Code::invalid_argument, "the snapshot of stream " + std::string(stream) + " has " +
                                            std::to_string(snapshot.data.size()) + " bytes and may have " +
                                            std::to_string(snapshot_bytes_max));
  }
  rocksdb::WriteBatch batch;
  batch.Put(database_->snapshots(), slice(stream), encode_snapshot(snapshot));
  return write_small(batch, false, "saving the snapshot of stream " + std::string(stream));
}

base::Result<> EmbeddedStore::delete_snapshot(std::string_view stream) {
  rocksdb::WriteBatch batch;
  batch.Delete(database_->snapshots(), slice(stream));
  return write_small(batch, false, "deleting the snapshot of stream " + std::string(stream));
}

}  // namespace thalo::store
