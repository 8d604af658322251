#include "store/rocksdb/kept_iterators.h"

#include <rocksdb/listener.h>

#include <utility>

namespace thalo::store {
namespace {

// More threads than that seldom look something up at once, and each that is kept holds blocks of the cache.
constexpr std::size_t kept_max = 8;

class Clearing final : public rocksdb::EventListener {
 public:
  Clearing(KeptIterators& iterators, std::uint32_t column) : iterators_(iterators), column_(column) {}
  void OnFlushCompleted(rocksdb::DB* /*db*/, const rocksdb::FlushJobInfo& job) override { changed(job.cf_id); }
  void OnCompactionCompleted(rocksdb::DB* /*db*/, const rocksdb::CompactionJobInfo& job) override {
    changed(job.cf_id);
  }

 private:
  void changed(std::uint32_t column) {
    if (column == column_) iterators_.clear();
  }
  KeptIterators& iterators_;
  const std::uint32_t column_;
};

}  // namespace

KeptIterators::Lease::~Lease() {
  if (iterator_ != nullptr) owner_->give_back(*this);
}

KeptIterators::KeptIterators(const rocksdb::ReadOptions& options) : options_(options) { kept_.reserve(kept_max); }

void KeptIterators::take(rocksdb::DB& db, rocksdb::ColumnFamilyHandle* column, Lease& lease) {
  lease.owner_ = this;
  {
    const std::lock_guard lock(mutex_);
    lease.generation_ = generation_;
    if (!kept_.empty()) {
      lease.iterator_ = std::move(kept_.back());
      kept_.pop_back();
    }
  }
  // Not every database can: one that is open for reading makes new ones.
  if (lease.iterator_ != nullptr && lease.iterator_->Refresh().ok()) return;
  lease.iterator_.reset(db.NewIterator(options_, column));
}

void KeptIterators::give_back(Lease& lease) {
  if (!lease.iterator_->status().ok()) return;
  const std::lock_guard lock(mutex_);
  if (lease.generation_ == generation_ && kept_.size() < kept_max) kept_.push_back(std::move(lease.iterator_));
}

void KeptIterators::clear() {
  std::vector<std::unique_ptr<rocksdb::Iterator>> ended;
  ended.reserve(kept_max);
  const std::lock_guard lock(mutex_);
  ++generation_;
  ended.swap(kept_);
}

std::shared_ptr<rocksdb::EventListener> KeptIterators::listener(std::uint32_t column) {
  return std::make_shared<Clearing>(*this, column);
}

}  // namespace thalo::store
