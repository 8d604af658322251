// NATS JetStream: one message per event, `Nats-Msg-Id` the event's id, so that the server drops what it has had.
//
// The events of a batch are sent one after the other without waiting; each is acknowledged by a message to an inbox.
// That inbox is read on the relay's thread, so nothing of the client library calls back.
#include <nats/nats.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/json.h"
#include "relay/event_json.h"
#include "relay/sinks.h"

namespace thalo::relay {
namespace {

// Connecting cannot be cut short: a runtime that stops may have to wait so long.
constexpr std::chrono::milliseconds connect_timeout_max{2000};

// The client library's writes wait for a server that does not read, without end. So little is on its way at a time that
// the kernel takes it all. (It still waits when a server freezes while it is sent one larger event.)
constexpr std::size_t pending_bytes_max = std::size_t{64} << 10;
constexpr std::size_t message_overhead_bytes = 300;

struct NatsDeleter {
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
  void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};
template <class T>
using Nats = std::unique_ptr<T, NatsDeleter>;

class NatsSink final : public Sink {
 public:
  NatsSink(SinkParts parts, TargetUrl url)
      : names_(std::move(parts.names)),
        store_id_(parts.store_id),
        settings_(std::move(parts.settings)),
        url_(std::move(url)) {}

  ~NatsSink() override { disconnect(); }

  Outcome deliver(std::span<const model::EventView> events, const Deadline& deadline) override {
    if (connection_ != nullptr && natsConnection_IsClosed(connection_.get())) disconnect();
    if (connection_ == nullptr) {
      if (auto connected = connect(deadline); !connected) return {.failure = std::move(connected.error())};
    }
    return publish_and_wait(events, deadline);
  }

 private:
  base::Result<> connect(const Deadline& deadline) {
    natsOptions* made = nullptr;
    if (natsOptions_Create(&made) != NATS_OK) return failed("no memory for the client's options");
    const Nats<natsOptions> options(made);
    if (const natsStatus status = address(*made); status != NATS_OK) return failed("connecting: " + text_of(status));
    natsOptions_SetName(made, "thalo-relay");
    // The relay connects anew and sends again what is unconfirmed; a client that did both by itself would hide it.
    natsOptions_SetAllowReconnect(made, false);
    natsOptions_SetTimeout(made, std::min(connect_timeout_max, settings_.timeout).count());
    natsOptions_SetErrorHandler(made, [](natsConnection*, natsSubscription*, natsStatus, void*) {}, nullptr);
    if (deadline.passed()) return failed("no connection in time");
    natsConnection* connection = nullptr;
    if (const natsStatus status = natsConnection_Connect(&connection, made); status != NATS_OK)
      return failed("connecting: " + text_of(status));
    connection_.reset(connection);
    return listen();
  }

  // The client library takes user and password of a URL as they stand there, undecoded; so it is given them apart.
  natsStatus address(natsOptions& options) const {
    const bool is_ipv6 = url_.host.find(':') != std::string::npos;
    const std::string host = is_ipv6 ? "[" + url_.host + "]" : url_.host;
    natsStatus status = natsOptions_SetURL(&options, ("nats://" + host + ":" + std::to_string(url_.port)).c_str());
    if (status == NATS_OK && url_.scheme == "tls") status = natsOptions_SetSecure(&options, true);
    if (status == NATS_OK && url_.scheme == "tls")
      status = natsOptions_SetExpectedHostname(&options, url_.host.c_str());
    if (status != NATS_OK || url_.user.empty()) return status;
    return url_.password.empty() ? natsOptions_SetToken(&options, url_.user.c_str())
                                 : natsOptions_SetUserInfo(&options, url_.user.c_str(), url_.password.c_str());
  }

  // Acknowledgements come to INBOX.BATCH.INDEX.
  base::Result<> listen() {
    natsInbox* inbox = nullptr;
    if (natsInbox_Create(&inbox) != NATS_OK) return failed("no memory for an inbox");
    inbox_ = std::string(inbox) + ".";
    natsInbox_Destroy(inbox);
    natsSubscription* subscription = nullptr;
    const natsStatus status = natsConnection_SubscribeSync(&subscription, connection_.get(), (inbox_ + "*.*").c_str());
    if (status != NATS_OK) {
      disconnect();
      return failed("subscribing to acknowledgements: " + text_of(status));
    }
    subscription_.reset(subscription);
    proven_ = false;
    return {};
  }

  void disconnect() {
    subscription_.reset();
    connection_.reset();
  }

  Outcome publish_and_wait(std::span<const model::EventView> events, const Deadline& deadline) {
    ++batch_;
    answers_.assign(events.size(), Answer::missing);
    refusal_.clear();
    std::size_t sent = 0;
    std::size_t answered = 0;
    std::size_t pending_bytes = 0;
    // After a refusal nothing more is sent, and what was sent before is waited for.
    while (answered < (refusal_.empty() ? events.size() : sent)) {
      if (refusal_.empty() && sent < events.size() && may_send(sent, answered, pending_bytes)) {
        if (const natsStatus status = publish(events[sent], sent); status != NATS_OK)
          return broken("publishing: " + text_of(status));
        pending_bytes += size_bytes_of(events[sent++]);
        continue;
      }
      auto index = next_answer(sent, deadline);
      if (!index) return broken(index.error().message);
      pending_bytes -= size_bytes_of(events[*index]);
      ++answered;
    }
    if (refusal_.empty()) return {.confirmed = events.size()};
    return {.confirmed = confirmed(), .failure = failed(refusal_).error()};
  }

  bool may_send(std::size_t sent, std::size_t answered, std::size_t pending_bytes) const {
    // A server that starts up may refuse one message and take the next. Only one that has just taken one is sent
    // several at a time.
    if (!proven_) return sent == answered;
    return pending_bytes < pending_bytes_max;
  }

  static std::size_t size_bytes_of(const model::EventView& event) { return event.data.size() + message_overhead_bytes; }

  // Waits for the next answer to an event of this batch; which one it was for.
  base::Result<std::size_t> next_answer(std::size_t sent, const Deadline& deadline) {
    while (true) {
      natsMsg* received = nullptr;
      const natsStatus status = natsSubscription_NextMsg(&received, subscription_.get(),
                                                         std::max<std::int64_t>(1, deadline.next_wait().count()));
      if (status == NATS_TIMEOUT && !deadline.passed()) continue;
      const std::string before = refusal_.empty() ? std::string() : "; before that: " + refusal_;
      if (status == NATS_TIMEOUT) return base::fail(base::Code::unavailable, "no acknowledgement in time" + before);
      // The client library swallows the message, so nobody knows which event it was about.
      if (status == NATS_NO_RESPONDERS) {
        return base::fail(base::Code::unavailable, "no JetStream stream takes the subject '" + subject_ +
                                                       "'; make one with it in its subjects" + before);
      }
      if (status != NATS_OK)
        return base::fail(base::Code::unavailable, "the connection broke: " + text_of(status) + before);
      const Nats<natsMsg> message(received);
      const std::size_t index = index_of(*received);
      // Another one is of a batch that was given up, or nonsense.
      if (index >= sent || answers_[index] != Answer::missing) continue;
      std::string wrong = refusal_of(*received);
      answers_[index] = wrong.empty() ? Answer::stored : Answer::refused;
      if (wrong.empty()) {
        proven_ = true;
      } else if (refusal_.empty()) {
        refusal_ = std::move(wrong);
      }
      return index;
    }
  }

  natsStatus publish(const model::EventView& event, std::size_t index) {
    names_.name_of(event, subject_);
    body_.clear();
    append_message_json(body_, event);
    const std::string reply = inbox_ + std::to_string(batch_) + "." + std::to_string(index);
    natsMsg* made = nullptr;
    natsStatus status =
        natsMsg_Create(&made, subject_.c_str(), reply.c_str(), body_.data(), static_cast<int>(body_.size()));
    if (status != NATS_OK) return status;
    const Nats<natsMsg> message(made);
    status = natsMsgHeader_Set(made, "Nats-Msg-Id", model::event_id(store_id_, event.global_position).c_str());
    if (status != NATS_OK) return status;
    return natsConnection_PublishMsg(connection_.get(), made);
  }

  // Which event of the current batch `message` answers; SIZE_MAX: none.
  std::size_t index_of(const natsMsg& message) const {
    const std::string_view subject = natsMsg_GetSubject(&message);
    const std::string expected = inbox_ + std::to_string(batch_) + ".";
    std::size_t index = SIZE_MAX;
    if (subject.starts_with(expected))
      std::from_chars(subject.data() + expected.size(), subject.data() + subject.size(), index);
    return index < answers_.size() ? index : SIZE_MAX;
  }

  // Empty: the event is stored.
  static std::string refusal_of(const natsMsg& message) {
    const std::string_view text(natsMsg_GetData(&message), static_cast<std::size_t>(natsMsg_GetDataLength(&message)));
    bool stored = false;
    if (auto members = base::json_members(text)) {
      for (const auto& [key, value] : *members) {
        if (key == "error") return "refused: " + std::string(value.substr(0, 300));
        stored = stored || key == "seq";
      }
    }
    return stored ? std::string() : "an acknowledgement that is none: " + std::string(text.substr(0, 300));
  }

  std::size_t confirmed() const {
    const auto first = std::find_if(answers_.begin(), answers_.end(), [](Answer one) { return one != Answer::stored; });
    return static_cast<std::size_t>(first - answers_.begin());
  }

  Outcome broken(const std::string& why) {
    disconnect();
    return {.confirmed = confirmed(), .failure = failed(why).error()};
  }

  std::unexpected<base::Error> failed(const std::string& why) const {
    return base::fail(base::Code::unavailable, without_credentials(settings_.url) + ": " + why);
  }

  static std::string text_of(natsStatus status) { return natsStatus_GetText(status); }

  const NameTemplate names_;
  const model::StoreId store_id_;
  const Settings settings_;
  const TargetUrl url_;
  Nats<natsConnection> connection_;
  Nats<natsSubscription> subscription_;
  bool proven_ = false;
  std::uint64_t batch_ = 0;
  std::string inbox_;
  std::string subject_;
  std::string body_;
  enum class Answer : std::uint8_t { missing, stored, refused };
  std::vector<Answer> answers_;  // to the current batch
  std::string refusal_;          // the first of the current batch
};

}  // namespace

base::Result<std::unique_ptr<Sink>> make_nats_sink(SinkParts parts) {
  auto url = TargetUrl::parse(parts.settings.url, {"nats", "tls"}, 4222);
  if (!url) return base::fail(base::Code::invalid_argument, "url: " + url.error().message);
  return std::make_unique<NatsSink>(std::move(parts), *std::move(url));
}

}  // namespace thalo::relay
