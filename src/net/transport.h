// The bytes below HTTP/2: a socket, or later a socket in TLS. Never blocks; tells when it is worth trying again.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>

namespace thalo::net {

class TransportEvents {
 public:
  virtual void on_readable() = 0;
  virtual void on_writable() = 0;

 protected:
  ~TransportEvents() = default;
};

// One loop thread.
class Transport {
 public:
  enum class State { ok, blocked, closed };
  struct Moved {
    State state;
    std::size_t bytes;  // 0 unless ok
  };

  virtual ~Transport() = default;

  // `closed`: the peer has ended its side, or the connection is broken.
  virtual Moved read(char* out, std::size_t size_bytes_max) = 0;
  // Some parts, one after the other. May take fewer bytes than given, and fewer parts.
  virtual Moved write(std::span<const std::string_view> parts) = 0;

  // One event each, once the next read or write would move something (or find the end). The transport keeps `events`
  // until then.
  virtual void wait_readable(std::shared_ptr<TransportEvents> events) = 0;
  virtual void wait_writable(std::shared_ptr<TransportEvents> events) = 0;

  // No more writes; the peer sees the end after what was written.
  virtual void shut_down() = 0;
  // Gives the connection up. Waits end without an event.
  virtual void close() = 0;
};

}  // namespace thalo::net
