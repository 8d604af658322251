#include "store/rocksdb/read_only_file_system.h"

#include <algorithm>
#include <filesystem>

namespace thalo::store {
namespace {

using rocksdb::IOStatus;

IOStatus refused(const std::string& path) { return IOStatus::NotSupported("the store is open for reading only", path); }

// A file read from the front that ends early.
class CutFile final : public rocksdb::FSSequentialFileOwnerWrapper {
 public:
  CutFile(std::unique_ptr<rocksdb::FSSequentialFile> file, std::uint64_t end)
      : FSSequentialFileOwnerWrapper(std::move(file)), left_(end) {}

  IOStatus Read(std::size_t size, const rocksdb::IOOptions& options, rocksdb::Slice* result, char* scratch,
                rocksdb::IODebugContext* debug) override {
    const auto status =
        FSSequentialFileOwnerWrapper::Read(std::min<std::uint64_t>(size, left_), options, result, scratch, debug);
    if (status.ok()) left_ -= result->size();
    return status;
  }
  IOStatus Skip(std::uint64_t size) override {
    size = std::min(size, left_);
    left_ -= size;
    return FSSequentialFileOwnerWrapper::Skip(size);
  }

 private:
  std::uint64_t left_;
};

}  // namespace

ReadOnlyFileSystem::ReadOnlyFileSystem(const std::shared_ptr<rocksdb::FileSystem>& files,
                                       const std::optional<LogsCut>& cut)
    : FileSystemWrapper(files) {
  if (!cut) return;
  is_damage_ = cut->is_damage;
  ends_[cut->file.filename().string()] = cut->offset;
  for (const auto& later : cut->later) ends_[later.filename().string()] = 0;
}

std::optional<std::uint64_t> ReadOnlyFileSystem::end_of(const std::string& path) const {
  const auto found = ends_.find(std::filesystem::path(path).filename().string());
  return found == ends_.end() ? std::nullopt : std::optional(found->second);
}

IOStatus ReadOnlyFileSystem::NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                                               std::unique_ptr<rocksdb::FSSequentialFile>* result,
                                               rocksdb::IODebugContext* debug) {
  auto status = FileSystemWrapper::NewSequentialFile(path, options, result, debug);
  const auto end = end_of(path);
  if (status.ok() && end) *result = std::make_unique<CutFile>(std::move(*result), *end);
  return status;
}

IOStatus ReadOnlyFileSystem::GetFileSize(const std::string& path, const rocksdb::IOOptions& options,
                                         std::uint64_t* size, rocksdb::IODebugContext* debug) {
  const auto status = FileSystemWrapper::GetFileSize(path, options, size, debug);
  if (const auto end = end_of(path); status.ok() && end && !is_damage_) *size = *end;
  return status;
}

IOStatus ReadOnlyFileSystem::NewWritableFile(const std::string& path, const rocksdb::FileOptions&,
                                             std::unique_ptr<rocksdb::FSWritableFile>*, rocksdb::IODebugContext*) {
  return refused(path);
}
IOStatus ReadOnlyFileSystem::ReopenWritableFile(const std::string& path, const rocksdb::FileOptions&,
                                                std::unique_ptr<rocksdb::FSWritableFile>*, rocksdb::IODebugContext*) {
  return refused(path);
}
IOStatus ReadOnlyFileSystem::ReuseWritableFile(const std::string& path, const std::string&, const rocksdb::FileOptions&,
                                               std::unique_ptr<rocksdb::FSWritableFile>*, rocksdb::IODebugContext*) {
  return refused(path);
}
IOStatus ReadOnlyFileSystem::NewRandomRWFile(const std::string& path, const rocksdb::FileOptions&,
                                             std::unique_ptr<rocksdb::FSRandomRWFile>*, rocksdb::IODebugContext*) {
  return refused(path);
}
IOStatus ReadOnlyFileSystem::DeleteFile(const std::string& path, const rocksdb::IOOptions&, rocksdb::IODebugContext*) {
  return refused(path);
}
IOStatus ReadOnlyFileSystem::DeleteDir(const std::string& path, const rocksdb::IOOptions&, rocksdb::IODebugContext*) {
  return refused(path);
}
IOStatus ReadOnlyFileSystem::CreateDir(const std::string& path, const rocksdb::IOOptions&, rocksdb::IODebugContext*) {
  return refused(path);
}
IOStatus ReadOnlyFileSystem::CreateDirIfMissing(const std::string& path, const rocksdb::IOOptions&,
                                                rocksdb::IODebugContext*) {
  return refused(path);
}
IOStatus ReadOnlyFileSystem::RenameFile(const std::string& from, const std::string&, const rocksdb::IOOptions&,
                                        rocksdb::IODebugContext*) {
  return refused(from);
}
IOStatus ReadOnlyFileSystem::LinkFile(const std::string& from, const std::string&, const rocksdb::IOOptions&,
                                      rocksdb::IODebugContext*) {
  return refused(from);
}
IOStatus ReadOnlyFileSystem::Truncate(const std::string& path, std::size_t, const rocksdb::IOOptions&,
                                      rocksdb::IODebugContext*) {
  return refused(path);
}

}  // namespace thalo::store
