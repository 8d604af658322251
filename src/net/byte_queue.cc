#include "net/byte_queue.h"

#include <algorithm>

#include "base/clear_buffer.h"

namespace thalo::net {

namespace {
// Beneath this a copy costs less than a share in the owner and a part of its own in the write.
constexpr std::size_t shared_bytes_min = 1024;
}  // namespace

void ByteQueue::append(BytesPart part) {
  if (part.owner == nullptr || part.bytes.size() < shared_bytes_min) return append(part.bytes);
  shared_bytes_ += part.bytes.size();
  shared_.push_back({own_.size(), std::move(part)});
}

void ByteQueue::assign(std::string bytes) {
  clear();
  own_ = std::move(bytes);
}

template <class Take>
void ByteQueue::take_front(std::size_t count, Take&& take) {
  while (count > 0) {
    Shared* const next = shared_begin_ < shared_.size() ? &shared_[shared_begin_] : nullptr;
    const std::size_t own = std::min(count, (next == nullptr ? own_.size() : next->at) - own_begin_);
    if (own > 0) {
      take(BytesPart{std::string_view(own_).substr(own_begin_, own)});
      own_begin_ += own;
      count -= own;
      continue;
    }
    if (next == nullptr) break;
    const std::size_t shared = std::min(count, next->part.bytes.size());
    shared_bytes_ -= shared;
    count -= shared;
    if (shared == next->part.bytes.size()) {
      take(std::move(next->part));
      next->part = {};
      ++shared_begin_;
    } else {
      take(BytesPart{next->part.bytes.substr(0, shared), next->part.owner});
      next->part.bytes.remove_prefix(shared);
    }
  }
  if (empty()) clear();
}

void ByteQueue::move_front(std::size_t count, ByteQueue& to) {
  take_front(count, [&](BytesPart part) { to.append(std::move(part)); });
}

void ByteQueue::drop_front(std::size_t count) {
  take_front(count, [](BytesPart&&) {});
}

std::size_t ByteQueue::front(std::string_view* out, std::size_t size_max) const {
  std::size_t parts = 0;
  std::size_t own = own_begin_;
  const auto add = [&](std::string_view bytes) {
    if (!bytes.empty() && parts < size_max) out[parts++] = bytes;
  };
  for (std::size_t index = shared_begin_; index < shared_.size() && parts < size_max; ++index) {
    const Shared& shared = shared_[index];
    add(std::string_view(own_).substr(own, shared.at - own));
    own = shared.at;
    add(shared.part.bytes);
  }
  add(std::string_view(own_).substr(own));
  return parts;
}

void ByteQueue::clear() {
  own_.clear();
  own_begin_ = 0;
  shared_.clear();
  shared_begin_ = shared_bytes_ = 0;
}

void ByteQueue::clear(std::size_t capacity_bytes) {
  clear();
  base::clear_buffer(own_, capacity_bytes);
  base::clear_buffer(shared_, capacity_bytes);
}

void ByteQueue::swap(ByteQueue& other) noexcept {
  own_.swap(other.own_);
  std::swap(own_begin_, other.own_begin_);
  shared_.swap(other.shared_);
  std::swap(shared_begin_, other.shared_begin_);
  std::swap(shared_bytes_, other.shared_bytes_);
}

}  // namespace thalo::net
