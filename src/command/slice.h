// Stored events copied out of a read, as a guest takes them: a batch bounded in number and bytes.
#pragma once

#include <cstddef>
#include <vector>

#include "model/event.h"

namespace thalo::command {

class Slice {
 public:
  Slice(std::size_t events_max, std::size_t bytes_max) : events_max_(events_max), bytes_max_(bytes_max) {}

  // False when the slice is full after this event.
  bool add(const model::EventView& event) {
    events_.push_back(model::Event::from(event));
    bytes_ += event.type.size() + event.data.size() + event.metadata.size() + event.stream.size();
    return !full();
  }
  bool full() const { return events_.size() >= events_max_ || bytes_ >= bytes_max_; }
  const std::vector<model::Event>& events() const { return events_; }
  std::vector<model::EventView> views() const {
    std::vector<model::EventView> out;
    out.reserve(events_.size());
    for (const model::Event& event : events_) out.push_back(event.view());
    return out;
  }

 private:
  const std::size_t events_max_;
  const std::size_t bytes_max_;
  std::size_t bytes_ = 0;
  std::vector<model::Event> events_;
};

}  // namespace thalo::command
