// Iterators over one column that are kept from one look-up to the next: to make one and to end it costs nearly as much
// as to seek. What one holds (buffers, files) is let go of when the column has moved on.
//
// They rest on Iterator::Refresh of RocksDB 7.9.2; a newer RocksDB must have its fix 11848.
#pragma once

#include <rocksdb/db.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace thalo::store {

class KeptIterators {
 public:
  // An iterator while it is used. For one thread; ends before the KeptIterators and the database do.
  class Lease {
   public:
    Lease() = default;
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;

    explicit operator bool() const { return iterator_ != nullptr; }
    rocksdb::Iterator* operator->() const { return iterator_.get(); }

   private:
    friend class KeptIterators;
    KeptIterators* owner_ = nullptr;
    std::unique_ptr<rocksdb::Iterator> iterator_;
    std::uint64_t generation_ = 0;
  };

  explicit KeptIterators(const rocksdb::ReadOptions& options);

  // Sets `lease`, which is empty, to an iterator that sees all that has been written to `column`; always the same
  // column. Any thread.
  void take(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* column, Lease& lease);
  // Ends those that are not used, and those that are when they come back. Any thread. Before the database is closed.
  void clear();
  // Of the database that they belong to, with the column's number: clears them when a buffer or a file of the column
  // is replaced. They outlive it.
  std::shared_ptr<rocksdb::EventListener> listener(std::uint32_t column);

 private:
  void give_back(Lease& lease);

  const rocksdb::ReadOptions options_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<rocksdb::Iterator>> kept_;
  std::uint64_t generation_ = 0;
};

}  // namespace thalo::store
