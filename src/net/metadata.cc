#include "net/metadata.h"

#include "base/clear_buffer.h"

namespace thalo::net {

void Metadata::add(std::string_view name, std::string_view value) {
  places_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()),
                     static_cast<std::uint32_t>(value.size())});
  text_.append(name).append(value);
}

Metadata::Entry Metadata::operator[](std::size_t index) const {
  const Place& place = places_[index];
  const std::string_view text = text_;
  return {text.substr(place.offset, place.name_size), text.substr(place.offset + place.name_size, place.value_size)};
}

std::optional<std::string_view> Metadata::get(std::string_view name) const {
  for (std::size_t index = 0; index < size(); ++index) {
    if (const Entry entry = (*this)[index]; entry.name == name) return entry.value;
  }
  return std::nullopt;
}

std::vector<std::string_view> Metadata::all(std::string_view name) const {
  std::vector<std::string_view> values;
  for (std::size_t index = 0; index < size(); ++index) {
    if (const Entry entry = (*this)[index]; entry.name == name) values.push_back(entry.value);
  }
  return values;
}

void Metadata::clear(std::size_t capacity_bytes_max) {
  base::clear_buffer(text_, capacity_bytes_max);
  base::clear_buffer(places_, capacity_bytes_max);
}

}  // namespace thalo::net
