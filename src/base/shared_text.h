// A text that many hold and nobody changes: copies share it. One pointer; no allocation for the empty text.
#pragma once

#include <algorithm>
#include <atomic>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <new>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace thalo::base {

// Copies may be held and dropped on any thread.
class SharedText {
 public:
  static constexpr std::size_t size_bytes_max = UINT16_MAX;

  SharedText() = default;
  SharedText(std::string_view text) : SharedText(joined({text})) {}
  SharedText(const std::string& text) : SharedText(std::string_view(text)) {}
  SharedText(const char* text) : SharedText(std::string_view(text)) {}
  SharedText(const SharedText& other) noexcept : shared_(other.shared_) {
    if (shared_ != nullptr) shared_->owners.fetch_add(1, std::memory_order_relaxed);
  }
  SharedText(SharedText&& other) noexcept : shared_(std::exchange(other.shared_, nullptr)) {}
  SharedText& operator=(SharedText other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~SharedText() {
    if (shared_ == nullptr || shared_->owners.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    ::operator delete(shared_);
  }

  // The parts, one after the other.
  static SharedText joined(std::initializer_list<std::string_view> parts) {
    std::size_t size = 0;
    for (const std::string_view part : parts) size += part.size();
    if (size > size_bytes_max) throw std::length_error("SharedText");
    SharedText text;
    if (size == 0) return text;
    text.shared_ =
        new (::operator new(std::max(sizeof(Shared), text_begin + size))) Shared(static_cast<std::uint16_t>(size));
    char* end = text.bytes();
    for (const std::string_view part : parts) end = std::ranges::copy(part, end).out;
    return text;
  }

  std::string_view view() const {
    return shared_ == nullptr ? std::string_view() : std::string_view(bytes(), shared_->size);
  }
  operator std::string_view() const { return view(); }
  // Not only equal: the same bytes in memory.
  bool is_same(const SharedText& other) const { return shared_ == other.shared_; }
  // Where the text is, for a prefetch.
  const void* address() const { return shared_; }

  friend bool operator==(const SharedText& one, const SharedText& other) {
    return one.is_same(other) || one.view() == other.view();
  }
  template <class Text>
    requires std::convertible_to<const Text&, std::string_view> && (!std::same_as<Text, SharedText>)
  friend bool operator==(const SharedText& one, const Text& other) {
    return one.view() == std::string_view(other);
  }
  friend auto operator<=>(const SharedText& one, const SharedText& other) { return one.view() <=> other.view(); }

 private:
  struct Shared {
    explicit Shared(std::uint16_t of) : size(of) {}
    std::atomic<std::uint32_t> owners = 1;
    std::uint16_t size;
  };
  static constexpr std::size_t text_begin = offsetof(Shared, size) + sizeof(std::uint16_t);
  char* bytes() const { return reinterpret_cast<char*>(shared_) + text_begin; }

  Shared* shared_ = nullptr;
};

}  // namespace thalo::base
