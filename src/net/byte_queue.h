// Bytes on their way out: first in, first out. Most are copied in; what is large and goes to others too stays where it
// is, and only a share in its owner is kept. Filled and emptied in turns: the room of what is gone comes back when it
// is empty.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thalo::net {

// With an owner, the bytes live as long as anybody has a share in it; without one, as long as the call that they are
// given to.
struct BytesPart {
  std::string_view bytes;
  std::shared_ptr<const void> owner = {};
};

// One thread at a time.
class ByteQueue {
 public:
  std::size_t size() const { return own_.size() - own_begin_ + shared_bytes_; }
  bool empty() const { return size() == 0; }
  // Of the copied bytes: what the queue costs by itself.
  std::size_t own_size() const { return own_.size() - own_begin_; }

  void append(std::string_view bytes) { own_.append(bytes); }
  // Short parts are copied, whether they have an owner or not.
  void append(BytesPart part);
  // For whoever writes in place: adding to the end of this string adds to the end of the queue.
  std::string& end() { return own_; }
  // In place of what it has.
  void assign(std::string bytes);

  // Moves the first `count` bytes to the end of `to`; there are as many.
  void move_front(std::size_t count, ByteQueue& to);
  void drop_front(std::size_t count);
  // The bytes in order, as many parts of them as `out` has room for; returns how many parts that is. They live until
  // the queue changes.
  template <std::size_t size_max>
  std::size_t front(std::string_view (&out)[size_max]) const {
    return front(out, size_max);
  }

  void clear();
  // The same, and a buffer of more than `capacity_bytes` is given back.
  void clear(std::size_t capacity_bytes);
  void swap(ByteQueue& other) noexcept;

 private:
  struct Shared {
    std::size_t at;  // it comes before this byte of own_
    BytesPart part;
  };
  // Calls take(bytes, owner or null) for the first `count` bytes and drops them.
  template <class Take>
  void take_front(std::size_t count, Take&& take);
  std::size_t front(std::string_view* out, std::size_t size_max) const;

  std::string own_;
  std::size_t own_begin_ = 0;  // those before are gone
  std::vector<Shared> shared_;
  std::size_t shared_begin_ = 0;
  std::size_t shared_bytes_ = 0;
};

}  // namespace thalo::net
