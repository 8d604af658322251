// The C++ SDK for Thalo: an aggregate is a plain struct; this header makes it a module of the runtime. See
// sdk/cpp/README.md.
//
//   struct Increment { std::uint64_t amount; };
//   struct Incremented { std::uint64_t amount; };
//   struct Counter {
//     using Command = std::variant<Increment>;
//     using Event = std::variant<Incremented>;
//     std::uint64_t count = 0;
//     auto handle(const Increment& command) const -> thalo::Result<Event> { return Incremented{command.amount}; }
//     void apply(const Incremented& event) { count += event.amount; }
//   };
//   THALO_EXPORT(Counter)
//
// Compiled natively, the same file is an ordinary part of a test program (thalo/testing.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "thalo/context.h"
#include "thalo/dispatch.h"
#include "thalo/json.h"
#include "thalo/log.h"
#include "thalo/result.h"

#if defined(__wasm__)
#include "thalo/abi.h"
#define THALO_EXPORT(Aggregate)                                                       \
  static_assert(::thalo::detail::check_aggregate<Aggregate>(),                        \
                "thalo: " #Aggregate " is not an aggregate yet; the errors say why"); \
  THALO_DETAIL_EXPORTS(Aggregate)
#else
#define THALO_EXPORT(Aggregate)                                \
  static_assert(::thalo::detail::check_aggregate<Aggregate>(), \
                "thalo: " #Aggregate " is not an aggregate yet; the errors say why");
#endif
