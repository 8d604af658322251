// Events read once and shared by everybody who wants them.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "model/event.h"

namespace thalo::feed {

// A stretch of the store, [begin, next), and those of its events that whoever read it asked for. Immutable once shared;
// any thread.
class EventBatch {
 public:
  explicit EventBatch(model::GlobalPosition begin) : begin_(begin), next_(begin) {}

  // Filling it, before it is shared.
  void reserve(std::size_t events, std::size_t text_bytes) {
    entries_.reserve(events);
    texts_.reserve(text_bytes);
  }
  void add(const model::EventView& event);
  void set_next(model::GlobalPosition next) { next_ = next; }

  model::GlobalPosition begin() const { return begin_; }
  model::GlobalPosition next() const { return next_; }
  std::size_t size() const { return entries_.size(); }
  std::size_t text_bytes() const { return texts_.size(); }
  std::size_t size_bytes() const { return texts_.size() + entries_.size() * sizeof(Entry); }
  // The texts live as long as the batch. `index` counts the events of the batch.
  model::EventView event(std::size_t index) const;
  model::GlobalPosition position(std::size_t index) const { return entries_[index].global_position; }
  std::string_view stream(std::size_t index) const {
    return std::string_view(texts_).substr(entries_[index].begin, entries_[index].stream_size);
  }
  std::uint64_t share_hash(std::size_t index) const { return entries_[index].share_hash; }
  // About what it costs to hold or send: its texts and what goes with them.
  std::size_t event_size_bytes(std::size_t index) const;
  // The same of the events first to last, both included.
  std::size_t size_bytes(std::size_t first, std::size_t last) const;

  // All events in the form that clients get, one after the other: made by the first who asks, kept for the others.
  // Everybody passes the same `append_encoded`.
  struct Encoded {
    std::string bytes;
    std::vector<std::size_t> ends;                                   // of each event in `bytes`
    std::string_view of(std::size_t first, std::size_t last) const;  // events first to last, both included
  };
  using AppendEncoded = base::FunctionRef<void(const model::EventView&, std::string&)>;
  const Encoded& encoded(AppendEncoded append_encoded) const;

 private:
  struct Entry {
    model::GlobalPosition global_position;
    model::Position position;
    std::int64_t time_ms;
    std::uint64_t share_hash;
    std::size_t begin;  // of its texts
    std::uint32_t stream_size;
    std::uint32_t type_size;
    std::uint32_t data_size;
    std::uint32_t metadata_size;
  };

  model::GlobalPosition begin_;
  model::GlobalPosition next_;
  std::string texts_;
  std::vector<Entry> entries_;
  mutable std::once_flag encoded_once_;
  mutable Encoded encoded_;
};

using SharedBatch = std::shared_ptr<const EventBatch>;

}  // namespace thalo::feed
