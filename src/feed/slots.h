// How the members of a projection share its streams: by hash, through a fixed number of slots, so that nothing is kept
// per stream.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace thalo::feed {

using MemberId = std::uint64_t;  // from 1
inline constexpr MemberId no_member = 0;
inline constexpr std::size_t slots_max = 256;
using Slot = std::uint16_t;

inline Slot slot_of(std::uint64_t share_hash) {
  // The hash's low bits also choose the shard; these are others.
  return static_cast<Slot>((share_hash >> 40) % slots_max);
}

// Which member a slot belongs to. A slot whose owner has unfinished events is *moving* when it should belong to
// another: nothing more of it is sent until they are finished. A value; one thread.
class Slots {
 public:
  // The member that may be sent events of `slot` now; no_member while it moves or belongs to nobody.
  MemberId receiver(Slot slot) const {
    return slots_[slot].owner == slots_[slot].wanted ? slots_[slot].owner : no_member;
  }
  void sent(Slot slot) { ++slots_[slot].unfinished; }
  // True when the slot has just settled at another member.
  bool finished(Slot slot);

  // Shares the slots among `members` evenly, moving as few as possible.
  void share_among(std::span<const MemberId> members);
  // The member is gone, and its unfinished events with it: its slots belong to nobody.
  void release(MemberId member);
  // Nothing is unfinished any more; every slot settles.
  void forget_unfinished();

 private:
  struct State {
    MemberId owner = no_member;
    MemberId wanted = no_member;
    std::uint32_t unfinished = 0;
  };
  std::array<State, slots_max> slots_{};
};

}  // namespace thalo::feed
