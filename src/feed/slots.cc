#include "feed/slots.h"

#include <algorithm>
#include <map>

namespace thalo::feed {

bool Slots::finished(Slot slot) {
  State& state = slots_[slot];
  if (--state.unfinished > 0 || state.owner == state.wanted) return false;
  state.owner = state.wanted;
  return true;
}

void Slots::share_among(std::span<const MemberId> members) {
  std::map<MemberId, std::vector<Slot>> wanted;
  for (const MemberId member : members) wanted[member];
  std::vector<Slot> free;
  for (std::size_t slot = 0; slot < slots_max; ++slot) {
    const auto found = wanted.find(slots_[slot].wanted);
    (found == wanted.end() ? free : found->second).push_back(static_cast<Slot>(slot));
  }
  const auto fewer = [](const auto& a, const auto& b) { return a.second.size() < b.second.size(); };
  while (!wanted.empty()) {
    const auto least = std::ranges::min_element(wanted, fewer);
    if (free.empty()) {
      const auto most = std::ranges::max_element(wanted, fewer);
      if (most->second.size() - least->second.size() <= 1) break;
      free.push_back(most->second.back());
      most->second.pop_back();
    }
    least->second.push_back(free.back());
    free.pop_back();
  }
  for (const Slot slot : free) slots_[slot].wanted = no_member;
  for (const auto& [member, slots] : wanted)
    for (const Slot slot : slots) slots_[slot].wanted = member;

  for (State& state : slots_) {
    if (state.unfinished == 0) state.owner = state.wanted;
  }
}

void Slots::release(MemberId member) {
  for (State& state : slots_) {
    if (state.wanted == member) state.wanted = no_member;
    if (state.owner != member) continue;
    state.owner = state.wanted;
    state.unfinished = 0;
  }
}

void Slots::forget_unfinished() {
  for (State& state : slots_) {
    state.unfinished = 0;
    state.owner = state.wanted;
  }
}

}  // namespace thalo::feed
