// The rules an aggregate's type must follow, checked where it is exported, with messages that name the types.
#pragma once

#include <cstddef>
#include <string_view>
#include <type_traits>
#include <variant>

#include "thalo/context.h"
#include "thalo/json.h"
#include "thalo/reflect.h"

namespace thalo::detail {

template <class A, class C>
concept HandlesAlone = requires(const A& aggregate, const C& command) { aggregate.handle(command); };
template <class A, class C>
concept HandlesWithContext =
    requires(const A& aggregate, const C& command, const Context& context) { aggregate.handle(command, context); };
template <class A, class C>
concept Handles = HandlesAlone<A, C> || HandlesWithContext<A, C>;
template <class A, class E>
concept Applies = requires(A& aggregate, const E& event) { aggregate.apply(event); };

template <class A>
concept HasCommands = json::detail::is_variant<typename A::Command>;
template <class A>
concept HasEvents = json::detail::is_variant<typename A::Event>;

// Made from the entity's id by a constructor of its own, or without anything.
template <class A>
concept MadeFromId = !std::is_aggregate_v<A> && std::is_constructible_v<A, std::string_view>;

template <class A>
concept HasSnapshots = requires { std::string_view(A::snapshot_format); };
// Its own shape of the state; otherwise the fields are the snapshot.
template <class A>
concept HasOwnSnapshot = requires(const A& aggregate) { aggregate.snapshot(); } &&
                         requires(A& aggregate, const A& same) { aggregate.restore(same.snapshot()); };

template <class A, class E>
consteval bool check_event() {
  static_assert(reflect::Struct<E>, "thalo: this event must be a plain struct: no constructors, no private fields");
  static_assert(Applies<A, E>, "thalo: the aggregate has no `void apply(const Event&)` for this event");
  return true;
}

template <class A, class C>
consteval bool check_command() {
  static_assert(reflect::Struct<C>, "thalo: this command must be a plain struct: no constructors, no private fields");
  static_assert(Handles<A, C>,
                "thalo: the aggregate has no `auto handle(const Command&) const -> thalo::Result<Event>` for this "
                "command (it must be const: only "
                "events change the state; a `const thalo::Context&` may follow)");
  return true;
}

template <class... T>
consteval bool distinct_names() {
  constexpr std::string_view names[] = {reflect::type_name<T>()...};
  for (std::size_t left = 0; left < sizeof...(T); ++left) {
    for (std::size_t right = left + 1; right < sizeof...(T); ++right) {
      if (names[left] == names[right]) return false;
    }
  }
  return true;
}

template <class A, class... C>
consteval bool check_commands(std::type_identity<std::variant<C...>>) {
  static_assert(distinct_names<C...>(), "thalo: two commands have the same name");
  return (check_command<A, C>() && ...);
}
template <class A, class... E>
consteval bool check_events(std::type_identity<std::variant<E...>>) {
  static_assert(distinct_names<E...>(), "thalo: two events have the same name");
  return (check_event<A, E>() && ...);
}

// Whether A is an aggregate; a compile error says what it lacks.
template <class A>
consteval bool check_aggregate() {
  if constexpr (!HasCommands<A>) {
    static_assert(HasCommands<A>, "thalo: the aggregate must name its commands: using Command = std::variant<…>;");
  } else if constexpr (!HasEvents<A>) {
    static_assert(HasEvents<A>, "thalo: the aggregate must name its events: using Event = std::variant<…>;");
  } else if constexpr (!MadeFromId<A> && !std::is_default_constructible_v<A>) {
    static_assert(
        MadeFromId<A>,
        "thalo: the aggregate needs a constructor without parameters, or one that takes the id as std::string_view");
  } else if constexpr (HasSnapshots<A> && !HasOwnSnapshot<A> && !reflect::Struct<A>) {
    static_assert(HasOwnSnapshot<A>,
                  "thalo: an aggregate with a snapshot_format must be a plain struct, or have `auto snapshot() const` "
                  "and `void restore(const "
                  "State&)`");
  } else {
    return check_commands<A>(std::type_identity<typename A::Command>()) &&
           check_events<A>(std::type_identity<typename A::Event>());
  }
  return false;
}

}  // namespace thalo::detail
