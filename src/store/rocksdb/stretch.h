// The stream index of the newest events, in memory: which streams they belong to and where they are.
//
// The committer adds; any thread looks up; when it is full the index thread writes it to disk. Locks are held for the
// time of a few instructions, so that readers never keep the committer waiting.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "base/shared_text.h"
#include "model/event.h"

namespace thalo::store {

class Stretch {
 public:
  // The events of one stream in the stretch: where they are as offsets from the stretch's begin.
  struct Run {
    base::SharedText stream;
    model::Position first = 0;
    std::uint32_t first_offset = 0;  // most streams have one event in a stretch: it needs no allocation
    std::unique_ptr<std::vector<std::uint32_t>> more_offsets;

    std::size_t size() const { return 1 + (more_offsets == nullptr ? 0 : more_offsets->size()); }
    std::uint32_t offset(std::size_t index) const { return index == 0 ? first_offset : (*more_offsets)[index - 1]; }
  };
  struct Range {
    model::Position first = 0;
    std::uint64_t count = 0;
    std::uint32_t last_offset = 0;  // of the last of them in the stretch
    model::Position end() const { return first + count; }
  };

  // Covers the global positions from `begin` on, fewer than 2^32.
  explicit Stretch(model::GlobalPosition begin) : begin_(begin) {}

  model::GlobalPosition begin() const { return begin_; }

  // `hash` is the stream_hash of `stream`, everywhere. The events at `first_global` and the `count` - 1 places after it
  // are those of `stream` from `first` on.
  void add(const base::SharedText& stream, std::uint64_t hash, model::Position first,
           model::GlobalPosition first_global, std::uint32_t count);

  // For an add that comes soon: has what it needs brought up from memory. The thread that adds.
  void fetch(std::uint64_t hash) const;

  // The positions of `stream` that are in the stretch.
  std::optional<Range> find(std::string_view stream, std::uint64_t hash) const;
  // Writes the global positions of the `count` events of `stream` from `from` on, all of them in the stretch.
  void copy(std::string_view stream, std::uint64_t hash, model::Position from, std::uint64_t count,
            model::GlobalPosition* out) const;

  // A stream with events in the stretch, and where the last of them ends.
  struct Named {
    std::string_view stream;  // lives as long as the stretch
    model::Position end = 0;
  };
  // Appends the streams whose names begin with `prefix` and come after `after`, in no order.
  void collect(std::string_view prefix, std::string_view after, std::vector<Named>& out) const;

  // All runs in the order of their streams' names. Only when nothing is added any more.
  std::vector<const Run*> sorted() const;

 private:
  // An open hash table of the runs.
  struct Slot {
    std::uint32_t tag = 0;    // of the hash; its low bits are the slot where the search begins
    std::uint32_t place = 0;  // in `runs`, plus one; 0: free
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::vector<Slot> slots = std::vector<Slot>(16);
    std::deque<Run> runs;

    const Run* find(std::string_view stream, std::uint64_t hash) const;
    void insert(Slot slot);
    Run& find_or_add(const base::SharedText& stream, std::uint64_t hash, bool& is_new);
  };
  static constexpr std::size_t shard_count = 16;
  static std::size_t shard_of(std::uint64_t hash) { return (hash >> 48) % shard_count; }

  const model::GlobalPosition begin_;
  std::array<Shard, shard_count> shards_;
};

}  // namespace thalo::store
