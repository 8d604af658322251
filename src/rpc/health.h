// grpc.health.v1.Health: whether the server as a whole ("") and each of its services serve.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "grpc/health/v1/health.pb.h"
#include "net/server.h"

namespace thalo::rpc {

class Health {
 public:
  explicit Health(std::set<std::string> services) : services_(std::move(services)) {}

  // Not serving: draining, or the store refuses writes. Watchers hear of it. Any thread.
  void set_serving(bool serving);

  void add_to(net::Router& methods);

 private:
  class WatchHandler;
  using Status = ::grpc::health::v1::HealthCheckResponse;

  Status::ServingStatus status_of(std::string_view service) const;

  const std::set<std::string> services_;
  mutable std::mutex mutex_;
  bool serving_ = true;
  std::set<WatchHandler*> watchers_;
};

}  // namespace thalo::rpc
