// From texts to an aggregate's typed functions and back: commands and events by their names, payloads as JSON.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "thalo/check.h"
#include "thalo/result.h"

namespace thalo::detail {

// The cases of the contract's `error`, in its order.
enum class FailureCase : std::uint8_t {
  command,
  deserialize_command,
  deserialize_context,
  deserialize_event,
  serialize_error,
  serialize_event
};

struct Failure {
  FailureCase kind = FailureCase::command;
  std::string name;
  std::string message;
};

// What `handle` answers, as texts. One is kept and reused, so that an answer costs no allocation once its buffers have
// grown.
struct Answer {
  struct EventText {
    std::string_view type;
    std::size_t begin;  // of its JSON in `text`
    std::size_t size;
  };
  std::vector<EventText> events;
  std::string text;
  std::optional<Failure> failure;

  std::string_view payload(const EventText& event) const {
    return std::string_view(text).substr(event.begin, event.size);
  }
  void clear() {
    constexpr std::size_t kept_bytes_max = 64 * 1024;
    if (text.capacity() > kept_bytes_max) text = std::string();
    text.clear();
    events.clear();
    failure.reset();
  }
  THALO_COLD void fail(FailureCase kind, std::string_view name, std::string message) {
    failure = Failure{kind, std::string(name), std::move(message)};
  }
  THALO_COLD void fail_event(std::string_view type, const json::Writer& writer) {
    fail(FailureCase::serialize_event, type, std::string(type) + ": " + writer.error());
  }
};

template <class Variant>
struct Names;
template <class... T>
struct Names<std::variant<T...>> {
  static constexpr std::array<std::string_view, sizeof...(T)> names{reflect::type_name<T>()...};
};

template <class T>
inline constexpr bool is_expected = false;
template <class T, class E>
inline constexpr bool is_expected<std::expected<T, E>> = true;
template <class T, class Variant>
inline constexpr bool is_kind_of = false;
template <class T, class... Kind>
inline constexpr bool is_kind_of<T, std::variant<Kind...>> = (std::is_same_v<T, Kind> || ...);

THALO_COLD inline std::string unknown_name(std::string_view what, const std::string_view* names, std::size_t count) {
  std::string text = "unknown " + std::string(what) + "; known are ";
  for (std::size_t index = 0; index < count; ++index) {
    if (index != 0) text += ", ";
    text += names[index];
  }
  return text;
}

template <class E>
void append_event(Answer& answer, const E& event) {
  const std::size_t begin = answer.text.size();
  json::Writer writer(answer.text);
  if (!json::write(writer, event)) {
    answer.fail_event(reflect::type_name<E>(), writer);
    return;
  }
  answer.events.push_back({reflect::type_name<E>(), begin, answer.text.size() - begin});
}

// Takes whatever a handler may return: an event, the Event variant, a container or std::optional of these, or a
// thalo::Result of any of them.
template <class A, class T>
void collect(Answer& answer, const T& result) {
  if constexpr (is_expected<T>) {
    static_assert(std::is_same_v<typename T::error_type, Rejection>,
                  "thalo: `handle` returns thalo::Result<…>; refuse with thalo::reject(…)");
    if (result) {
      collect<A>(answer, *result);
    } else if (result.error().error.empty()) {
      answer.fail(FailureCase::command, result.error().name, result.error().json);
    } else {
      answer.fail(FailureCase::serialize_error, result.error().name, result.error().error);
    }
  } else if constexpr (std::is_same_v<T, typename A::Event>) {
    std::visit([&](const auto& event) { append_event(answer, event); }, result);
  } else if constexpr (json::detail::is_optional<T>) {
    if (result) collect<A>(answer, *result);
  } else if constexpr (json::detail::is_vector<T> || json::detail::is_array<T>) {
    for (const auto& event : result) {
      collect<A>(answer, event);
      if (answer.failure) return;
    }
  } else {
    static_assert(is_kind_of<T, typename A::Event>,
                  "thalo: `handle` must return an event of the aggregate, its Event, a std::vector or std::optional of "
                  "events, or a thalo::Result "
                  "of one of these");
    append_event(answer, result);
  }
}

template <class A, class C>
void handle_as(const A& aggregate, std::string_view payload, const Context& context, Answer& answer) {
  C command{};
  std::string error;
  if (!json::parse(payload, command, error)) {
    answer.fail(FailureCase::deserialize_command, reflect::type_name<C>(), std::move(error));
  } else if constexpr (HandlesWithContext<A, C>) {
    collect<A>(answer, aggregate.handle(command, context));
  } else if constexpr (HandlesAlone<A, C>) {  // otherwise check.h has said what is missing
    collect<A>(answer, aggregate.handle(command));
  }
}

template <class A>
void handle(const A& aggregate, std::string_view name, std::string_view payload, const Context& context,
            Answer& answer) {
  constexpr auto& names = Names<typename A::Command>::names;
  const bool known = [&]<class... C>(std::type_identity<std::variant<C...>>) {
    return ((name == reflect::type_name<C>() ? (handle_as<A, C>(aggregate, payload, context, answer), true) : false) ||
            ...);
  }(std::type_identity<typename A::Command>());
  if (!known) answer.fail(FailureCase::deserialize_command, name, unknown_name("command", names.data(), names.size()));
}

template <class A, class E>
bool apply_as(A& aggregate, std::string_view payload, std::string& error) {
  E event{};
  if (!json::parse(payload, event, error)) return false;
  if constexpr (Applies<A, E>) aggregate.apply(static_cast<const E&>(event));
  return true;
}

// False: the event is unknown or cannot be read, and `error` says why.
template <class A>
bool apply(A& aggregate, std::string_view name, std::string_view payload, std::string& error) {
  constexpr auto& names = Names<typename A::Event>::names;
  bool applied = false;
  const bool known = [&]<class... E>(std::type_identity<std::variant<E...>>) {
    return ((name == reflect::type_name<E>() ? (applied = apply_as<A, E>(aggregate, payload, error), true) : false) ||
            ...);
  }(std::type_identity<typename A::Event>());
  if (!known) error = unknown_name("event", names.data(), names.size());
  return applied;
}

template <class A>
A make(std::string_view id) {
  if constexpr (MadeFromId<A>) {
    return A(id);
  } else {
    return A{};
  }
}

template <class A>
bool snapshot(const A& aggregate, std::string& text, std::string& error) {
  json::Writer writer(text);
  bool written = false;
  if constexpr (HasOwnSnapshot<A>) {
    written = json::write(writer, aggregate.snapshot());
  } else {
    written = json::write(writer, aggregate);
  }
  if (!written) error = writer.error();
  return written;
}

template <class A>
bool restore(A& aggregate, std::string_view text, std::string& error) {
  if constexpr (HasOwnSnapshot<A>) {
    std::remove_cvref_t<decltype(std::as_const(aggregate).snapshot())> state{};
    if (!json::parse(text, state, error)) return false;
    aggregate.restore(std::move(state));
    return true;
  } else {
    return json::parse(text, aggregate, error);
  }
}

}  // namespace thalo::detail
