// What tests of closed stores share: leaving a store closed or crashed, looking at its files, and damaging them.
#pragma once

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

}  // namespace thalo::store
