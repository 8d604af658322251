// Many timers behind one: a binary heap of nodes that live in their owners. Adding a later time than the others, the
// usual case, costs one comparison; removing costs log n. One thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <utility>
#include <vector>

namespace thalo::net {

using TimePoint = std::chrono::steady_clock::time_point;

// Derive from it, or hold one. Must be removed from its heap before it is destroyed.
class TimerNode {
 public:
  virtual void on_timer() = 0;
  bool armed() const { return index_ != idle; }

 protected:
  ~TimerNode() = default;

 private:
  friend class TimerHeap;
  static constexpr std::size_t idle = static_cast<std::size_t>(-1);
  TimePoint at_;
  std::size_t index_ = idle;
};

class TimerHeap {
 public:
  // Arms `node`, or moves it when it is armed.
  void set(TimerNode& node, TimePoint at) {
    if (node.armed()) remove(node);
    node.at_ = at;
    node.index_ = nodes_.size();
    nodes_.push_back(&node);
    rise(node.index_);
  }

  void remove(TimerNode& node) {
    if (!node.armed()) return;
    const std::size_t index = std::exchange(node.index_, TimerNode::idle);
    TimerNode* last = nodes_.back();
    nodes_.pop_back();
    if (last == &node) return;
    place(index, last);
    rise(index);
    sink(last->index_);
  }

  // The earliest time; max when there is none.
  TimePoint next() const { return nodes_.empty() ? TimePoint::max() : nodes_.front()->at_; }

  // Disarms and calls every node whose time has come.
  void run(TimePoint now) {
    while (!nodes_.empty() && nodes_.front()->at_ <= now) {
      TimerNode& node = *nodes_.front();
      remove(node);
      node.on_timer();
    }
  }

 private:
  void place(std::size_t index, TimerNode* node) {
    nodes_[index] = node;
    node->index_ = index;
  }

  void rise(std::size_t index) {
    TimerNode* node = nodes_[index];
    while (index > 0) {
      const std::size_t parent = (index - 1) / 2;
      if (nodes_[parent]->at_ <= node->at_) break;
      place(index, nodes_[parent]);
      index = parent;
    }
    place(index, node);
  }

  void sink(std::size_t index) {
    TimerNode* node = nodes_[index];
    while (true) {
      std::size_t child = 2 * index + 1;
      if (child >= nodes_.size()) break;
      if (child + 1 < nodes_.size() && nodes_[child + 1]->at_ < nodes_[child]->at_) ++child;
      if (node->at_ <= nodes_[child]->at_) break;
      place(index, nodes_[child]);
      index = child;
    }
    place(index, node);
  }

  std::vector<TimerNode*> nodes_;
};

}  // namespace thalo::net
