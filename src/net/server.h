// A gRPC protocol server: HTTP/2 over TCP, messages as byte strings.
//
//   net::Router router;
//   router.unary("/thalo.v1.Commands/Execute", [&](net::UnaryCall call) { … });
//   router.streaming("/thalo.v1.Events/Subscribe", [&](net::Stream stream) { return
//   std::make_unique<Subscription>(std::move(stream)); }); auto server = net::Server::start(options,
//   std::move(router));
//
// Connections are spread over a few loop threads, and everything of a connection happens on its thread. Handlers are
// called there and must not block: a handler that has to wait hands its call to another thread and returns.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/result.h"
#include "net/call.h"

namespace thalo::net {

// Called on the connection's loop thread, for several calls at once when there are several loop threads. An exception
// answers INTERNAL.
using UnaryHandler = std::function<void(UnaryCall call)>;
// Makes the handler of one call, before its first message. May finish the stream already; nullptr with an unfinished
// stream answers INTERNAL.
using StreamFactory = std::function<std::unique_ptr<StreamHandler>(Stream stream)>;

// Which handler serves which method. Filled before the server starts.
class Router {
 public:
  struct Method {
    std::string path;
    UnaryHandler unary;  // one of the two is set
    StreamFactory streaming;
  };

  // `path` is "/package.Service/Method". The last registration of a path wins.
  void unary(std::string path, UnaryHandler handler);
  void streaming(std::string path, StreamFactory factory);

  const Method* find(std::string_view path) const;
  // Whether any method of the service in `path` is known: tells a wrong method from a wrong service.
  bool has_service_of(std::string_view path) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  std::unordered_map<std::string, Method, Hash, std::equal_to<>> methods_;
};

struct ServerOptions {
  // "host:port": IPv4, "[IPv6]:port" or a name, of which every address is listened on. Port 0 takes a free one.
  std::vector<std::string> addresses;
  unsigned threads = 1;
  std::size_t connections_max = 4096;

  // Per call.
  std::size_t receive_message_bytes_max = std::size_t{4} << 20;  // after decompression too
  std::size_t stream_send_bytes_max = std::size_t{8} << 20;  // queued by Stream::write; a single message may be larger
  std::size_t stream_send_high_water_bytes = std::size_t{256} << 10;
  std::size_t stream_send_low_water_bytes = std::size_t{64} << 10;
  std::uint32_t stream_receive_window_bytes = std::uint32_t{1} << 20;

  // Per connection.
  std::uint32_t streams_max = 1000;  // calls at once
  std::uint32_t header_list_bytes_max = std::uint32_t{16} << 10;
  std::size_t connection_receive_bytes_max = std::size_t{64}
                                             << 20;  // requests that are still arriving, all calls together
  std::size_t connection_send_bytes_max = std::size_t{64}
                                          << 20;  // answers not yet sent; beyond it new calls are refused

  // A client that sends nothing for `keepalive_interval` is pinged, and closed when `keepalive_timeout` passes without
  // a sign of it.
  std::chrono::milliseconds keepalive_interval{std::chrono::minutes{2}};
  std::chrono::milliseconds keepalive_timeout{std::chrono::seconds{20}};
  // Pings of the client may come this often while nothing else is sent to it; more are answered with GOAWAY
  // "too_many_pings".
  std::chrono::milliseconds client_ping_interval_min{std::chrono::seconds{10}};
  // A connection without calls is closed after this; zero means never.
  std::chrono::milliseconds idle_timeout{0};
  // The client has this long to send its connection preface.
  std::chrono::milliseconds handshake_timeout{std::chrono::seconds{10}};
  // A client whose socket takes none of the bytes waiting for it for this long is closed.
  std::chrono::milliseconds write_stall_timeout{std::chrono::seconds{60}};
};

class Server {
 public:
  // Listens on every address and starts the threads. Errors name the address and what to do: INVALID_ARGUMENT (not an
  // address), UNAVAILABLE (in use, or not on this machine), PERMISSION_DENIED.
  static base::Result<std::unique_ptr<Server>> start(ServerOptions options, Router router);

  virtual ~Server() = default;  // stops at once: like drain(now)

  // The addresses listened on, as "host:port" with the real ports.
  virtual std::vector<std::string> addresses() const = 0;

  // Closes the listeners. Connections and their calls go on.
  virtual void stop_accepting() = 0;

  // Stops accepting, asks every client to go elsewhere (GOAWAY), lets the calls in flight finish and returns when all
  // connections are closed; at `deadline` what is left is cancelled and closed. True when nothing had to be cancelled.
  // For any thread but the server's own.
  virtual bool drain(Deadline deadline) = 0;

  // Counts for tests and metrics. Any thread.
  virtual std::size_t connection_count() const = 0;
  virtual std::uint64_t call_count() const = 0;  // calls since the start
};

}  // namespace thalo::net
