#include "store/rocksdb/stretch.h"

#include <algorithm>

namespace thalo::store {

void Stretch::add(std::string_view stream, model::Position first, model::GlobalPosition first_global,
                  std::uint32_t count) {
  Shard& shard = shards_[shard_of(stream)];
  const std::lock_guard lock(shard.mutex);
  auto found = shard.runs.find(stream);
  if (found == shard.runs.end()) found = shard.runs.try_emplace(std::string(stream), Run{first}).first;
  auto& offsets = found->second.offsets;
  const auto offset = static_cast<std::uint32_t>(first_global - begin_);
  for (std::uint32_t index = 0; index < count; ++index) offsets.push_back(offset + index);
}

std::optional<Stretch::Range> Stretch::find(std::string_view stream) const {
  const Shard& shard = shards_[shard_of(stream)];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.runs.find(stream);
  if (found == shard.runs.end()) return std::nullopt;
  return Range{found->second.first, found->second.offsets.size()};
}

void Stretch::copy(std::string_view stream, model::Position from, std::uint64_t count,
                   std::vector<model::GlobalPosition>& out) const {
  const Shard& shard = shards_[shard_of(stream)];
  const std::lock_guard lock(shard.mutex);
  const Run& run = shard.runs.find(stream)->second;
  const std::uint64_t begin = from - run.first;
  const std::uint64_t end = begin + std::min<std::uint64_t>(count, run.offsets.size() - begin);
  for (std::uint64_t index = begin; index < end; ++index) out.push_back(begin_ + run.offsets[index]);
}

std::vector<std::pair<std::string_view, const Stretch::Run*>> Stretch::sorted() const {
  std::vector<std::pair<std::string_view, const Run*>> all;
  for (const Shard& shard : shards_) {
    for (const auto& [stream, run] : shard.runs) all.emplace_back(stream, &run);
  }
  std::ranges::sort(all, {}, &std::pair<std::string_view, const Run*>::first);
  return all;
}

}  // namespace thalo::store
