#include "feed/fresh_events.h"

#include <algorithm>
#include <utility>

namespace thalo::feed {

void FreshEvents::add(const store::Commit& commit) {
  const std::lock_guard lock(mutex_);
  commit.for_each([&](const model::EventView& event) {
    if (event.global_position < wanted_) return true;
    if (batch_ == nullptr) {
      batch_ = std::make_shared<EventBatch>(event.global_position);
      batch_->reserve(last_events_, last_text_bytes_);
    }
    const bool has_room = batch_->size() < events_max_ && batch_->size_bytes() < bytes_max_;
    if (event.global_position != batch_->next() || !has_room) return false;
    batch_->add(event);
    batch_->set_next(event.global_position + 1);
    return true;
  });
}

std::shared_ptr<EventBatch> FreshEvents::take(model::GlobalPosition from, model::GlobalPosition& to) {
  const std::lock_guard lock(mutex_);
  if (batch_ != nullptr && batch_->begin() < from) batch_.reset();
  if (batch_ != nullptr && batch_->begin() == from) {
    wanted_ = batch_->next();
    last_events_ = batch_->size();
    last_text_bytes_ = std::min(batch_->text_bytes(), bytes_max_);
    return std::exchange(batch_, nullptr);
  }
  if (batch_ != nullptr) to = std::min(to, batch_->begin());
  wanted_ = to;
  return nullptr;
}

}  // namespace thalo::feed
