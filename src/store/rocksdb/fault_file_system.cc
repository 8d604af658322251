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

constexpr std::uint64_t page_bytes = 4096;

void write_zeros(std::fstream& file, std::uint64_t begin, std::uint64_t end) {
  file.seekp(static_cast<std::streamoff>(begin));
  file << std::string(end - begin, '\0');
}

// Pages reach the disk in any order: some of those between `begin` and `end` read as zeros; all without `random`.
void leave_pages_unwritten(const std::string& path, std::uint64_t begin, std::uint64_t end, std::mt19937* random) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  for (std::uint64_t page = begin / page_bytes * page_bytes; page < end; page += page_bytes) {
    if (random != nullptr && (*random)() % 4 != 0) continue;
    write_zeros(file, std::max(page, begin), std::min(page + page_bytes, end));
  }
}

bool is_in_name(std::string_view path, std::string_view part) {
  return path.substr(path.rfind('/') + 1).find(part) != std::string_view::npos;
}

}  // namespace

class FaultFileSystem::File final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(FaultFileSystem& disk, std::string path, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk), path_(std::move(path)) {}

  using FSWritableFileOwnerWrapper::Append;
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, IODebugContext* debug) override {
    disk_.wait_while_held(path_);
    std::uint64_t torn_bytes = 0;
    const auto admitted = disk_.admit(DiskOperation::write, path_, &torn_bytes);
    const rocksdb::Slice part(data.data(), admitted.ok() ? data.size() : std::min(torn_bytes, data.size()));
    disk_.wrote(path_, part.size());
    auto status = part.empty() ? IOStatus::OK() : FSWritableFileOwnerWrapper::Append(part, options, debug);
    return admitted.ok() ? status : admitted;
  }
  IOStatus Append(const rocksdb::Slice& data, const IOOptions& options, const rocksdb::DataVerificationInfo& /*info*/,
                  IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  IOStatus Sync(const IOOptions& options, IODebugContext* debug) override {
    auto status = disk_.admit(DiskOperation::sync, path_);
    if (status.ok() && disk_.syncs_really()) status = FSWritableFileOwnerWrapper::Sync(options, debug);
    if (status.ok()) disk_.synced(path_);
    if (!status.ok()) disk_.sync_failed(path_);
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
    if (auto status = disk_.admit(DiskOperation::sync_folder, ""); !status.ok()) return status;
    disk_.synced_folder();
    return disk_.syncs_really() ? FSDirectoryWrapper::Fsync(options, debug) : IOStatus::OK();
  }
  IOStatus FsyncWithDirOptions(const IOOptions& options, IODebugContext* debug,
                               const rocksdb::DirFsyncOptions& /*why*/) override {
    return Fsync(options, debug);
  }

 private:
  FaultFileSystem& disk_;
};

void FaultFileSystem::fail(DiskFault fault) {
  const std::lock_guard lock(mutex_);
  fault_ = std::move(fault);
}

void FaultFileSystem::clear_fault() {
  const std::lock_guard lock(mutex_);
  fault_.reset();
}

std::uint64_t FaultFileSystem::faults() const {
  const std::lock_guard lock(mutex_);
  return faults_;
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

void FaultFileSystem::sync_in_name_only() {
  const std::lock_guard lock(mutex_);
  syncs_in_name_only_ = true;
}

bool FaultFileSystem::syncs_really() const {
  const std::lock_guard lock(mutex_);
  return !syncs_in_name_only_;
}

void FaultFileSystem::ignore_syncs() {
  const std::lock_guard lock(mutex_);
  ignores_syncs_ = true;
}

std::uint64_t FaultFileSystem::syncs() const {
  const std::lock_guard lock(mutex_);
  return syncs_;
}

void FaultFileSystem::drop_unsynced(std::mt19937* random) {
  const std::lock_guard lock(mutex_);
  const std::size_t kept_names = random != nullptr ? (*random)() % (unsynced_names_.size() + 1) : 0;
  for (; unsynced_names_.size() > kept_names; unsynced_names_.pop_back()) undo(unsynced_names_.back());
  for (auto& [path, written] : files_) lose(path, written, random);
  unsynced_names_.clear();
  files_.clear();
  fault_.reset();
  countdown_ = UINT64_MAX;
}

void FaultFileSystem::keep_unsynced() {
  const std::lock_guard lock(mutex_);
  // The next power cut may still take it.
  fault_.reset();
  countdown_ = UINT64_MAX;
}

std::optional<FaultFileSystem::Former> FaultFileSystem::look_at(const std::string& path) {
  auto content = env::read_file(path);
  if (!content) return std::nullopt;
  Former former{.content = *std::move(content), .written = std::nullopt};
  const std::lock_guard lock(mutex_);
  if (const auto found = files_.find(path); found != files_.end()) former.written = found->second;
  return former;
}

void FaultFileSystem::undo(NameChange& change) {
  if (change.renamed_from.empty()) {
    std::filesystem::remove(change.path);
    files_.erase(change.path);
  } else {
    // What was renamed may be gone: RocksDB's own text logs are not written through this file system.
    std::error_code error;
    std::filesystem::rename(change.path, change.renamed_from, error);
    if (auto moved = files_.extract(change.path)) {
      moved.key() = change.renamed_from;
      files_.insert(std::move(moved));
    }
  }
  if (!change.former) return;
  std::ofstream(change.path, std::ios::binary | std::ios::trunc) << change.former->content;
  if (change.former->written) files_[change.path] = *std::move(change.former->written);
}

void FaultFileSystem::lose(const std::string& path, Written& written, std::mt19937* random) {
  // Who has shortened the file past this file system has synced it, too.
  if (!std::filesystem::exists(path)) return;
  const std::uint64_t size = std::filesystem::file_size(path);
  if (size < written.size) written.size = written.synced = size;
  const std::uint64_t unsynced = written.size - written.synced;
  std::uint64_t kept = 0;
  if (random != nullptr && unsynced > 0) kept = (*random)() % (unsynced + 1);
  // Of a log often all, so that what was written last is there as a whole while pages before it are not; or nothing,
  // while what was written to the next log is there.
  if (kept > 0 && path.ends_with(".log")) {
    const auto drawn = (*random)() % 4;
    if (drawn > 0) kept = drawn == 1 ? 0 : unsynced;
  }
  const std::uint64_t end = written.synced + kept;
  std::filesystem::resize_file(path, end);
  if (path.ends_with(".log") && kept > 0) leave_pages_unwritten(path, written.synced, end, random);
  for (const auto& [from, to] : written.dropped) {
    if (from < end) leave_pages_unwritten(path, from, std::min(to, end), random);
  }
}

void FaultFileSystem::wait_while_held(const std::string& path) {
  std::unique_lock lock(mutex_);
  if (!hold_ || !path.ends_with(".log")) return;
  held_ = true;
  changed_.notify_all();
  changed_.wait(lock, [this] { return !hold_; });
}

IOStatus FaultFileSystem::admit(DiskOperation operation, const std::string& path, std::uint64_t* torn_bytes) {
  const std::lock_guard lock(mutex_);
  if (operation == DiskOperation::sync) ++syncs_;
  if (countdown_ != UINT64_MAX && countdown_ > 0) --countdown_;
  if (countdown_ == 0) return IOStatus::IOError("the power is cut", path);
  if (!fault_ || fault_->operation != operation || !is_in_name(path, fault_->part) || --fault_->countdown > 0)
    return IOStatus::OK();
  if (torn_bytes != nullptr) *torn_bytes = fault_->torn_bytes;
  const bool seems_to_pass = fault_->seems_to_pass;
  fault_.reset();
  ++faults_;
  if (seems_to_pass) return IOStatus::Busy("the test fails this operation", path);
  return IOStatus::IOError(
      operation == DiskOperation::write ? "the test fails this write" : "the test fails this operation", path);
}

void FaultFileSystem::wrote(const std::string& path, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  Written& written = files_[path];
  // A page that is written to again will be written as a whole.
  const std::uint64_t page = written.size / page_bytes * page_bytes;
  for (auto& [from, to] : written.dropped) to = std::min(to, std::max(from, page));
  written.size += bytes;
}

void FaultFileSystem::synced(const std::string& path) {
  const std::lock_guard lock(mutex_);
  if (!ignores_syncs_) files_[path].synced = files_[path].size;
}

void FaultFileSystem::sync_failed(const std::string& path) {
  const std::lock_guard lock(mutex_);
  // After the power cut nothing is written any more anyway.
  if (countdown_ == 0) return;
  Written& written = files_[path];
  if (written.size > written.synced) written.dropped.emplace_back(written.synced, written.size);
}

void FaultFileSystem::synced_folder() {
  const std::lock_guard names(names_mutex_);
  const std::lock_guard lock(mutex_);
  if (!ignores_syncs_) unsynced_names_.clear();
}

IOStatus FaultFileSystem::NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                          std::unique_ptr<rocksdb::FSWritableFile>* file, IODebugContext* debug) {
  if (auto status = admit(DiskOperation::create, path); !status.ok()) return status;
  const std::lock_guard names(names_mutex_);
  auto former = look_at(path);
  auto status = FileSystemWrapper::NewWritableFile(path, options, file, debug);
  if (!status.ok()) return status;
  *file = std::make_unique<File>(*this, path, std::move(*file));
  const std::lock_guard lock(mutex_);
  files_[path] = {};
  unsynced_names_.push_back({.path = path, .renamed_from = {}, .former = std::move(former)});
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
  if (auto status = admit(DiskOperation::remove, path); !status.ok()) return status;
  const std::lock_guard names(names_mutex_);
  auto former = look_at(path);
  auto status = FileSystemWrapper::DeleteFile(path, options, debug);
  if (!status.ok()) return status;
  const std::lock_guard lock(mutex_);
  files_.erase(path);
  unsynced_names_.push_back({.path = path, .renamed_from = {}, .former = std::move(former)});
  return status;
}

IOStatus FaultFileSystem::RenameFile(const std::string& from, const std::string& to, const IOOptions& options,
                                     IODebugContext* debug) {
  if (auto status = admit(DiskOperation::rename, from); !status.ok()) return status;
  const std::lock_guard names(names_mutex_);
  auto former = look_at(to);
  auto status = FileSystemWrapper::RenameFile(from, to, options, debug);
  if (!status.ok()) return status;
  const std::lock_guard lock(mutex_);
  files_.erase(to);
  if (auto moved = files_.extract(from)) {
    moved.key() = to;
    files_.insert(std::move(moved));
  }
  unsynced_names_.push_back({.path = to, .renamed_from = from, .former = std::move(former)});
  return status;
}

}  // namespace thalo::store
