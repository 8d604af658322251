// What a handler answers: events, or the entity's refusal.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <utility>

#include "thalo/json.h"
#include "thalo/reflect.h"

namespace thalo {

// A refusal by the domain's own rules: a correct answer, which the client receives as JSON. Nothing is stored.
struct Rejection {
  std::string name;   // the type of the error
  std::string json;   // {"type":"InsufficientFunds","balance":5}
  std::string error;  // why the error has no JSON; empty when it has
  friend bool operator==(const Rejection&, const Rejection&) = default;
};

template <class T>
using Result = std::expected<T, Rejection>;

// The refusal without a struct of its own: return thalo::reject("the account is closed");
struct Rejected {
  std::string message;
};

template <class E>
consteval bool has_field(std::string_view field) {
  for (const std::string_view name : reflect::field_names<E>) {
    if (name == field) return true;
  }
  return false;
}

// return thalo::reject(InsufficientFunds{.balance = balance});
template <reflect::Struct E>
std::unexpected<Rejection> reject(const E& error) {
  static_assert(!has_field<E>("type"),
                "thalo: an error's field cannot be called `type`: that is where its JSON says which error it is");
  Rejection rejection{.name = std::string(reflect::type_name<E>()), .json = "{\"type\":\"", .error = {}};
  rejection.json += rejection.name;
  rejection.json += '"';
  json::Writer writer(rejection.json);
  if (!json::detail::write_fields(writer, error, false)) rejection.error = writer.error();
  rejection.json += '}';
  return std::unexpected(std::move(rejection));
}

inline std::unexpected<Rejection> reject(std::string message) { return reject(Rejected{std::move(message)}); }
inline std::unexpected<Rejection> reject(const char* message) { return reject(std::string(message)); }

}  // namespace thalo
