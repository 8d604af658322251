// A lean gRPC client: the calls of one HTTP/2 connection, for programs that make very many of them.
//
// It has no thread and no timer: its user waits for descriptor() to become readable, calls read(), which tells the
// calls what has come for them, and write(), which sends in one go what was started since. Everything on one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "net/status.h"

namespace thalo::net {

class ClientSession;
struct ClientCallState;

// One call at a time of the object's life, as often as wanted. Owned by the user; must not go away while under way.
class ClientCall {
 public:
  ClientCall();
  virtual ~ClientCall();
  ClientCall(const ClientCall&) = delete;
  ClientCall& operator=(const ClientCall&) = delete;

  // The text lives until the call returns.
  virtual void on_message(std::string_view message) = 0;
  // The last thing heard of a call, which may be started anew from here. UNAVAILABLE: the connection is lost, and what
  // became of the call is not known.
  virtual void on_end(const Status& status) = 0;

  bool under_way() const;

 private:
  friend class ClientSession;
  std::unique_ptr<ClientCallState> state_;
};

class ClientConnection {
 public:
  // `address` is "host:port". Returns once the server has spoken HTTP/2. INVALID_ARGUMENT: not an address. UNAVAILABLE:
  // nobody listens there, it speaks something else, or `timeout` passed.
  static base::Result<std::unique_ptr<ClientConnection>> connect(const std::string& address,
                                                                 std::chrono::milliseconds timeout);
  // Calls under way are dropped; they hear nothing.
  virtual ~ClientConnection() = default;

  // No call can be started any more: the connection is lost, or the server goes away. A call that is started all the
  // same ends at once with UNAVAILABLE.
  virtual bool lost() const = 0;

  // A call with one message from this side. `path` is "/package.Service/Method" and must outlive the connection.
  virtual void start(ClientCall& call, std::string_view path, std::string_view message) = 0;
  // A call with any number of messages: send(), send() … half_close(). What is sent waits in memory for the server's
  // window: the user bounds it.
  virtual void open(ClientCall& call, std::string_view path) = 0;
  virtual void send(ClientCall& call, std::string_view message) = 0;
  virtual void half_close(ClientCall& call) = 0;
  // The server is told to stop; on_end follows with CANCELLED.
  virtual void cancel(ClientCall& call) = 0;
  // As cancel(), but the call hears nothing more and may go away.
  virtual void forget(ClientCall& call) = 0;

  virtual int descriptor() const = 0;
  // Takes what has arrived. An error means the connection is lost; its calls have been told.
  virtual base::Result<> read() = 0;
  // Sends what waits, as far as the socket takes it.
  virtual base::Result<> write() = 0;
  // The socket took not everything: call write() when descriptor() can be written to.
  virtual bool write_waits() const = 0;
  // How many calls the server allows at once; more wait here.
  virtual std::uint32_t calls_max() const = 0;
};

}  // namespace thalo::net
