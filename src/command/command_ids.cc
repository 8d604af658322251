#include "command/command_ids.h"

namespace thalo::command {

void CommandIds::note(std::string_view id, model::Position position) {
  if (id.size() > id_size_bytes_max) return;
  if (!memory_) memory_ = std::make_unique<Memory>();
  if (const auto known = memory_->events.find(id); known != memory_->events.end()) {
    // An id used again after it was forgotten and written again would start anew; within the memory it can only be the
    // same command's next event.
    if (known->second.first + known->second.count == position) ++known->second.count;
    return;
  }
  restore(std::string(id), {position, 1});
}

void CommandIds::restore(std::string id, EventRange events) {
  if (id.size() > id_size_bytes_max) return;
  if (!memory_) memory_ = std::make_unique<Memory>();
  if (memory_->events.contains(id)) return;
  if (memory_->order.size() == remembered_max) {
    memory_->events.erase(memory_->order.front());
    memory_->order.pop_front();
  }
  memory_->order.push_back(std::move(id));
  memory_->events.emplace(memory_->order.back(), events);
}

std::optional<EventRange> CommandIds::find(std::string_view id) const {
  if (!memory_) return std::nullopt;
  const auto known = memory_->events.find(id);
  if (known == memory_->events.end()) return std::nullopt;
  return known->second;
}

}  // namespace thalo::command
