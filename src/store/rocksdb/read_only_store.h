// The Store on a RocksDB database that is not changed: a closed store's, or one inside a backup.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "store/rocksdb/database.h"
#include "store/rocksdb/store_reader.h"
#include "store/rocksdb/stream_index.h"
#include "store/store.h"

namespace thalo::store {

class ReadOnlyStore final : public Store {
 public:
  // `folder` is the locked folder the source is in, when it is a store's.
  static base::Result<std::unique_ptr<ReadOnlyStore>> open(const ReadOnlySource& source, const model::StoreId& id,
                                                           std::optional<StoreFolder> folder);

  base::Result<> append(Append, AppendSink&) override { return refused(); }
  base::Result<std::uint64_t> read_stream(const StreamQuery& query, EventVisitor visit) override {
    return reader_->read_stream(query, visit);
  }
  base::Result<AllResult> read_all(const AllQuery& query, EventVisitor visit) override {
    return reader_->read_all(query, head(), visit);
  }
  base::Result<std::uint64_t> stream_version(std::string_view stream) override {
    return reader_->stream_version(stream);
  }
  base::Result<std::uint64_t> list_streams(const StreamsQuery& query, StreamVisitor visit) override {
    return reader_->list_streams(query, visit);
  }
  model::GlobalPosition head() const override { return database_->head_at_open(); }
  // The head never moves.
  std::uint64_t on_head_moved(std::function<void(const Commit&)>) override { return 0; }
  void stop_head_moved(std::uint64_t) override {}
  base::Result<> save_cursor(std::string_view, const Cursor&) override { return refused(); }
  base::Result<> save_cursors(std::span<const std::pair<std::string, Cursor>>) override { return refused(); }
  base::Result<std::optional<Cursor>> load_cursor(std::string_view name) override { return reader_->load_cursor(name); }
  base::Result<> delete_cursor(std::string_view) override { return refused(); }
  base::Result<std::vector<std::pair<std::string, Cursor>>> list_cursors() override { return reader_->list_cursors(); }
  base::Result<> save_snapshot(std::string_view, const Snapshot&) override { return refused(); }
  base::Result<std::optional<Snapshot>> load_snapshot(std::string_view stream) override {
    return reader_->load_snapshot(stream);
  }
  base::Result<> delete_snapshot(std::string_view) override { return refused(); }
  const model::StoreId& id() const override { return id_; }
  base::Result<BackupMade> back_up(const std::filesystem::path&, BackupProgress) override { return refused(); }
  std::optional<base::Error> poisoned() const override { return refusal(); }
  void close() override {}

 private:
  ReadOnlyStore(std::string name, const model::StoreId& id, std::optional<StoreFolder> folder)
      : name_(std::move(name)), id_(id), folder_(std::move(folder)) {}
  base::Error refusal() const;
  std::unexpected<base::Error> refused() const { return std::unexpected(refusal()); }

  const std::string name_;
  const model::StoreId id_;
  const std::optional<StoreFolder> folder_;
  Poison poison_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<StreamIndex> index_;
  std::optional<StoreReader> reader_;
};

}  // namespace thalo::store
