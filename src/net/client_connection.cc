#include "net/client_connection.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "net/client_session.h"

namespace thalo::net {

namespace {

using base::Code;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t read_bytes = std::size_t{256} << 10;
constexpr std::size_t write_bytes = std::size_t{256} << 10;

std::string text_of(int error) { return std::system_category().message(error); }

class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Socket& operator=(Socket&&) = delete;
  ~Socket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  int descriptor() const { return descriptor_; }

  // Whether something of `events` happened before `deadline`.
  bool wait(short events, Clock::time_point deadline) const {
    pollfd entry{descriptor_, events, 0};
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    return left.count() >= 0 && ::poll(&entry, 1, static_cast<int>(left.count()) + 1) > 0;
  }

 private:
  int descriptor_;
};

base::Result<Socket> connect_to(const addrinfo& target, Clock::time_point deadline) {
  Socket socket(::socket(target.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.descriptor() < 0) return base::fail(Code::unavailable, text_of(errno));
  const int on = 1;
  ::setsockopt(socket.descriptor(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(socket.descriptor(), target.ai_addr, target.ai_addrlen) == 0) return socket;
  if (errno != EINPROGRESS) return base::fail(Code::unavailable, text_of(errno));
  if (!socket.wait(POLLOUT, deadline)) return base::fail(Code::unavailable, "no answer in time");
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(socket.descriptor(), SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) return base::fail(Code::unavailable, text_of(error));
  return socket;
}

base::Result<Socket> connect_to(const std::string& address, Clock::time_point deadline) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == address.size()) {
    return base::fail(Code::invalid_argument,
                      "the address \"" + address + "\" is not HOST:PORT, such as 127.0.0.1:4433");
  }
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), address.substr(colon + 1).c_str(), &hints, &found); code != 0) {
    return base::fail(Code::invalid_argument,
                      "the address \"" + address + "\" cannot be resolved: " + ::gai_strerror(code));
  }
  base::Error last{Code::unavailable, "no such address"};
  for (const addrinfo* entry = found; entry != nullptr; entry = entry->ai_next) {
    auto socket = connect_to(*entry, deadline);
    if (socket) {
      ::freeaddrinfo(found);
      return socket;
    }
    last = std::move(socket.error());
  }
  ::freeaddrinfo(found);
  return base::fail(last.code, "cannot connect to " + address + ": " + last.message + "; is a server running there?");
}

class SocketConnection final : public ClientConnection {
 public:
  SocketConnection(Socket socket, const std::string& address) : socket_(std::move(socket)), session_(address) {}

  base::Result<> greet(Clock::time_point deadline) {
    if (auto sent = write(); !sent) return sent;
    while (!session_.greeted()) {
      if (!socket_.wait(POLLIN, deadline)) {
        return base::fail(Code::unavailable, "the server did not begin to speak HTTP/2 in time");
      }
      if (auto got = read(); !got) return got;
    }
    return write();
  }

  void start(ClientCall& call, std::string_view path, std::string_view message) override {
    session_.start(call, path, message);
  }
  void open(ClientCall& call, std::string_view path) override { session_.open(call, path); }
  void send(ClientCall& call, std::string_view message) override { session_.send(call, message); }
  void half_close(ClientCall& call) override { session_.half_close(call); }
  void cancel(ClientCall& call) override { session_.cancel(call); }
  void forget(ClientCall& call) override { session_.forget(call); }
  int descriptor() const override { return socket_.descriptor(); }
  bool lost() const override { return session_.lost(); }
  bool write_waits() const override { return !output_.empty(); }
  std::uint32_t calls_max() const override { return session_.calls_max(); }

  base::Result<> read() override {
    // One for all connections of a thread stays in its cache.
    thread_local std::string input(read_bytes, '\0');
    while (true) {
      const ssize_t count = ::recv(socket_.descriptor(), input.data(), input.size(), 0);
      if (count == 0) return lost("the server closed the connection");
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
      if (count < 0) return lost("the connection is lost: " + text_of(errno));
      const auto size = static_cast<std::size_t>(count);
      if (auto taken = session_.receive({input.data(), size}); !taken) return lost(taken.error().message);
      if (size < input.size()) return {};
    }
  }

  base::Result<> write() override {
    while (true) {
      if (output_.empty()) {
        if (auto made = session_.produce(output_, write_bytes); !made) return lost(made.error().message);
        if (output_.empty()) return {};
      }
      const ssize_t count =
          ::send(socket_.descriptor(), output_.data() + written_, output_.size() - written_, MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return {};
      if (count < 0) return lost("the connection is lost: " + text_of(errno));
      written_ += static_cast<std::size_t>(count);
      if (written_ < output_.size()) continue;
      output_.clear();
      written_ = 0;
    }
  }

 private:
  base::Result<> lost(const std::string& reason) {
    const base::Error error{Code::unavailable, reason};
    session_.lose(error);
    return std::unexpected(error);
  }

  Socket socket_;
  ClientSession session_;
  std::string output_;
  std::size_t written_ = 0;
};

}  // namespace

base::Result<std::unique_ptr<ClientConnection>> ClientConnection::connect(const std::string& address,
                                                                          milliseconds timeout) {
  const auto deadline = Clock::now() + timeout;
  auto socket = connect_to(address, deadline);
  if (!socket) return std::unexpected(socket.error());
  auto connection = std::make_unique<SocketConnection>(*std::move(socket), address);
  if (auto greeted = connection->greet(deadline); !greeted) {
    return base::fail(greeted.error().code, "cannot talk to " + address + ": " + greeted.error().message +
                                                "; is it a server that speaks gRPC without TLS?");
  }
  return connection;
}

}  // namespace thalo::net
