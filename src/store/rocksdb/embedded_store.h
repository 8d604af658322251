// The Store on RocksDB: the pipeline, the stream index and the readers put together.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "store/committer.h"
#include "store/rocksdb/backup_folder.h"
#include "store/rocksdb/database.h"
#include "store/rocksdb/store_reader.h"
#include "store/rocksdb/stream_index.h"
#include "store/store.h"

namespace thalo::store {

class EmbeddedStore final : public Store, private CommitTarget {
 public:
  EmbeddedStore(StoreFolder folder, const RocksdbOptions& options);
  ~EmbeddedStore() override;
  // Opens the database, reads the newest events again into the index and starts the threads. Once, before anything
  // else.
  base::Result<> open(const EngineHooks& hooks);

  base::Result<> append(Append append, AppendSink& sink) override;
  base::Result<std::uint64_t> read_stream(const StreamQuery& query, EventVisitor visit) override;
  base::Result<AllResult> read_all(const AllQuery& query, EventVisitor visit) override {
    return reader_->read_all(query, head(), visit);
  }
  base::Result<std::uint64_t> stream_version(std::string_view stream) override {
    return reader_->stream_version(stream);
  }
  base::Result<std::uint64_t> list_streams(const StreamsQuery& query, StreamVisitor visit) override {
    return reader_->list_streams(query, visit);
  }
  model::GlobalPosition head() const override { return committer_->head(); }
  std::uint64_t on_head_moved(std::function<void(const Commit&)> callback) override;
  void stop_head_moved(std::uint64_t id) override;
  base::Result<> save_cursor(std::string_view name, const Cursor& cursor) override;
  base::Result<> save_cursors(std::span<const std::pair<std::string, Cursor>> cursors) override;
  base::Result<std::optional<Cursor>> load_cursor(std::string_view name) override { return reader_->load_cursor(name); }
  base::Result<> delete_cursor(std::string_view name) override;
  base::Result<std::vector<std::pair<std::string, Cursor>>> list_cursors() override { return reader_->list_cursors(); }
  base::Result<> save_snapshot(std::string_view stream, const Snapshot& snapshot) override;
  base::Result<std::optional<Snapshot>> load_snapshot(std::string_view stream) override {
    return reader_->load_snapshot(stream);
  }
  base::Result<> delete_snapshot(std::string_view stream) override;
  const model::StoreId& id() const override { return folder_.id(); }
  base::Result<BackupMade> back_up(const std::filesystem::path& folder, BackupProgress progress) override {
    return make_backup(*database_, id(), head(), folder, progress);
  }
  std::optional<base::Error> poisoned() const override { return poison_.error(); }
  void close() override;

 private:
  base::Result<> write(std::span<const PlacedAppend> batch) override;
  void publish(std::span<const PlacedAppend> batch, model::GlobalPosition head) override;
  base::Result<> check_writable() const;
  // Writes a cursor or a snapshot; `doing` says what it is. A failure poisons.
  base::Result<> write_small(rocksdb::WriteBatch& batch, bool sync, std::string_view doing);

  // In the order of construction; what stands later uses what stands before it.
  StoreFolder folder_;
  const RocksdbOptions options_;
  Poison poison_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<StreamIndex> index_;
  std::optional<StoreReader> reader_;
  HeadTable heads_;
  rocksdb::WriteBatch batch_;  // kept between commits for its memory; the committer thread only
  std::atomic<bool> closed_ = false;
  std::mutex close_mutex_;
  std::optional<Committer> committer_;
};

}  // namespace thalo::store
