#include "store/memory/memory_disk.h"

#include <iterator>
#include <random>
#include <utility>

namespace thalo::store {
namespace {

model::StoreId random_id() {
  std::random_device random;
  model::StoreId id;
  for (auto& byte : id) byte = static_cast<std::uint8_t>(random());
  return id;
}

}  // namespace

MemoryDisk::MemoryDisk() : id_(random_id()) {}

void MemoryDisk::fail_next_write(std::string reason) {
  const std::lock_guard lock(mutex_);
  write_failure_ = std::move(reason);
}

void MemoryDisk::fail_next_sync(std::string reason) {
  const std::lock_guard lock(mutex_);
  sync_failure_ = std::move(reason);
}

void MemoryDisk::hold_commits() {
  const std::lock_guard lock(mutex_);
  hold_ = true;
}

void MemoryDisk::release_commits() {
  const std::lock_guard lock(mutex_);
  hold_ = false;
  held_ = false;
  changed_.notify_all();
}

void MemoryDisk::wait_until_held() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return held_; });
}

void MemoryDisk::drop_unsynced() {
  const std::lock_guard lock(mutex_);
  records_.resize(synced_records_);
}

base::Result<> MemoryDisk::take_failure(std::optional<std::string>& reason, std::string_view what) {
  if (!reason) return {};
  const std::string text = *std::exchange(reason, std::nullopt);
  return base::fail(base::Code::unavailable, std::string(what) + " failed: " + text);
}

base::Result<> MemoryDisk::write_events(std::vector<std::string> records) {
  std::unique_lock lock(mutex_);
  if (hold_) {
    held_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return !hold_; });
    held_ = false;
  }
  if (auto failed = take_failure(write_failure_, "writing events"); !failed) return failed;
  records_.insert(records_.end(), std::make_move_iterator(records.begin()), std::make_move_iterator(records.end()));
  if (auto failed = take_failure(sync_failure_, "syncing events"); !failed) return failed;
  synced_records_ = records_.size();
  return {};
}

std::vector<std::string> MemoryDisk::read_events() const {
  const std::lock_guard lock(mutex_);
  return records_;
}

base::Result<> MemoryDisk::write_cursor(std::string_view name, std::optional<Cursor> cursor) {
  const std::lock_guard lock(mutex_);
  if (auto failed = take_failure(write_failure_, "writing a cursor"); !failed) return failed;
  if (auto failed = take_failure(sync_failure_, "syncing a cursor"); !failed) return failed;
  if (cursor) {
    cursors_.insert_or_assign(std::string(name), *std::move(cursor));
  } else if (const auto found = cursors_.find(name); found != cursors_.end()) {
    cursors_.erase(found);
  }
  return {};
}

std::map<std::string, Cursor, std::less<>> MemoryDisk::read_cursors() const {
  const std::lock_guard lock(mutex_);
  return cursors_;
}

void MemoryDisk::write_snapshot(std::string_view stream, std::optional<Snapshot> snapshot) {
  const std::lock_guard lock(mutex_);
  if (snapshot) {
    snapshots_.insert_or_assign(std::string(stream), *std::move(snapshot));
  } else if (const auto found = snapshots_.find(stream); found != snapshots_.end()) {
    snapshots_.erase(found);
  }
}

std::optional<Snapshot> MemoryDisk::read_snapshot(std::string_view stream) const {
  const std::lock_guard lock(mutex_);
  const auto found = snapshots_.find(stream);
  if (found == snapshots_.end()) return std::nullopt;
  return found->second;
}

}  // namespace thalo::store
