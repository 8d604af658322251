// What tests of closed stores share: leaving a store closed or crashed, looking at its files, and damaging them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rocksdb/db.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "store/rocksdb/rocksdb_place.h"

namespace thalo::store {

inline void append_events(Store& store, const std::string& stream, std::vector<std::string> data) {
  const auto appended = append_and_wait(store, make_append(stream, std::move(data)));
  ASSERT_TRUE(appended) << appended.error().message;
}

// Leaves the store as a killed process does: with its newest events in the log only.
inline void leave_crashed(RocksdbPlace& place, std::unique_ptr<Store> store) {
  store->close();
  place.disk().cut_power_after(1);
  store.reset();
  place.disk().drop_unsynced();
}

inline std::vector<std::filesystem::path> database_files(const RocksdbPlace& place, const std::string& extension) {
  std::vector<std::filesystem::path> found;
  for (const auto& entry : std::filesystem::directory_iterator(place.path() / "rocksdb")) {
    if (entry.path().extension() == extension) found.push_back(entry.path());
  }
  std::ranges::sort(found);
  return found;
}

inline void flip_byte(const std::filesystem::path& path, std::uint64_t at) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(at));
  const char byte = static_cast<char>(file.get() ^ 0x40);
  file.seekp(static_cast<std::streamoff>(at));
  file.put(byte);
}

// Changes the database of a closed store as only a program with an error could, and puts everything into files.
using Columns = std::vector<rocksdb::ColumnFamilyHandle*>;
template <class Change>
void change_database(const RocksdbPlace& place, Change change, bool into_files = true) {
  std::vector<rocksdb::ColumnFamilyDescriptor> columns;
  for (const char* name : {"default", "events", "index", "cursors", "snapshots"})
    columns.emplace_back(name, rocksdb::ColumnFamilyOptions());
  Columns handles;
  rocksdb::DB* raw = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open({}, (place.path() / "rocksdb").string(), columns, &handles, &raw).ok());
  const std::unique_ptr<rocksdb::DB> db(raw);
  change(*db, handles);
  if (into_files) {
    for (auto* handle : handles) ASSERT_TRUE(db->Flush({}, handle).ok());
  }
  for (auto* handle : handles) ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
}

// Writes a column anew as several files of one level, as they are in a large store; in the order of their keys.
inline std::vector<std::filesystem::path> split_column(const RocksdbPlace& place, const std::string& column) {
  std::vector<rocksdb::LiveFileMetaData> files;
  change_database(place, [&](rocksdb::DB& db, const Columns& columns) {
    auto* const handle = *std::ranges::find(columns, column, &rocksdb::ColumnFamilyHandle::GetName);
    ASSERT_TRUE(db.SetOptions(handle, {{"target_file_size_base", "16384"}}).ok());
    rocksdb::CompactRangeOptions all;
    all.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    ASSERT_TRUE(db.CompactRange(all, handle, nullptr, nullptr).ok());
    db.GetLiveFilesMetaData(&files);
  });
  std::erase_if(files, [&](const auto& file) { return file.column_family_name != column; });
  std::ranges::sort(files, {}, &rocksdb::LiveFileMetaData::smallestkey);
  std::vector<std::filesystem::path> paths;
  for (const auto& file : files) paths.emplace_back(file.db_path + file.name);
  return paths;
}

// Every file below a folder with its content and when it was written.
inline std::map<std::string, std::pair<std::string, std::filesystem::file_time_type>> content_of(
    const std::filesystem::path& folder) {
  std::map<std::string, std::pair<std::string, std::filesystem::file_time_type>> all;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file())
      all[entry.path().string()] = {env::read_file(entry.path()).value(), entry.last_write_time()};
  }
  return all;
}

// Reading the beginning of its own memory is what a process is always told is an input/output error.
inline const std::filesystem::path unreadable = "/proc/self/mem";

// A store on a faulty disk, to be closed, damaged and opened again.
class RocksdbStoreTest : public testing::Test {
 protected:
  explicit RocksdbStoreTest(std::uint32_t stretch_events = 10) : place_(stretch_events) {}
  // Opens without the faulty disk.
  base::Result<std::unique_ptr<Store>> try_open() { return open_rocksdb_store(place_.options()); }
  std::unique_ptr<Store> open() {
    auto store = try_open();
    EXPECT_TRUE(store) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  void append(Store& store, const std::string& stream, std::vector<std::string> data) {
    const auto appended = append_and_wait(store, make_append(stream, std::move(data)));
    ASSERT_TRUE(appended) << appended.error().message;
  }
  void expect_refused(base::Code code, const std::string& text) {
    const auto store = try_open();
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, code) << store.error().message;
    EXPECT_THAT(store.error().message, testing::HasSubstr(text));
    EXPECT_THAT(store.error().message, testing::HasSubstr(place_.path().string()));
  }
  void write_file(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path, std::ios::binary) << text;
  }
  std::string read_file(const std::filesystem::path& path) { return env::read_file(path).value(); }
  std::vector<std::filesystem::path> files(const std::string& extension) {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(place_.path() / "rocksdb")) {
      if (entry.path().extension() == extension) found.push_back(entry.path());
    }
    std::ranges::sort(found);
    return found;
  }

  RocksdbPlace place_;
};

}  // namespace thalo::store
