// What the SDK knows about a plain struct without being told: its name, its fields and their names, the names of an
// enum's values.
//
// The compiler's own spelling of a template argument (__PRETTY_FUNCTION__) carries the names; structured bindings give
// the fields. Everything happens at compile time.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace thalo::reflect {

inline constexpr std::size_t field_count_max = 32;

// For what runs only when something is wrong: small rather than fast.
#if defined(__clang__)
#define THALO_COLD __attribute__((cold, noinline, minsize))
#else
#define THALO_COLD __attribute__((cold, noinline))
#endif

namespace detail {

// The identifier that ends `text`, without template arguments: `ns::Box<int>]` gives `Box`. Empty when there is none.
constexpr std::string_view last_identifier(std::string_view text) {
  const auto part_of_identifier = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  while (!text.empty() && (text.back() == ']' || text.back() == '}' || text.back() == ')' || text.back() == ' ')) {
    text.remove_suffix(1);
  }
  if (!text.empty() && text.back() == '>') {
    int open = 0;
    do {
      if (text.back() == '>') ++open;
      if (text.back() == '<') --open;
      text.remove_suffix(1);
    } while (open > 0 && !text.empty());
  }
  std::size_t begin = text.size();
  while (begin > 0 && part_of_identifier(text[begin - 1])) --begin;
  text.remove_prefix(begin);
  if (text.empty() || (text.front() >= '0' && text.front() <= '9')) return {};
  return text;
}

// A name of its own, so that the long spelling it was cut from does not end up in the program.
template <std::size_t Size>
struct Name {
  char text[Size == 0 ? 1 : Size] = {};
  consteval explicit Name(std::string_view from) {
    for (std::size_t at = 0; at < Size; ++at) text[at] = from[at];
  }
  constexpr std::string_view view() const { return {text, Size}; }
};

// `auto` as the result keeps GCC from appending what std::string_view stands for.
template <class T>
consteval auto spelled_type() {
  return std::string_view(__PRETTY_FUNCTION__);
}
template <auto Value>
consteval auto spelled_value() {
  return std::string_view(__PRETTY_FUNCTION__);
}

// Converts to whatever a field wants; named in unevaluated code only. It has a body for the compilers that look for one
// all the same.
template <class Struct>
struct AnyField {
  template <class T>
    requires(!std::is_same_v<T, Struct>)
  operator T() const noexcept {  // NOLINT(google-explicit-constructor): that is its purpose
    __builtin_unreachable();
  }
};

template <class Struct, std::size_t... Index>
consteval bool takes_fields(std::index_sequence<Index...>) {
  return requires { Struct{(static_cast<void>(Index), AnyField<Struct>{})...}; };
}

// The number of fields is the number of initialisers that the struct takes but not one more.
template <class Struct, std::size_t Count = 0>
consteval std::size_t count_fields() {
  if constexpr (Count > field_count_max) {
    return Count;
  } else if constexpr (takes_fields<Struct>(std::make_index_sequence<Count>()) &&
                       !takes_fields<Struct>(std::make_index_sequence<Count + 1>())) {
    return Count;
  } else {
    return count_fields<Struct, Count + 1>();
  }
}

// Room for a T that is never made: its fields have addresses to spell.
template <class T>
union Room {
  char none;
  T value;
  constexpr Room() : none{} {}
  constexpr ~Room() {}
};
template <class T>
inline constexpr Room<T> room{};

template <class Field>
struct FieldPointer {
  Field* pointer;
};

template <class T>
inline constexpr Name<last_identifier(spelled_type<T>()).size()> type_name{last_identifier(spelled_type<T>())};
}  // namespace detail

// `ns::Increment` is "Increment". A type may carry another name: `static constexpr std::string_view type_name = "…";`
template <class T>
constexpr std::string_view type_name() {
  if constexpr (requires { std::string_view(T::type_name); }) {
    return T::type_name;
  } else {
    constexpr std::string_view name = detail::type_name<T>.view();
    static_assert(!name.empty(), "thalo: this type has no name; give it `static constexpr std::string_view type_name`");
    return name;
  }
}

// A plain struct: no constructors, no private fields, no base classes with fields.
template <class T>
concept Struct = std::is_class_v<T> && std::is_aggregate_v<T>;

template <Struct T>
inline constexpr std::size_t field_count = detail::count_fields<T>();

// References to the fields, in order.
template <class T>
constexpr auto fields(T& object) {
  constexpr std::size_t count = field_count<std::remove_const_t<T>>;
  static_assert(count <= field_count_max, "thalo: a struct may have at most 32 fields; put some into a nested struct");
  if constexpr (count == 0) {
    return std::tuple<>();
  } else if constexpr (count == 1) {
    auto& [f1] = object;
    return std::tie(f1);
  } else if constexpr (count == 2) {
    auto& [f1, f2] = object;
    return std::tie(f1, f2);
  } else if constexpr (count == 3) {
    auto& [f1, f2, f3] = object;
    return std::tie(f1, f2, f3);
  } else if constexpr (count == 4) {
    auto& [f1, f2, f3, f4] = object;
    return std::tie(f1, f2, f3, f4);
  } else if constexpr (count == 5) {
    auto& [f1, f2, f3, f4, f5] = object;
    return std::tie(f1, f2, f3, f4, f5);
  } else if constexpr (count == 6) {
    auto& [f1, f2, f3, f4, f5, f6] = object;
    return std::tie(f1, f2, f3, f4, f5, f6);
  } else if constexpr (count == 7) {
    auto& [f1, f2, f3, f4, f5, f6, f7] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7);
  } else if constexpr (count == 8) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8);
  } else if constexpr (count == 9) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9);
  } else if constexpr (count == 10) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10);
  } else if constexpr (count == 11) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11);
  } else if constexpr (count == 12) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12);
  } else if constexpr (count == 13) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13);
  } else if constexpr (count == 14) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14);
  } else if constexpr (count == 15) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15);
  } else if constexpr (count == 16) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16);
  } else if constexpr (count == 17) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17);
  } else if constexpr (count == 18) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18);
  } else if constexpr (count == 19) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19);
  } else if constexpr (count == 20) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20);
  } else if constexpr (count == 21) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21);
  } else if constexpr (count == 22) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22] =
        object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21,
                    f22);
  } else if constexpr (count == 23) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23] =
        object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
                    f23);
  } else if constexpr (count == 24) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23,
           f24] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
                    f23, f24);
  } else if constexpr (count == 25) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23,
           f24, f25] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
                    f23, f24, f25);
  } else if constexpr (count == 26) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23,
           f24, f25, f26] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
                    f23, f24, f25, f26);
  } else if constexpr (count == 27) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23,
           f24, f25, f26, f27] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
                    f23, f24, f25, f26, f27);
  } else if constexpr (count == 28) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23,
           f24, f25, f26, f27, f28] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
                    f23, f24, f25, f26, f27, f28);
  } else if constexpr (count == 29) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23,
           f24, f25, f26, f27, f28, f29] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
                    f23, f24, f25, f26, f27, f28, f29);
  } else if constexpr (count == 30) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23,
           f24, f25, f26, f27, f28, f29, f30] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
                    f23, f24, f25, f26, f27, f28, f29, f30);
  } else if constexpr (count == 31) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23,
           f24, f25, f26, f27, f28, f29, f30, f31] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
                    f23, f24, f25, f26, f27, f28, f29, f30, f31);
  } else if constexpr (count == 32) {
    auto& [f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22, f23,
           f24, f25, f26, f27, f28, f29, f30, f31, f32] = object;
    return std::tie(f1, f2, f3, f4, f5, f6, f7, f8, f9, f10, f11, f12, f13, f14, f15, f16, f17, f18, f19, f20, f21, f22,
                    f23, f24, f25, f26, f27, f28, f29, f30, f31, f32);
  }
}

namespace detail {

// A trailing underscore lets a C++ keyword be a field: `class_` is "class" in JSON.
consteval std::string_view without_underscore(std::string_view name) {
  return name.size() > 1 && name.back() == '_' ? name.substr(0, name.size() - 1) : name;
}

// The variables below are named by a type and a number: named by a value, GCC would share them between two files'
// private types.
template <class T, std::size_t Index>
consteval std::string_view spelled_field() {
  constexpr auto* pointer = &std::get<Index>(fields(room<T>.value));
  return without_underscore(last_identifier(spelled_value<FieldPointer{pointer}>()));
}
template <class T, std::size_t Index>
inline constexpr Name<spelled_field<T, Index>().size()> field_name{spelled_field<T, Index>()};

template <class Enum, std::size_t Value>
consteval std::string_view spelled_enumerator() {
  return last_identifier(spelled_value<static_cast<Enum>(Value)>());
}
template <class Enum, std::size_t Value>
inline constexpr Name<spelled_enumerator<Enum, Value>().size()> enumerator_name{spelled_enumerator<Enum, Value>()};

template <class T, std::size_t... Index>
consteval auto spelled_fields(std::index_sequence<Index...>) {
  return std::array<std::string_view, sizeof...(Index)>{field_name<T, Index>.view()...};
}
template <class Enum, std::size_t... Value>
consteval auto spelled_enum(std::index_sequence<Value...>) {
  return std::array<std::string_view, sizeof...(Value)>{enumerator_name<Enum, Value>.view()...};
}

}  // namespace detail

template <class T>
inline constexpr auto field_names = detail::spelled_fields<T>(std::make_index_sequence<field_count<T>>());

// Values of an enum have names from 0 to this number; the others are written as numbers.
inline constexpr std::size_t enum_value_max = 63;

template <class T>
concept Enum = std::is_enum_v<T> && !std::is_convertible_v<T, std::underlying_type_t<T>>;

// The names of the values 0, 1, …; empty where the enum has none.
template <class T>
inline constexpr auto enum_names = detail::spelled_enum<T>(std::make_index_sequence<enum_value_max + 1>());

}  // namespace thalo::reflect
