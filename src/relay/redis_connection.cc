#include "relay/redis_connection.h"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace thalo::relay {
namespace {

std::unexpected<base::Error> unavailable(std::string message) {
  return base::fail(base::Code::unavailable, std::move(message));
}

}  // namespace

base::Result<std::unique_ptr<RedisConnection>> RedisConnection::open(const TargetUrl& url, int database,
                                                                     const Deadline& deadline) {
  const std::string address = url.host + ":" + std::to_string(url.port);
  std::unique_ptr<RedisConnection> connection(
      new RedisConnection(redisConnectNonBlock(url.host.c_str(), url.port), address));
  if (connection->context_ == nullptr) return unavailable("no memory for a connection to Redis");
  if (connection->context_->err != 0) return connection->broken();
  if (auto connected = connection->finish_connecting(deadline); !connected) return std::unexpected(connected.error());
  if (auto logged_in = connection->log_in(url, database, deadline); !logged_in)
    return std::unexpected(logged_in.error());
  return connection;
}

base::Result<> RedisConnection::finish_connecting(const Deadline& deadline) {
  if (auto ready = wait(POLLOUT, deadline); !ready) return std::unexpected(ready.error());
  int error = 0;
  socklen_t size = sizeof error;
  if (::getsockopt(context_->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return unavailable("connecting to Redis at " + address_ + ": " + std::strerror(error));
  context_->flags |= REDIS_CONNECTED;
  return {};
}

base::Result<> RedisConnection::log_in(const TargetUrl& url, int database, const Deadline& deadline) {
  if (!url.password.empty()) {
    auto queued = url.user.empty() ? append({"AUTH", url.password}) : append({"AUTH", url.user, url.password});
    if (!queued) return queued;
    if (auto ok = expect_ok("AUTH", deadline); !ok) return ok;
  }
  if (database != 0) {
    if (auto queued = append({"SELECT", std::to_string(database)}); !queued) return queued;
    return expect_ok("SELECT", deadline);
  }
  return {};
}

base::Result<> RedisConnection::expect_ok(std::string_view what, const Deadline& deadline) {
  auto reply = next_reply(deadline);
  if (!reply) return std::unexpected(reply.error());
  if ((*reply)->type == REDIS_REPLY_STATUS) return {};
  return unavailable("Redis at " + address_ + " answered " + std::string(what) + " with: " +
                     ((*reply)->str != nullptr ? std::string((*reply)->str, (*reply)->len) : "something unexpected"));
}

base::Result<> RedisConnection::append(std::span<const std::string_view> command) {
  static constexpr std::size_t words_max = 16;
  const char* words[words_max];
  std::size_t sizes[words_max];
  if (command.size() > words_max) return base::fail(base::Code::internal, "a Redis command of too many words");
  for (std::size_t i = 0; i < command.size(); ++i) {
    words[i] = command[i].data();
    sizes[i] = command[i].size();
  }
  sent_ = false;
  if (redisAppendCommandArgv(context_.get(), static_cast<int>(command.size()), words, sizes) != REDIS_OK)
    return broken();
  return {};
}

base::Result<RedisReply> RedisConnection::next_reply(const Deadline& deadline) {
  while (true) {
    if (sent_) {
      void* reply = nullptr;
      if (redisGetReplyFromReader(context_.get(), &reply) != REDIS_OK) return broken();
      if (reply != nullptr) return RedisReply(static_cast<redisReply*>(reply));
    }
    // While much is to be sent the server may already answer; what it says is taken, so that it never has to wait.
    const auto ready = wait(static_cast<short>(sent_ ? POLLIN : POLLIN | POLLOUT), deadline);
    if (!ready) return std::unexpected(ready.error());
    if ((*ready & (POLLIN | POLLHUP | POLLERR)) != 0 && redisBufferRead(context_.get()) != REDIS_OK) return broken();
    if (!sent_ && (*ready & POLLOUT) != 0) {
      int done = 0;
      if (redisBufferWrite(context_.get(), &done) != REDIS_OK) return broken();
      sent_ = done != 0;
    }
  }
}

base::Result<short> RedisConnection::wait(short events, const Deadline& deadline) const {
  while (true) {
    pollfd waited{context_->fd, events, 0};
    const int ready = ::poll(&waited, 1, static_cast<int>(deadline.next_wait().count()));
    if (ready > 0) return waited.revents;
    if (ready < 0 && errno != EINTR) return unavailable(std::string("poll: ") + std::strerror(errno));
    if (deadline.passed()) return unavailable("Redis at " + address_ + " did not answer in time");
  }
}

bool RedisConnection::gone() const {
  pollfd looked{context_->fd, POLLIN, 0};
  return ::poll(&looked, 1, 0) != 0;
}

std::unexpected<base::Error> RedisConnection::broken() const {
  return unavailable("Redis at " + address_ + ": " + context_->errstr);
}

}  // namespace thalo::relay
