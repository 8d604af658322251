// The versions of streams that nobody is appending to just now, as many as fit: what HeadTable remembers so that the
// index need not be asked again.
//
// A table of sets: a stream can stand in one set only, among the last `set_entries` that came there. One cache line an
// entry, none of it touched before it is used. A name that is longer than an entry has room for is not remembered. The
// names are compared whole: a version is right or unknown.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string_view>

namespace thalo::store {

// One thread at a time.
class IdleVersions {
 public:
  static constexpr std::size_t set_entries = 8;
  static constexpr std::size_t name_bytes_max = 55;

  IdleVersions() = default;
  // Remembers at most `entries` streams, rounded down to whole sets.
  explicit IdleVersions(std::size_t entries);

  // What put() was told; forgets it. `hash` is the stream_hash of `stream`, everywhere.
  std::optional<std::uint64_t> take(std::string_view stream, std::uint64_t hash);
  // Remembers a stream that is not in the table, instead of the one in its set that was put there longest ago.
  void put(std::string_view stream, std::uint64_t hash, std::uint64_t version);
  std::size_t size() const { return size_; }

 private:
  struct Entry {
    std::uint64_t version;
    std::uint8_t name_bytes;
    char name[name_bytes_max];
  };
  static_assert(sizeof(Entry) == 64);
  struct Place {
    std::uint16_t tag;  // of the hash
    std::uint8_t entry;
    bool is_used;
  };
  struct Set {
    Place newest_first[set_entries];
    bool is_ready;  // all of a new set is zero
    Entry entries[set_entries];
  };
  struct Free {
    void operator()(Set* sets) const { std::free(sets); }
  };

  Set& set_of(std::uint64_t hash);

  std::size_t set_count_ = 0;
  std::size_t size_ = 0;
  std::unique_ptr<Set[], Free> sets_;
};

}  // namespace thalo::store
