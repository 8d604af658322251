// The store in memory, for tests: the real pipeline on a disk that can be made to fail.
//
//   auto disk = std::make_shared<MemoryDisk>();
//   auto store = std::make_unique<MemoryStore>(disk);
//   disk->fail_next_sync("no power");   // … the next batch fails and poisons
//   store.reset();
//   disk->drop_unsynced();              // what a power cut would do
//   store = std::make_unique<MemoryStore>(disk);
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "store/committer.h"
#include "store/memory/memory_disk.h"
#include "store/store.h"

namespace thalo::store {

class MemoryStore : public Store, private CommitTarget {
 public:
  explicit MemoryStore(std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>(),
                       const CommitLimits& limits = {});
  // Releases held commits: whoever still waits for an outcome gets it.
  ~MemoryStore() override;

  MemoryDisk& disk() { return *disk_; }

  base::Result<> append(Append append, AppendSink& sink) override;
  base::Result<std::uint64_t> read_stream(const StreamQuery& query, EventVisitor visit) override;
  base::Result<AllResult> read_all(const AllQuery& query, EventVisitor visit) override;
  base::Result<std::uint64_t> stream_version(std::string_view stream) override;
  base::Result<std::uint64_t> list_streams(const StreamsQuery& query, StreamVisitor visit) override;
  model::GlobalPosition head() const override { return committer_->head(); }
  std::uint64_t on_head_moved(std::function<void(const Commit&)> callback) override;
  void stop_head_moved(std::uint64_t id) override;
  base::Result<> save_cursor(std::string_view name, const Cursor& cursor) override;
  base::Result<> save_cursors(std::span<const std::pair<std::string, Cursor>> cursors) override;
  base::Result<std::optional<Cursor>> load_cursor(std::string_view name) override;
  base::Result<> delete_cursor(std::string_view name) override;
  base::Result<std::vector<std::pair<std::string, Cursor>>> list_cursors() override;
  base::Result<> save_snapshot(std::string_view stream, const Snapshot& snapshot) override;
  base::Result<std::optional<Snapshot>> load_snapshot(std::string_view stream) override;
  base::Result<> delete_snapshot(std::string_view stream) override;
  const model::StoreId& id() const override { return disk_->id(); }
  base::Result<BackupMade> back_up(const std::filesystem::path&, BackupProgress) override {
    return base::fail(base::Code::unimplemented, "a store in memory has no backups");
  }
  std::optional<base::Error> poisoned() const override { return poison_.error(); }
  void close() override;

 private:
  using Record = std::shared_ptr<const std::string>;

  base::Result<> write(std::span<const PlacedAppend> batch) override;
  void publish(std::span<const PlacedAppend> batch, model::GlobalPosition head) override;
  void add(std::string_view stream, std::string record);
  base::Result<> check_writable() const;
  base::Result<> write_cursor(std::string_view name, std::optional<Cursor> cursor);
  // The records at up to `count` places from `begin` of the stream, or of the store when it has no name.
  std::vector<std::pair<model::GlobalPosition, Record>> copy_stream(std::string_view stream, model::Position begin,
                                                                    std::size_t count) const;
  std::vector<std::pair<model::GlobalPosition, Record>> copy_all(model::GlobalPosition begin, std::size_t count) const;

  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };

  const std::shared_ptr<MemoryDisk> disk_;
  Poison poison_;
  HeadTable heads_;
  std::vector<std::string> unpublished_;  // the batch between write and publish; the committer thread only
  std::atomic<bool> closed_ = false;
  std::mutex close_mutex_;

  mutable std::mutex mutex_;  // guards what is published
  std::deque<Record> records_;
  std::unordered_map<std::string, std::vector<model::GlobalPosition>, Hash, std::equal_to<>> streams_;

  std::optional<Committer> committer_;
};

}  // namespace thalo::store
