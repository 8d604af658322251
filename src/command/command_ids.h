// What an entity remembers of the command ids in its stream, so that a repeated command changes nothing.
//
// A function of the stream's events: rebuilding the entity rebuilds the memory. Bounded: the newest `remembered_max`
// commands that carried an id and stored events. A longer id than a command can have, which came with an append, is
// none.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "model/event.h"

namespace thalo::command {

// The events that one command stored.
struct EventRange {
  model::Position first = 0;
  std::uint32_t count = 0;
};

class CommandIds {
 public:
  static constexpr std::size_t remembered_max = 1000;
  static constexpr std::size_t id_size_bytes_max = 256;

  // Notes an event that a command with `id` stored; the events of one command come one after the other.
  void note(std::string_view id, model::Position position);
  // Adds an id as it was remembered; oldest first.
  void restore(std::string id, EventRange events);
  std::optional<EventRange> find(std::string_view id) const;
  // Shows what is remembered, oldest first.
  template <class Visit>
  void each(Visit visit) const {
    if (!memory_) return;
    for (const std::string& id : memory_->order) visit(id, memory_->events.at(id));
  }
  std::size_t size() const { return memory_ ? memory_->order.size() : 0; }

 private:
  struct Memory {
    std::deque<std::string> order;  // oldest first; the map's keys point into it
    std::unordered_map<std::string_view, EventRange> events;
  };
  std::unique_ptr<Memory> memory_;  // most entities have none
};

}  // namespace thalo::command
