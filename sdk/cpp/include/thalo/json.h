// JSON from and to plain values, derived from their fields: bool, integers, float and double, std::string, enums (by
// name), std::optional, std::vector, std::set, std::array, std::map with text or integer keys, std::variant of structs,
// std::chrono's times, dates and durations (as ISO 8601), thalo::Json, and structs of all these.
//
// Reading tolerates unknown fields, names a missing one (a std::optional is never missing), keeps 64-bit integers
// exact, and says where a value does not fit. Writing is compact and in field order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "thalo/json_reader.h"
#include "thalo/json_time.h"
#include "thalo/json_writer.h"
#include "thalo/reflect.h"

namespace thalo {

// A field that holds any JSON as it stands.
struct Json {
  std::string text = "null";
  friend bool operator==(const Json&, const Json&) = default;
};

namespace json {

namespace detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_vector = false;
template <class T, class A>
inline constexpr bool is_vector<std::vector<T, A>> = true;
template <class T>
inline constexpr bool is_set = false;
template <class T, class C, class A>
inline constexpr bool is_set<std::set<T, C, A>> = true;
template <class T>
inline constexpr bool is_array = false;
template <class T, std::size_t N>
inline constexpr bool is_array<std::array<T, N>> = true;
template <class T>
inline constexpr bool is_map = false;
template <class K, class V, class C, class A>
inline constexpr bool is_map<std::map<K, V, C, A>> = true;
template <class T>
inline constexpr bool is_variant = false;
template <class... T>
inline constexpr bool is_variant<std::variant<T...>> = true;

template <class T>
inline constexpr bool is_character =
    std::is_same_v<T, char> || std::is_same_v<T, wchar_t> || std::is_same_v<T, char8_t> ||
    std::is_same_v<T, char16_t> || std::is_same_v<T, char32_t>;
template <class T>
concept Integer = std::is_integral_v<T> && !std::is_same_v<T, bool> && !is_character<T> && sizeof(T) <= 8;

template <class T>
inline constexpr bool unsupported = false;

}  // namespace detail

template <class T>
bool read(Reader& reader, T& value);
template <class T>
bool write(Writer& writer, const T& value);

// The whole of `text` as a T; on failure `error` says why.
template <class T>
bool parse(std::string_view text, T& value, std::string& error) {
  Reader reader(text);
  return (read(reader, value) && reader.finish()) || reader.report(error);
}

namespace detail {

// ---- reading ----

THALO_COLD inline bool fail_range(Reader& reader, bool negative, std::uint64_t magnitude, std::int64_t least,
                                  std::uint64_t most) {
  return reader.fail({negative ? "-" : "", std::to_string(magnitude), " does not fit; expected ", std::to_string(least),
                      " to ", std::to_string(most)});
}

template <Integer T>
bool read_integer(Reader& reader, T& value) {
  bool negative = false;
  std::uint64_t magnitude = 0;
  if (!reader.read_integer(negative, magnitude)) return false;
  using Limits = std::numeric_limits<T>;
  // The magnitude of the least value is one more than that of the greatest.
  const std::uint64_t most = static_cast<std::uint64_t>(Limits::max()) + (negative && Limits::is_signed ? 1 : 0);
  if (magnitude > most || (negative && !Limits::is_signed && magnitude > 0)) {
    return fail_range(reader, negative, magnitude, static_cast<std::int64_t>(Limits::min()),
                      static_cast<std::uint64_t>(Limits::max()));
  }
  value = static_cast<T>(negative ? 0 - magnitude : magnitude);
  return true;
}

// The index of `name` in `names`, or their number.
inline std::size_t find_name(const std::string_view* names, std::size_t count, std::string_view name) {
  std::size_t index = 0;
  while (index < count && names[index] != name) ++index;
  return index;
}

THALO_COLD inline bool fail_unknown_name(Reader& reader, std::string_view name, const std::string_view* names,
                                         std::size_t count) {
  std::string known;
  for (std::size_t index = 0; index < count; ++index) {
    if (!names[index].empty()) known += (known.empty() ? "" : ", ") + std::string(names[index]);
  }
  return reader.fail({"unknown value \"", name, "\"; expected one of ", known});
}

template <class T>
bool read_enum(Reader& reader, T& value) {
  using Number = std::underlying_type_t<T>;
  if (reader.kind_here() == "a number") {
    std::conditional_t<std::is_same_v<Number, bool> || is_character<Number>, std::int64_t, Number> number{};
    if (!read_integer(reader, number)) return false;
    value = static_cast<T>(number);
    return true;
  }
  constexpr auto& names = reflect::enum_names<T>;
  std::string name;
  if (!reader.read_string(name)) return false;
  const std::size_t index = name.empty() ? names.size() : find_name(names.data(), names.size(), name);
  if (index == names.size()) return fail_unknown_name(reader, name, names.data(), names.size());
  value = static_cast<T>(index);
  return true;
}

template <class T>
bool read_time(Reader& reader, T& value) {
  std::string text;
  if (!reader.read_string(text)) return false;
  const time::Outcome outcome = time::read(text, value);
  if (outcome == time::Outcome::done) return true;
  return reader.fail({"expected ", time::form<T>(), ", got \"", text,
                      outcome == time::Outcome::inexact ? "\", which is too large or too fine for the field" : "\""});
}

template <class T>
bool read_items(Reader& reader, T& items) {
  if (!reader.begin_array()) return false;
  items.clear();
  std::size_t index = 0;
  for (bool first = true; reader.next_item(first); ++index) {
    typename T::value_type item{};
    if (!read(reader, item)) return reader.within(index);
    if constexpr (is_set<T>) {
      if (!items.insert(std::move(item)).second) {
        reader.fail("appears twice");
        return reader.within(index);
      }
    } else {
      items.push_back(std::move(item));
    }
  }
  return reader.ok();
}

template <class T>
bool read_array(Reader& reader, T& items) {
  if (!reader.begin_array()) return false;
  std::size_t index = 0;
  for (bool first = true; reader.next_item(first); ++index) {
    if (index == items.size()) return reader.fail({"expected ", std::to_string(items.size()), " items, got more"});
    if (!read(reader, items[index])) return reader.within(index);
  }
  if (!reader.ok()) return false;
  if (index == items.size()) return true;
  return reader.fail({"expected ", std::to_string(items.size()), " items, got ", std::to_string(index)});
}

template <class T>
bool read_map(Reader& reader, T& map) {
  if (!reader.begin_object()) return false;
  map.clear();
  std::string_view key_text;
  for (bool first = true; reader.next_key(first, key_text);) {
    const std::string name(key_text);
    typename T::key_type key{};
    if constexpr (Integer<typename T::key_type>) {
      std::string error;
      if (!parse(name, key, error)) {
        reader.fail({"as a key, ", error});
        return reader.within(name);
      }
    } else {
      key = name;
    }
    const auto [place, added] = map.try_emplace(std::move(key));
    if (!added) reader.fail("appears twice");
    if (!added || !read(reader, place->second)) return reader.within(name);
  }
  return reader.ok();
}

template <class T>
bool read_struct(Reader& reader, T& object) {
  constexpr std::size_t count = reflect::field_count<T>;
  constexpr auto& names = reflect::field_names<T>;
  if constexpr (count == 0) {
    if (reader.take_null()) return true;
  }
  if (!reader.begin_object()) return false;
  [[maybe_unused]] auto members = reflect::fields(object);
  std::uint64_t seen = 0;
  std::string_view key;
  for (bool first = true; reader.next_key(first, key);) {
    const std::size_t index = find_name(names.data(), count, key);
    if (index == count) {
      if (!reader.skip()) return false;
      continue;
    }
    if ((seen >> index) & 1) {
      reader.fail("appears twice");
      return reader.within(names[index]);
    }
    seen |= std::uint64_t{1} << index;
    const bool taken = [&]<std::size_t... Index>(std::index_sequence<Index...>) {
      bool result = false;
      (void)((index == Index ? (result = read(reader, std::get<Index>(members)), true) : false) || ...);
      return result;
    }(std::make_index_sequence<count>());
    if (!taken) return reader.within(names[index]);
  }
  if (!reader.ok()) return false;
  return [&]<std::size_t... Index>(std::index_sequence<Index...>) {
    const auto present = [&]<class Field>(std::size_t index, Field& field) {
      if ((seen >> index) & 1) return true;
      if constexpr (is_optional<Field>) {
        field.reset();
        return true;
      } else {
        return reader.fail_missing(names[index]);
      }
    };
    (void)present;
    return (present(Index, std::get<Index>(members)) && ...);
  }(std::make_index_sequence<count>());
}

// {"Circle":{"radius":1}}: the alternative's type, then its value.
template <class... T>
bool read_variant(Reader& reader, std::variant<T...>& value) {
  static constexpr std::array<std::string_view, sizeof...(T)> names{reflect::type_name<T>()...};
  if (!reader.begin_object()) return false;
  std::string_view key;
  bool first = true;
  if (!reader.next_key(first, key)) return reader.fail("expected the name of one of its kinds, got an empty object");
  const std::size_t index = find_name(names.data(), names.size(), key);
  if (index == names.size()) return fail_unknown_name(reader, key, names.data(), names.size());
  const bool taken = [&]<std::size_t... Index>(std::index_sequence<Index...>) {
    bool result = false;
    (void)((index == Index ? (result = read(reader, value.template emplace<Index>()), true) : false) || ...);
    return result;
  }(std::index_sequence_for<T...>());
  if (!taken) return reader.within(names[index]);
  if (reader.next_key(first, key)) return reader.fail({"expected one kind, got also \"", key, "\""});
  return reader.ok();
}

// ---- writing ----

template <class T>
bool write_items(Writer& writer, const T& items) {
  writer.write('[');
  std::size_t index = 0;
  for (const typename T::value_type& item : items) {
    if (index != 0) writer.write(',');
    if (!write(writer, item)) return writer.within(index);
    ++index;
  }
  writer.write(']');
  return true;
}

template <class T>
bool write_map(Writer& writer, const T& map) {
  bool first = true;
  writer.write('{');
  for (const auto& [key, value] : map) {
    std::string name;
    if constexpr (Integer<typename T::key_type>) {
      name = std::to_string(key);
    } else {
      name = key;
    }
    if (!first) writer.write(',');
    first = false;
    if (!writer.write_string(name)) return false;
    writer.write(':');
    if (!write(writer, value)) return writer.within(name);
  }
  writer.write('}');
  return true;
}

// The fields without the braces, each after a comma except for the first when `first`.
template <class T>
bool write_fields(Writer& writer, const T& object, bool first = true) {
  constexpr auto& names = reflect::field_names<T>;
  const auto members = reflect::fields(object);
  return [&]<std::size_t... Index>(std::index_sequence<Index...>) {
    const auto write_field = [&](std::size_t index, const auto& value) {
      if (!first) writer.write(',');
      first = false;
      writer.write('"');
      writer.write(names[index]);
      writer.write("\":");
      return write(writer, value) || writer.within(names[index]);
    };
    (void)write_field;
    return (write_field(Index, std::get<Index>(members)) && ...);
  }(std::make_index_sequence<reflect::field_count<T>>());
}

template <class T>
bool write_variant(Writer& writer, const T& value) {
  return std::visit(
      [&]<class Kind>(const Kind& kind) {
        constexpr std::string_view name = reflect::type_name<Kind>();
        writer.write("{\"");
        writer.write(name);
        writer.write("\":");
        if (!write(writer, kind)) return writer.within(name);
        writer.write('}');
        return true;
      },
      value);
}

template <class T>
bool write_time(Writer& writer, const T& value) {
  std::string text;
  if (!time::append(text, value)) return writer.fail(" is a time that ISO 8601 does not have");
  return writer.write_string(text);
}

template <class T>
bool write_enum(Writer& writer, T value) {
  const auto number = static_cast<std::underlying_type_t<T>>(value);
  constexpr auto& names = reflect::enum_names<T>;
  if (std::cmp_greater_equal(number, 0) && std::cmp_less(number, names.size()) &&
      !names[static_cast<std::size_t>(number)].empty()) {
    return writer.write_string(names[static_cast<std::size_t>(number)]);
  }
  return write(writer, number);
}

}  // namespace detail

template <class T>
bool read(Reader& reader, T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return reader.read_boolean(value);
  } else if constexpr (detail::Integer<T>) {
    return detail::read_integer(reader, value);
  } else if constexpr (std::is_floating_point_v<T>) {
    double number = 0;
    if (!reader.read_number(number)) return false;
    value = static_cast<T>(number);
    return value - value == 0 || reader.fail("is too large for its type");
  } else if constexpr (reflect::Enum<T>) {
    return detail::read_enum(reader, value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return reader.read_string(value);
  } else if constexpr (std::is_same_v<T, Json>) {
    std::string_view text;
    if (!reader.read_raw(text)) return false;
    value.text.assign(text);
    return true;
  } else if constexpr (time::Time<T>) {
    return detail::read_time(reader, value);
  } else if constexpr (detail::is_optional<T>) {
    if (reader.take_null()) return value.reset(), true;
    return reader.ok() && read(reader, value.emplace());
  } else if constexpr (detail::is_vector<T> || detail::is_set<T>) {
    return detail::read_items(reader, value);
  } else if constexpr (detail::is_array<T>) {
    return detail::read_array(reader, value);
  } else if constexpr (detail::is_map<T>) {
    return detail::read_map(reader, value);
  } else if constexpr (detail::is_variant<T>) {
    return detail::read_variant(reader, value);
  } else if constexpr (reflect::Struct<T>) {
    return detail::read_struct(reader, value);
  } else {
    static_assert(detail::unsupported<T>,
                  "thalo: a field of this type has no JSON. Use bool, integers, double, std::string, enum class, "
                  "std::optional, std::vector, std::set, std::array, std::map, std::variant, a time, date or duration "
                  "of std::chrono, thalo::Json, or a plain struct of these");
    return false;
  }
}

template <class T>
bool write(Writer& writer, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return writer.write(value ? std::string_view("true") : std::string_view("false")), true;
  } else if constexpr (detail::Integer<T> && std::is_signed_v<T>) {
    return writer.write_integer(value), true;
  } else if constexpr (detail::Integer<T>) {
    return writer.write_unsigned(value), true;
  } else if constexpr (std::is_floating_point_v<T>) {
    return writer.write_number(value);
  } else if constexpr (reflect::Enum<T>) {
    return detail::write_enum(writer, value);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return writer.write_string(value);
  } else if constexpr (std::is_same_v<T, Json>) {
    Reader reader(value.text);
    if (!reader.skip() || !reader.finish()) return writer.fail(" is " + reader.error());
    return writer.write(value.text), true;
  } else if constexpr (time::Time<T>) {
    return detail::write_time(writer, value);
  } else if constexpr (detail::is_optional<T>) {
    if (value) return write(writer, *value);
    return writer.write("null"), true;
  } else if constexpr (detail::is_vector<T> || detail::is_set<T> || detail::is_array<T>) {
    return detail::write_items(writer, value);
  } else if constexpr (detail::is_map<T>) {
    return detail::write_map(writer, value);
  } else if constexpr (detail::is_variant<T>) {
    return detail::write_variant(writer, value);
  } else if constexpr (reflect::Struct<T>) {
    writer.write('{');
    if (!detail::write_fields(writer, value)) return false;
    writer.write('}');
    return true;
  } else {
    static_assert(detail::unsupported<T>,
                  "thalo: a field of this type has no JSON. Use bool, integers, double, std::string, enum class, "
                  "std::optional, std::vector, std::set, std::array, std::map, std::variant, a time, date or duration "
                  "of std::chrono, thalo::Json, or a plain struct of these");
    return false;
  }
}

}  // namespace json
}  // namespace thalo
