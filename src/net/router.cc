#include <algorithm>
#include <utility>

#include "net/server.h"

namespace thalo::net {

void Router::unary(std::string path, UnaryHandler handler) {
  Method& method = methods_[path];
  method = {std::move(path), std::move(handler), nullptr};
}

void Router::streaming(std::string path, StreamFactory factory) {
  Method& method = methods_[path];
  method = {std::move(path), nullptr, std::move(factory)};
}

const Router::Method* Router::find(std::string_view path) const {
  const auto found = methods_.find(path);
  return found == methods_.end() ? nullptr : &found->second;
}

bool Router::has_service_of(std::string_view path) const {
  const std::string_view service = path.substr(0, path.rfind('/') + 1);
  if (service.size() < 2) return false;
  return std::ranges::any_of(methods_, [&](const auto& entry) { return entry.first.starts_with(service); });
}

}  // namespace thalo::net
