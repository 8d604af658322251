// A connection to a server, as the clients of this folder share it: made from a URL, with its errors in our words.
// Only for the sources of this folder.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "client/types.h"
#include "thalo/v1/events.pb.h"

namespace thalo::client {

struct Channel {
  std::string url;
  std::shared_ptr<::grpc::Channel> grpc;

  // The error of a call that has failed; its context says whether a retry is of use.
  std::unexpected<base::Error> failed(const ::grpc::Status& status, const ::grpc::ClientContext& context) const;
};

// How long a call may take unless its client is told otherwise.
constexpr std::chrono::milliseconds default_timeout{30'000};

// Servers allow a ping every 10 seconds.
constexpr std::chrono::milliseconds default_keepalive{20'000};

// Connects at the first call. A server that accepts the connection has the `timeout` of a call, and a second more, to
// answer it; then, or at once when the connection is refused, calls fail with UNAVAILABLE. INVALID_ARGUMENT: `url` is
// neither `http://host:port` nor `host:port`.
// A server that says nothing for the time `keepalive` while a call waits is asked whether it is there, and has as long
// to answer.
base::Result<Channel> open_channel(std::string_view url, std::chrono::milliseconds timeout = default_timeout,
                                   std::chrono::milliseconds keepalive = default_keepalive);

// Moves the texts out of the message.
Event event_from_wire(v1::Event& event);

}  // namespace thalo::client
