// How a call ended: a gRPC status code, a sentence for a person, and optionally machine-readable details.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "base/result.h"

namespace thalo::net {

struct Status {
  // The number on the wire: 0 is OK, 1 to 15 are base::Code, 16 is UNAUTHENTICATED. Others are sent as they are.
  std::uint32_t code = 0;
  // Any UTF-8; sent percent-encoded as grpc-message.
  std::string message;
  // A serialized google.rpc.Status, or empty; sent as grpc-status-details-bin.
  std::string details;
  // Sent as `grpc-retry-pushback-ms: -1`, which tells a client's retry policy to leave it.
  bool do_not_retry = false;

  static Status ok() { return {}; }
  static Status error(base::Code code, std::string message) {
    return {static_cast<std::uint32_t>(code), std::move(message), {}};
  }
  static Status from(base::Error error) {
    return {static_cast<std::uint32_t>(error.code), std::move(error.message), {}, error.permanent};
  }

  bool is_ok() const { return code == 0; }
  friend bool operator==(const Status&, const Status&) = default;
};

}  // namespace thalo::net
