#include "store/idle_versions.h"

#include <algorithm>
#include <new>

namespace thalo::store {
namespace {

std::uint16_t tag_of(std::uint64_t hash) { return static_cast<std::uint16_t>(hash); }

}  // namespace

IdleVersions::IdleVersions(std::size_t entries) : set_count_(entries / set_entries) {
  if (set_count_ == 0) return;
  // From the system as zeros, which are empty entries, so that memory is used only where streams are.
  sets_.reset(static_cast<Set*>(std::calloc(set_count_, sizeof(Set))));
  if (sets_ == nullptr) throw std::bad_alloc();
}

IdleVersions::~IdleVersions() {
  for (std::size_t index = 0; size_ != 0 && index < set_count_; ++index) std::destroy_at(&sets_[index]);
}

IdleVersions::Set& IdleVersions::set_of(std::uint64_t hash) {
  // By bits between those of the tag and those that chose the table.
  Set& set = sets_[((hash >> 16 & UINT32_MAX) * set_count_) >> 32];
  if (!set.newest_first[0].is_ready) {
    for (std::size_t index = 0; index < set_entries; ++index)
      set.newest_first[index] = {
          .tag = 0, .entry = static_cast<std::uint8_t>(index), .is_used = false, .is_ready = true};
  }
  return set;
}

std::optional<std::uint64_t> IdleVersions::take(const base::SharedText& stream, std::uint64_t hash) {
  if (size_ == 0) return std::nullopt;
  Set& set = set_of(hash);
  for (Place* place = set.newest_first; place != set.newest_first + set_entries && place->is_used; ++place) {
    if (place->tag != tag_of(hash)) continue;
    Entry& entry = set.entries[place->entry];
    if (entry.name != stream) continue;
    // Free places stand behind the used ones.
    place->is_used = false;
    std::rotate(place, place + 1, set.newest_first + set_entries);
    --size_;
    entry.name = {};
    return entry.version;
  }
  return std::nullopt;
}

void IdleVersions::put(base::SharedText stream, std::uint64_t hash, std::uint64_t version) {
  if (set_count_ == 0) return;
  Set& set = set_of(hash);
  std::rotate(set.newest_first, set.newest_first + set_entries - 1, set.newest_first + set_entries);
  Place& place = set.newest_first[0];
  if (!place.is_used) ++size_;
  place.tag = tag_of(hash);
  place.is_used = true;
  Entry& entry = set.entries[place.entry];
  entry.version = version;
  entry.name = std::move(stream);
}

}  // namespace thalo::store
