#include "store/rocksdb/stretch.h"

#include <algorithm>

#include "store/varint.h"

namespace thalo::store {
namespace {

std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash); }

}  // namespace

const Stretch::Run* Stretch::Shard::find(std::string_view stream, std::uint64_t hash) const {
  const std::size_t mask = slots.size() - 1;
  for (std::size_t at = tag_of(hash) & mask; slots[at].place != 0; at = (at + 1) & mask) {
    if (slots[at].tag != tag_of(hash)) continue;
    const Run& run = runs[slots[at].place - 1];
    if (run.stream == stream) return &run;
  }
  return nullptr;
}

void Stretch::Shard::insert(Slot slot) {
  const std::size_t mask = slots.size() - 1;
  std::size_t at = slot.tag & mask;
  while (slots[at].place != 0) at = (at + 1) & mask;
  slots[at] = slot;
}

Stretch::Run& Stretch::Shard::find_or_add(const base::SharedText& stream, std::uint64_t hash, bool& is_new) {
  const Run* const found = find(stream, hash);
  is_new = found == nullptr;
  if (!is_new) return const_cast<Run&>(*found);
  if (2 * (runs.size() + 1) > slots.size()) {
    std::vector<Slot> old(2 * slots.size());
    old.swap(slots);
    for (const Slot slot : old) {
      if (slot.place != 0) insert(slot);
    }
  }
  Run& run = runs.emplace_back(Run{.stream = stream, .more_offsets = nullptr});
  insert({tag_of(hash), static_cast<std::uint32_t>(runs.size())});
  return run;
}

void Stretch::add(const base::SharedText& stream, std::uint64_t hash, model::Position first,
                  model::GlobalPosition first_global, std::uint32_t count) {
  Shard& shard = shards_[shard_of(hash)];
  auto offset = static_cast<std::uint32_t>(first_global - begin_);
  const std::uint32_t end = offset + count;
  const std::lock_guard lock(shard.mutex);
  bool is_new = false;
  Run& run = shard.find_or_add(stream, hash, is_new);
  if (is_new) {
    run.first = first;
    run.first_offset = offset++;
  }
  if (offset == end) return;
  if (run.more_offsets == nullptr) run.more_offsets = std::make_unique<std::vector<std::uint32_t>>();
  while (offset < end) run.more_offsets->push_back(offset++);
}

void Stretch::fetch(std::uint64_t hash) const {
  const Shard& shard = shards_[shard_of(hash)];
  __builtin_prefetch(&shard.slots[tag_of(hash) & (shard.slots.size() - 1)]);
}

std::optional<Stretch::Range> Stretch::find(std::string_view stream, std::uint64_t hash) const {
  const Shard& shard = shards_[shard_of(hash)];
  const std::lock_guard lock(shard.mutex);
  const Run* const run = shard.find(stream, hash);
  if (run == nullptr) return std::nullopt;
  return Range{run->first, run->size(), run->offset(run->size() - 1)};
}

void Stretch::copy(std::string_view stream, std::uint64_t hash, model::Position from, std::uint64_t count,
                   model::GlobalPosition* out) const {
  const Shard& shard = shards_[shard_of(hash)];
  const std::lock_guard lock(shard.mutex);
  const Run& run = *shard.find(stream, hash);
  const std::uint64_t begin = from - run.first;
  for (std::uint64_t index = 0; index < count; ++index) out[index] = begin_ + run.offset(begin + index);
}

void Stretch::collect(std::string_view prefix, std::string_view after, std::vector<Named>& out) const {
  // Looked at under one hold of a lock, so that the committer never waits for long; names are compared without it.
  constexpr std::size_t looked_at_max = 256;
  std::array<Named, looked_at_max> some;
  for (const Shard& shard : shards_) {
    std::size_t count = 0;
    for (std::size_t begin = 0;; begin += count) {
      {
        const std::lock_guard lock(shard.mutex);
        count = std::min(looked_at_max, shard.runs.size() - begin);
        for (std::size_t index = 0; index < count; ++index) {
          const Run& run = shard.runs[begin + index];
          some[index] = {run.stream, run.first + run.size()};
        }
      }
      if (count == 0) break;
      for (std::size_t index = 0; index < count; ++index) {
        if (some[index].stream > after && some[index].stream.starts_with(prefix)) out.push_back(some[index]);
      }
    }
  }
}

std::vector<const Stretch::Run*> Stretch::sorted() const {
  std::vector<const Run*> all;
  for (const Shard& shard : shards_) {
    for (const Run& run : shard.runs) all.push_back(&run);
  }
  // Names lie apart in memory: the next ones come up meanwhile.
  constexpr std::size_t apart = 16;
  std::size_t shared = all.empty() ? 0 : all.front()->stream.view().size();
  for (std::size_t index = 0; index < all.size(); ++index) {
    if (index + apart < all.size()) __builtin_prefetch(all[index + apart]->stream.address());
    const Run* const run = all[index];
    const auto [end, _] = std::ranges::mismatch(all.front()->stream.view().substr(0, shared), run->stream.view());
    shared = static_cast<std::size_t>(end - all.front()->stream.view().begin());
  }
  // By the eight bytes behind what all names share; most comparisons go no further and touch no name.
  struct Key {
    std::uint64_t bytes;
    const Run* run;
  };
  std::vector<Key> keys;
  keys.reserve(all.size());
  for (std::size_t index = 0; index < all.size(); ++index) {
    if (index + apart < all.size()) __builtin_prefetch(all[index + apart]->stream.address());
    const Run* const run = all[index];
    std::array<char, sizeof(std::uint64_t)> bytes{};
    std::ranges::copy(run->stream.view().substr(shared, bytes.size()), bytes.begin());
    keys.push_back({get_big_endian64({bytes.data(), bytes.size()}), run});
  }
  std::ranges::sort(keys, [](const Key& one, const Key& other) {
    return one.bytes != other.bytes ? one.bytes < other.bytes : one.run->stream.view() < other.run->stream.view();
  });
  std::ranges::transform(keys, all.begin(), &Key::run);
  return all;
}

}  // namespace thalo::store
