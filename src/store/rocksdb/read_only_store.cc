#include "store/rocksdb/read_only_store.h"

#include <system_error>
#include <utility>

#include "store/rocksdb/event_reader.h"
#include "store/rocksdb_store.h"
#include "store/stream_hash.h"

namespace thalo::store {

using base::Code;
using base::fail;

base::Error ReadOnlyStore::refusal() const {
  return {Code::failed_precondition, "the store " + name_ + " is open for reading only"};
}

base::Result<std::unique_ptr<ReadOnlyStore>> ReadOnlyStore::open(const ReadOnlySource& source, const model::StoreId& id,
                                                                 std::optional<StoreFolder> folder) {
  std::unique_ptr<ReadOnlyStore> store(new ReadOnlyStore(source.name, id, std::move(folder)));
  auto database = Database::open_read_only(source, id, store->poison_);
  if (!database) return std::unexpected(std::move(database.error()));
  store->database_ = *std::move(database);
  store->index_ = std::make_unique<StreamIndex>(*store->database_, store->poison_);
  StreamIndex& index = *store->index_;
  const auto checkpoint = index.read_checkpoint(store->head());
  if (!checkpoint) return std::unexpected(checkpoint.error());
  // Nothing will be written: what is not in the column stays in memory, and nothing waits for the index thread.
  index.close();
  const auto indexed = scan_events(*store->database_, *checkpoint, store->head(), [&](const Record& record) {
    const auto& event = record.event;
    index.add(event.stream, stream_hash(event.stream), event.position, event.global_position, 1);
    return true;
  });
  if (!indexed) return std::unexpected(indexed.error());
  store->reader_.emplace(*store->database_, index);
  return store;
}

base::Result<std::unique_ptr<Store>> open_rocksdb_store_read_only(const std::filesystem::path& path) {
  try {
    auto folder = StoreFolder::open_read_only(path);
    if (!folder) return std::unexpected(std::move(folder.error()));
    const ReadOnlySource source{
        .name = path.string(), .database = folder->database_path(), .logs = folder->database_path()};
    const model::StoreId id = folder->id();
    return ReadOnlyStore::open(source, id, *std::move(folder));
  } catch (const std::system_error& error) {
    return fail(Code::unavailable, "cannot open the store " + path.string() + ": " + error.what());
  }
}

}  // namespace thalo::store
