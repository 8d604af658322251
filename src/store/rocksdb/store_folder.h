// The folder of a store: its lock, and the small file STORE that says what it is (docs/format.md, "The folder").
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/event.h"

namespace thalo::store {

inline constexpr std::uint32_t store_format = 1;

// What STORE says in the folder of a complete store.
std::string description_of(const model::StoreId& id);
// Only such a text exactly; false otherwise.
bool parse_description(std::string_view text, model::StoreId& id);

// A locked folder. Movable; the lock ends with it, also when the process dies.
class StoreFolder {
 public:
  // Makes the folder when it is missing and `create_if_missing`; locks it; reads or writes STORE. Errors as
  // open_rocksdb_store says.
  static base::Result<StoreFolder> open(const std::filesystem::path& path, bool create_if_missing);

  // The same for reading: nothing is made or written, and the lock is shared, so that several may read.
  static base::Result<StoreFolder> open_read_only(const std::filesystem::path& path);

  StoreFolder(StoreFolder&& other) noexcept;
  StoreFolder& operator=(StoreFolder&& other) = delete;
  ~StoreFolder();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path database_path() const { return path_ / "rocksdb"; }
  const model::StoreId& id() const { return id_; }
  // Whether STORE is what this program would write.
  bool has_exact_description() const { return is_exact_; }
  // The database was not completed yet: this is a new store, or one whose creation was interrupted.
  bool is_new() const { return is_new_; }
  // Says in STORE that the database is complete. Durable when it returns.
  base::Result<> finish_creation();

 private:
  StoreFolder(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}
  base::Result<> read_or_create();
  base::Result<> parse(std::string_view text);
  std::string description() const;
  base::Result<> write();

  std::filesystem::path path_;
  int lock_;
  model::StoreId id_{};
  bool is_new_ = false;
  bool is_exact_ = true;
};

}  // namespace thalo::store
