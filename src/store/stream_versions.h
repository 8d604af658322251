// How many events each of very many streams has, in 16 bytes a stream and some room.
#pragma once

#include <cstdint>
#include <vector>

namespace thalo::store {

// Streams are known by their stream_hash alone: of a hundred million streams, two share one with a chance of one in
// four thousand. For tools that check; one thread.
class StreamVersions {
 public:
  // The version of a stream; 0 when it is new.
  std::uint64_t& operator[](std::uint64_t hash) {
    if (2 * (count_ + 1) > slots_.size()) grow();
    Slot& slot = find(hash);
    if (slot.hash == 0) {
      slot.hash = hash == 0 ? 1 : hash;
      ++count_;
    }
    return slot.version;
  }
  std::uint64_t get(std::uint64_t hash) { return find(hash).version; }
  std::uint64_t size() const { return count_; }

 private:
  struct Slot {
    std::uint64_t hash = 0;  // 0: free
    std::uint64_t version = 0;
  };
  Slot& find(std::uint64_t hash) {
    if (hash == 0) hash = 1;
    const std::size_t mask = slots_.size() - 1;
    std::size_t at = hash & mask;
    while (slots_[at].hash != 0 && slots_[at].hash != hash) at = (at + 1) & mask;
    return slots_[at];
  }
  void grow() {
    std::vector<Slot> old(2 * slots_.size());
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.hash != 0) find(slot.hash) = slot;
    }
  }

  std::vector<Slot> slots_ = std::vector<Slot>(1024);
  std::uint64_t count_ = 0;
};

}  // namespace thalo::store
