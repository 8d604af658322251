// The custom headers and trailers of a call: names in lower case, in order, repeats allowed.
//
// The value of a name ending in "-bin" is bytes as the application means them; base64 happens on the wire only. All
// text lives in one buffer, so that a reused object allocates nothing. A value type; not for sharing between threads
// while it changes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace thalo::net {

class Metadata {
 public:
  struct Entry {
    std::string_view name;
    std::string_view value;
  };

  // Copies both. Names must be non-empty and consist of lower-case letters, digits, '-', '_' and '.'; what cannot be
  // sent (such as a newline in the value of a name without "-bin") is left out when the metadata is sent.
  void add(std::string_view name, std::string_view value);

  // The first value of `name`. The text lives as long as this object is unchanged; so it is for `operator[]` and `all`.
  std::optional<std::string_view> get(std::string_view name) const;
  std::vector<std::string_view> all(std::string_view name) const;

  std::size_t size() const { return places_.size(); }
  bool empty() const { return places_.empty(); }
  Entry operator[](std::size_t index) const;

  // Empty again, keeping up to `capacity_bytes_max` bytes of room.
  void clear(std::size_t capacity_bytes_max = 4096);

 private:
  struct Place {
    std::uint32_t offset;
    std::uint32_t name_size;
    std::uint32_t value_size;
  };
  std::string text_;
  std::vector<Place> places_;
};

}  // namespace thalo::net
