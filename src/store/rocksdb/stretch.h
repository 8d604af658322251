// The stream index of the newest events, in memory: which streams they belong to and where they are.
//
// The committer adds; any thread looks up; when it is full the index thread writes it to disk. Locks are held for the
// time of a few instructions, so that readers never keep the committer waiting.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "model/event.h"

namespace thalo::store {

class Stretch {
 public:
  // The events of one stream in the stretch.
  struct Run {
    model::Position first = 0;
    std::vector<std::uint32_t> offsets = {};  // of the global positions from the stretch's begin
  };
  struct Range {
    model::Position first = 0;
    std::uint64_t count = 0;
    model::Position end() const { return first + count; }
  };

  // Covers the global positions from `begin` on, fewer than 2^32.
  explicit Stretch(model::GlobalPosition begin) : begin_(begin) {}

  model::GlobalPosition begin() const { return begin_; }

  // The events at `first_global` and the `count` - 1 places after it are those of `stream` from `first` on.
  void add(std::string_view stream, model::Position first, model::GlobalPosition first_global, std::uint32_t count);

  // The positions of `stream` that are in the stretch.
  std::optional<Range> find(std::string_view stream) const;
  // Appends the global positions of at most `count` events of `stream` from `from` on, which is in the stretch.
  void copy(std::string_view stream, model::Position from, std::uint64_t count,
            std::vector<model::GlobalPosition>& out) const;

  // All runs in the order of their streams' names. Only when nothing is added any more.
  std::vector<std::pair<std::string_view, const Run*>> sorted() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Run, Hash, std::equal_to<>> runs;
  };
  static constexpr std::size_t shard_count = 16;
  // Chosen by other bits of the hash than those by which the shard's map chooses its bucket.
  static std::size_t shard_of(std::string_view stream) { return (Hash{}(stream) >> 48) % shard_count; }

  const model::GlobalPosition begin_;
  std::array<Shard, shard_count> shards_;
};

}  // namespace thalo::store
