// Redis streams: one XADD per event.
//
// A batch is one transaction (MULTI … EXEC) and one round trip. So a cut connection leaves all of a batch or nothing,
// and a server that runs out of memory midway does not take an event after having refused the one before it.
#include <charconv>
#include <utility>

#include "relay/event_json.h"
#include "relay/redis_connection.h"
#include "relay/sinks.h"

namespace thalo::relay {
namespace {

class RedisSink final : public Sink {
 public:
  RedisSink(SinkParts parts, TargetUrl url, int database)
      : names_(std::move(parts.names)),
        store_id_(parts.store_id),
        url_(std::move(url)),
        database_(database),
        stream_max_len_(parts.settings.stream_max_len == 0 ? "" : std::to_string(parts.settings.stream_max_len)) {}

  Outcome deliver(std::span<const model::EventView> events, const Deadline& deadline) override {
    // One that was closed while there was nothing to do is no failure yet.
    if (connection_ != nullptr && connection_->gone()) connection_.reset();
    if (connection_ == nullptr) {
      auto opened = RedisConnection::open(url_, database_, deadline);
      if (!opened) return {.failure = std::move(opened.error())};
      connection_ = *std::move(opened);
    }
    if (auto queued = queue(events); !queued) return broken(std::move(queued.error()));
    return read_replies(events.size(), deadline);
  }

 private:
  base::Result<> queue(std::span<const model::EventView> events) {
    if (auto queued = connection_->append({"MULTI"}); !queued) return queued;
    for (const model::EventView& event : events) {
      if (auto queued = queue(event); !queued) return queued;
    }
    return connection_->append({"EXEC"});
  }

  base::Result<> queue(const model::EventView& event) {
    names_.name_of(event, key_);
    json_.clear();
    append_message_json(json_, event);
    const std::string id = model::event_id(store_id_, event.global_position);
    char digits[24];
    const std::string_view position(
        digits,
        static_cast<std::size_t>(std::to_chars(digits, digits + sizeof digits, event.global_position).ptr - digits));
    if (stream_max_len_.empty()) {
      return connection_->append(
          {"XADD", key_, "*", "event_type", event.type, "event", json_, "event_id", id, "global_position", position});
    }
    return connection_->append({"XADD", key_, "MAXLEN", "~", stream_max_len_, "*", "event_type", event.type, "event",
                                json_, "event_id", id, "global_position", position});
  }

  // The answers to MULTI, to each XADD (QUEUED) and to EXEC (what became of each).
  Outcome read_replies(std::size_t events, const Deadline& deadline) {
    std::string refusal;
    for (std::size_t i = 0; i < events + 1; ++i) {
      auto reply = connection_->next_reply(deadline);
      if (!reply) return broken(std::move(reply.error()));
      if ((*reply)->type == REDIS_REPLY_STATUS) continue;
      if ((*reply)->type != REDIS_REPLY_ERROR) return nonsense(i == 0 ? "MULTI" : "a queued XADD");
      if (refusal.empty()) refusal = text_of(**reply);
    }
    auto reply = connection_->next_reply(deadline);
    if (!reply) return broken(std::move(reply.error()));
    if ((*reply)->type == REDIS_REPLY_ERROR) return refused(0, refusal.empty() ? text_of(**reply) : refusal);
    if ((*reply)->type != REDIS_REPLY_ARRAY || (*reply)->elements != events) return nonsense("EXEC");
    return read_outcomes(**reply);
  }

  Outcome read_outcomes(const redisReply& outcomes) {
    for (std::size_t i = 0; i < outcomes.elements; ++i) {
      const redisReply& outcome = *outcomes.element[i];
      if (outcome.type == REDIS_REPLY_STRING || outcome.type == REDIS_REPLY_STATUS) continue;
      if (outcome.type != REDIS_REPLY_ERROR) return nonsense("XADD");
      return refused(i, text_of(outcome));
    }
    return {.confirmed = outcomes.elements};
  }

  static std::string text_of(const redisReply& reply) { return std::string(reply.str, reply.len); }

  Outcome refused(std::size_t confirmed, const std::string& text) {
    return {.confirmed = confirmed,
            .failure = base::Error{base::Code::unavailable, "Redis at " + address() + " refuses: " + text}};
  }

  Outcome nonsense(const std::string& command) {
    return broken({base::Code::unavailable,
                   "Redis at " + address() + " answered " + command + " with a reply that it does not have"});
  }

  // What is still on its way on this connection can no longer be told apart.
  Outcome broken(base::Error error) {
    connection_.reset();
    return {.failure = std::move(error)};
  }

  std::string address() const { return url_.host + ":" + std::to_string(url_.port); }

  const NameTemplate names_;
  const model::StoreId store_id_;
  const TargetUrl url_;
  const int database_;
  const std::string stream_max_len_;
  std::unique_ptr<RedisConnection> connection_;
  std::string key_;
  std::string json_;
};

}  // namespace

base::Result<std::unique_ptr<Sink>> make_redis_sink(SinkParts parts) {
  auto url = TargetUrl::parse(parts.settings.url, {"redis"}, 6379);
  if (!url) return base::fail(base::Code::invalid_argument, "url: " + url.error().message);
  if (!url->user.empty() && url->password.empty())
    return base::fail(base::Code::invalid_argument, "url: has a user name without a password");
  int database = 0;
  if (url->path.size() > 1) {
    const char* end = url->path.data() + url->path.size();
    const auto [rest, error] = std::from_chars(url->path.data() + 1, end, database);
    if (error != std::errc() || rest != end || database < 0) {
      return base::fail(base::Code::invalid_argument,
                        "url: '" + without_credentials(parts.settings.url) +
                            "' must end after the host or with a database number, e.g. redis://localhost:6379/0");
    }
  }
  return std::make_unique<RedisSink>(std::move(parts), *std::move(url), database);
}

}  // namespace thalo::relay
