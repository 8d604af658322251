#include "command/command_ids.h"

namespace thalo::command {

void CommandIds::note(std::string_view id, model::Position position) {
  if (!memory_) memory_ = std::make_unique<Memory>();
  if (const auto known = memory_->events.find(id); known != memory_->events.end()) {
    // An id used again after it was forgotten and written again would start anew; within the memory it can only be the
    // same command's next event.
    if (known->second.first + known->second.count == position) ++known->second.count;
    return;
  }
  if (memory_->order.size() == remembered_max) {
    memory_->events.erase(memory_->order.front());
    memory_->order.pop_front();
  }
  memory_->order.emplace_back(id);
  memory_->events.emplace(memory_->order.back(), EventRange{position, 1});
}

std::optional<EventRange> CommandIds::find(std::string_view id) const {
  if (!memory_) return std::nullopt;
  const auto known = memory_->events.find(id);
  if (known == memory_->events.end()) return std::nullopt;
  return known->second;
}

}  // namespace thalo::command
