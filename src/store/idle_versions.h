// The versions of streams that nobody is appending to just now, as many as fit: what HeadTable remembers so that the
// index need not be asked again.
//
// A table of sets: a stream can stand in one set only, among the last `set_entries` that came there. 20 bytes an entry,
// none of it touched before it is used, and the name, which is shared with whoever else has it. Names are compared
// whole: a version is right or unknown.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>

#include "base/shared_text.h"

namespace thalo::store {

// One thread at a time.
class IdleVersions {
 public:
  static constexpr std::size_t set_entries = 8;

  IdleVersions() = default;
  // Remembers at most `entries` streams, rounded down to whole sets.
  explicit IdleVersions(std::size_t entries);
  IdleVersions(IdleVersions&& other) noexcept { *this = std::move(other); }
  IdleVersions& operator=(IdleVersions&& other) noexcept {
    std::swap(set_count_, other.set_count_);
    std::swap(size_, other.size_);
    std::swap(sets_, other.sets_);
    return *this;
  }
  ~IdleVersions();

  // What put() was told; forgets it. `hash` is the stream_hash of `stream`, everywhere.
  std::optional<std::uint64_t> take(const base::SharedText& stream, std::uint64_t hash);
  // Remembers a stream that is not in the table, instead of the one in its set that was put there longest ago.
  void put(base::SharedText stream, std::uint64_t hash, std::uint64_t version);
  std::size_t size() const { return size_; }

 private:
  struct Entry {
    std::uint64_t version;
    base::SharedText name;
  };
  struct Place {
    std::uint16_t tag;  // of the hash
    std::uint8_t entry;
    bool is_used : 1;
    bool is_ready : 1;  // all of a new set is zero
  };
  struct Set {
    Place newest_first[set_entries];
    Entry entries[set_entries];
  };
  static_assert(sizeof(Set) == 20 * set_entries);
  struct Free {
    void operator()(Set* sets) const { std::free(sets); }
  };

  Set& set_of(std::uint64_t hash);

  std::size_t set_count_ = 0;
  std::size_t size_ = 0;
  std::unique_ptr<Set[], Free> sets_;
};

}  // namespace thalo::store
