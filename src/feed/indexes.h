// Which events of a batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace thalo::feed {

// Ascending numbers. Those without a gap, which most are, cost the same however many they are. A value; copies and
// parts share the others.
class Indexes {
 public:
  Indexes() = default;
  // first, first + 1, …
  Indexes(std::uint32_t first, std::size_t size) : first_(first), size_(size) {}

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::uint32_t operator[](std::size_t place) const {
    return list_ == nullptr ? first_ + static_cast<std::uint32_t>(place) : (*list_)[begin_ + place];
  }
  std::uint32_t front() const { return (*this)[0]; }
  std::uint32_t back() const { return (*this)[size_ - 1]; }
  bool without_gaps() const { return empty() || back() - front() + 1 == size_; }
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t place = 0; place < size_; ++place) visit((*this)[place]);
  }

  // `size` of them, from the one at `place` on.
  Indexes part(std::size_t place, std::size_t size) const {
    Indexes out = *this;
    out.size_ = size;
    if (list_ == nullptr) {
      out.first_ += static_cast<std::uint32_t>(place);
    } else {
      out.begin_ += place;
    }
    return out;
  }

  // Adds one that is greater than the last; before there are copies.
  void push_back(std::uint32_t index) {
    if (empty()) first_ = index;
    if (list_ == nullptr && index != first_ + size_) {
      auto list = std::make_shared<std::vector<std::uint32_t>>();
      for_each([&](std::uint32_t before) { list->push_back(before); });
      list_ = std::move(list);
    }
    if (list_ != nullptr) list_->push_back(index);
    ++size_;
  }

 private:
  std::uint32_t first_ = 0;  // without a list
  std::size_t begin_ = 0;    // in the list
  std::size_t size_ = 0;
  std::shared_ptr<std::vector<std::uint32_t>> list_;  // null: there is no gap
};

}  // namespace thalo::feed
