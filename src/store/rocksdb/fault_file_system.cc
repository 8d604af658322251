#include "store/rocksdb/fault_file_system.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "env/files.h"

namespace thalo::store {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;

namespace {

// Pages reach the disk in any order: some of those behind `synced` read as zeros.
void leave_pages_unwritten(const std::string& path, std::uint64_t synced, std::mt19937& random) {
  constexpr std::uint64_t page_bytes = 4096;
  const std::uint64_t size = std::filesystem::file_size(path);
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  for (std::uint64_t page = synced / page_bytes * page_bytes; page < size; page += page_bytes) {
    if (random() % 4 != 0) continue;
    const std::uint64_t begin = std::max(page, synced);
    file.seekp(static_cast<std::streamoff>(begin));
    file << std::string(std::min(page + page_bytes, size) - begin, '\0');
  }
}

}  // namespace

class FaultFileSystem::File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(FaultFileSystem& disk, std::string path, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk), path_(std::move(path)) {}

  using FSWritableFileOwnerWrapper::Append;
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, IODebugContext* debug) override {
    disk_.wait_while_held(path_);
    if (auto status = disk_.admit(path_, disk_.failing_append_, "write"); !status.ok()) return status;
    disk_.wrote(path_, data.size());
    return FSWritableFileOwnerWrapper::Append(data, options, debug);
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo& /*info*/,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    if (auto status = disk_.admit(path_, disk_.failing_sync_, "sync"); !status.ok()) return status;
    auto status = FSWritableFileOwnerWrapper::Sync(options, debug);
    if (status.ok()) disk_.synced(path_);
    return status;
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override { return Sync(options, debug); }
  IOStatus RangeSync(uint64_t /*offset*/, uint64_t /*bytes*/, const IOOptions& /*options*/,
                     IODebugContext* /*debug*/) override {
    return IOStatus::OK();
  }

 private:
  FaultFileSystem& disk_;
  const std::string path_;
};

class FaultFileSystem::Directory final : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(FaultFileSystem& disk, std::unique_ptr<rocksdb::FSDirectory> directory)
      : FSDirectoryWrapper(std::move(directory)), disk_(disk) {}
  IOStatus Fsync(const IOOptions& options, IODebugContext* debug) override {
    std::string no_switch;
    if (auto status = disk_.admit("", no_switch, "sync"); !status.ok()) return status;
    disk_.synced_folder();
    return FSDirectoryWrapper::Fsync(options, debug);
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& /*why*/) override {
    return Fsync(options, debug);
  }

 private:
  FaultFileSystem& disk_;
};

void FaultFileSystem::fail_next_append(std::string ending) {
  const std::lock_guard lock(mutex_);
  failing_append_ = std::move(ending);
}

void FaultFileSystem::fail_next_sync(std::string ending) {
  const std::lock_guard lock(mutex_);
  failing_sync_ = std::move(ending);
}

void FaultFileSystem::hold_logs() {
  const std::lock_guard lock(mutex_);
  hold_ = true;
}

void FaultFileSystem::release_logs() {
  const std::lock_guard lock(mutex_);
  hold_ = false;
  held_ = false;
  changed_.notify_all();
}

void FaultFileSystem::wait_until_held() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return held_; });
}

void FaultFileSystem::cut_power_after(std::uint64_t countdown) {
  const std::lock_guard lock(mutex_);
  countdown_ = countdown;
}

bool FaultFileSystem::is_power_cut() const {
  const std::lock_guard lock(mutex_);
  return countdown_ == 0;
}

std::uint64_t FaultFileSystem::syncs() const {
  const std::lock_guard lock(mutex_);
  return syncs_;
}

void FaultFileSystem::drop_unsynced(std::mt19937* random) {
  const std::lock_guard lock(mutex_);
  for (const auto& [path, written] : files_) {
    if (!std::filesystem::exists(path)) continue;
    if (!written.in_folder) {
      std::filesystem::remove(path);
      continue;
    }
    const std::uint64_t unsynced = written.size - written.synced;
    const std::uint64_t kept = random != nullptr && unsynced > 0 ? (*random)() % (unsynced + 1) : 0;
    std::filesystem::resize_file(path, written.synced + kept);
    if (kept > 0 && path.ends_with(".log")) leave_pages_unwritten(path, written.synced, *random);
  }
  for (; random != nullptr && !unsynced_renames_.empty(); unsynced_renames_.pop_back()) {
    const auto& [path, replaced] = unsynced_renames_.back();
    if ((*random)() % 2 == 0) break;
    std::ofstream(path, std::ios::binary | std::ios::trunc) << replaced;
  }
  unsynced_renames_.clear();
  files_.clear();
  countdown_ = UINT64_MAX;
}

void FaultFileSystem::wait_while_held(const std::string& path) {
  std::unique_lock lock(mutex_);
  if (!hold_ || !path.ends_with(".log")) return;
  held_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !hold_; });
}

IOStatus FaultFileSystem::admit(const std::string& path, std::string& failing, const char* what) {
  const std::lock_guard lock(mutex_);
  if (&failing == &failing_sync_) ++syncs_;
  if (countdown_ != UINT64_MAX && countdown_ > 0) --countdown_;
  if (countdown_ == 0) return IOStatus::IOError("the power is cut", path);
  if (failing.empty() || !path.ends_with(failing)) return IOStatus::OK();
  failing.clear();
  return IOStatus::IOError(std::string("the test fails this ") + what, path);
}

void FaultFileSystem::wrote(const std::string& path, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  files_[path].size += bytes;
}

void FaultFileSystem::synced(const std::string& path) {
  const std::lock_guard lock(mutex_);
  files_[path].synced = files_[path].size;
}

void FaultFileSystem::synced_folder() {
  const std::lock_guard lock(mutex_);
  for (auto& [path, written] : files_) written.in_folder = true;
  unsynced_renames_.clear();
}

IOStatus FaultFileSystem::NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                          std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) {
  std::string no_switch;
  if (auto status = admit(path, no_switch, "creation"); !status.ok()) return status;
  auto status = FileSystemWrapper::NewWritableFile(path, options, file, debug);
  if (!status.ok()) return status;
  *file = std::make_unique<File>(*this, path, std::move(*file));
  const std::lock_guard lock(mutex_);
  files_[path] = {};
  return status;
}

IOStatus FaultFileSystem::ReopenWritableFile(const std::string& /*path*/, const rocksdb::FileOptions& /*options*/,
                                             std::unique_ptr<rocksdb::FSWritableFile>* /*file*/,
                                             IODebugContext* /*debug*/) {
  return IOStatus::NotSupported("the store does not write on in old files");
}

IOStatus FaultFileSystem::ReuseWritableFile(const std::string& /*path*/, const std::string& /*old_path*/,
                                            const rocksdb::FileOptions& /*options*/,
                                            std::unique_ptr<rocksdb::FSWritableFile>* /*file*/,
                                            IODebugContext* /*debug*/) {
  return IOStatus::NotSupported("the store does not reuse files");
}

IOStatus FaultFileSystem::NewDirectory(const std::string& path, const IOOptions& options,
                                       std::unique_ptr<rocksdb::FSDirectory>* directory, IODebugContext* debug) {
  auto status = FileSystemWrapper::NewDirectory(path, options, directory, debug);
  if (status.ok()) *directory = std::make_unique<Directory>(*this, std::move(*directory));
  return status;
}

IOStatus FaultFileSystem::DeleteFile(const std::string& path, const IOOptions& options, IODebugContext* debug) {
  std::string no_switch;
  if (auto status = admit(path, no_switch, "deletion"); !status.ok()) return status;
  auto status = FileSystemWrapper::DeleteFile(path, options, debug);
  const std::lock_guard lock(mutex_);
  files_.erase(path);
  return status;
}

IOStatus FaultFileSystem::RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                                     IODebugContext* debug) {
  std::string no_switch;
  if (auto status = admit(from, no_switch, "renaming"); !status.ok()) return status;
  auto replaced = env::read_file(to);
  auto status = FileSystemWrapper::RenameFile(from, to, options, debug);
  if (!status.ok()) return status;
  const std::lock_guard lock(mutex_);
  // Names reach the disk in order: if the new name is there after a power cut, so is every file that was made before.
  for (auto& [path, written] : files_) written.in_folder = true;
  if (const auto found = files_.find(from); found != files_.end()) {
    files_[to] = found->second;
    files_.erase(found);
  }
  if (replaced) unsynced_renames_.emplace_back(to, *std::move(replaced));
  return status;
}

}  // namespace thalo::store
