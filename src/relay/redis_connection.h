// One connection to a Redis server that never waits past a deadline. hiredis formats commands and parses replies; the
// waiting is done here, because its own blocking calls cannot be cut short.
#pragma once

#include <hiredis/hiredis.h>

#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "relay/sink.h"
#include "relay/target_url.h"

namespace thalo::relay {

struct RedisReplyDeleter {
  void operator()(redisReply* reply) const { freeReplyObject(reply); }
};
using RedisReply = std::unique_ptr<redisReply, RedisReplyDeleter>;

// One thread. After any error but an error reply the connection is unusable and must be destroyed.
class RedisConnection {
 public:
  // Connects, authenticates and selects the database. UNAVAILABLE says why not.
  static base::Result<std::unique_ptr<RedisConnection>> open(const TargetUrl& url, int database,
                                                             const Deadline& deadline);

  // Queues a command; nothing is sent before the next exchange.
  base::Result<> append(std::span<const std::string_view> command);
  base::Result<> append(std::initializer_list<std::string_view> command) {
    return append(std::span(command.begin(), command.size()));
  }

  // The next reply, sending first what is still to be sent. Error replies are replies.
  base::Result<RedisReply> next_reply(const Deadline& deadline);

  // Whether the server has closed it, or has said something unasked, since the last reply.
  bool gone() const;

 private:
  struct ContextDeleter {
    void operator()(redisContext* context) const { redisFree(context); }
  };
  explicit RedisConnection(redisContext* context, std::string address)
      : context_(context), address_(std::move(address)) {}
  base::Result<> finish_connecting(const Deadline& deadline);
  base::Result<> log_in(const TargetUrl& url, int database, const Deadline& deadline);
  base::Result<> expect_ok(std::string_view what, const Deadline& deadline);
  // Waits for `events` (poll) or the deadline.
  base::Result<short> wait(short events, const Deadline& deadline) const;
  std::unexpected<base::Error> broken() const;

  std::unique_ptr<redisContext, ContextDeleter> context_;
  const std::string address_;
  bool sent_ = true;
};

}  // namespace thalo::relay
