// The connections of one load thread: waits for all of them and lets each read and write.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/client_connection.h"

namespace thalo::load {

class Connections {
 public:
  // Opens `count` connections to `address`, each within `timeout`. Errors are those of ClientConnection::connect, or
  // say that the process may not open so many.
  static base::Result<std::unique_ptr<Connections>> open(const std::string& address, std::size_t count,
                                                         std::chrono::milliseconds timeout);
  ~Connections();

  std::size_t size() const { return members_.size(); }
  net::ClientConnection& operator[](std::size_t index) { return *members_[index].connection; }

  // One unary call on the first connection, waited for: for the moments without load. DEADLINE_EXCEEDED after
  // `timeout`.
  base::Result<std::string> call(std::string_view path, std::string_view message, std::chrono::milliseconds timeout);

  // Sends what waits on every connection.
  void flush();
  // Waits until something has come, at most for `timeout`, and takes it.
  void wait(std::chrono::nanoseconds timeout);

 private:
  struct Member {
    std::unique_ptr<net::ClientConnection> connection;
    bool watched = true;
    bool watches_write = false;
  };
  Connections() = default;
  void watch(Member& member);

  int epoll_ = -1;
  std::vector<Member> members_;
};

// The same on a connection of its own.
base::Result<std::string> call_and_wait(const std::string& address, std::string_view path, std::string_view message,
                                        std::chrono::milliseconds timeout);

}  // namespace thalo::load
