// What tests of closed stores share: leaving a store closed or crashed, looking at its files, and damaging them.
#pragma once

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
