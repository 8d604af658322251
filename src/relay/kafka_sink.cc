// Kafka: one record per event, its key the stream, so that a stream's events are in one partition and in order.
//
// The producer is idempotent and gives up for good rather than leave a gap: a record that the broker does not take is
// never followed by a later one. Then the producer is thrown away and a new one begins with the first unconfirmed
// event.
#include <librdkafka/rdkafka.h>

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "relay/event_json.h"
#include "relay/sinks.h"

namespace thalo::relay {
namespace {

struct ProducerDeleter {
  void operator()(rd_kafka_t* producer) const {
    // What it still has is sent again by the next one.
    rd_kafka_purge(producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
    rd_kafka_destroy_flags(producer, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
  }
};

class KafkaSink final : public Sink {
 public:
  KafkaSink(SinkParts parts, std::string servers)
      : names_(std::move(parts.names)),
        store_id_(parts.store_id),
        settings_(std::move(parts.settings)),
        servers_(std::move(servers)) {}

  Outcome deliver(std::span<const model::EventView> events, const Deadline& deadline) override {
    if (producer_ == nullptr) {
      if (auto made = make_producer(); !made) return {.failure = std::move(made.error())};
    }
    reports_.assign(events.size(), Report::missing);
    answered_ = 0;
    refusal_.clear();
    for (std::size_t i = 0; i < events.size(); ++i) {
      if (const rd_kafka_resp_err_t error = produce(events[i], i); error != RD_KAFKA_RESP_ERR_NO_ERROR)
        return broken(rd_kafka_err2str(error));
    }
    while (answered_ < events.size() && !deadline.passed() && refusal_.empty())
      rd_kafka_poll(producer_.get(), static_cast<int>(deadline.next_wait().count()));
    if (!refusal_.empty()) return broken(refusal_);
    if (answered_ < events.size()) return broken("not acknowledged in time");
    return {.confirmed = events.size()};
  }

 private:
  enum class Report : std::uint8_t { missing, stored, refused };

  base::Result<> make_producer() {
    char text[256] = {};
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    const std::pair<const char*, std::string> entries[] = {
        {"bootstrap.servers", servers_},
        {"client.id", "thalo-relay"},
        {"enable.idempotence", "true"},
        {"enable.gapless.guarantee", "true"},
        {"message.timeout.ms", std::to_string(settings_.timeout.count())},
        {"linger.ms", "1"},
        {"reconnect.backoff.max.ms", "1000"},
        {"message.max.bytes", std::to_string(message_size_bytes_max)},
        {"queue.buffering.max.messages", "20000"},
    };
    for (const auto& [key, value] : entries) {
      if (rd_kafka_conf_set(conf, key, value.c_str(), text, sizeof text) != RD_KAFKA_CONF_OK) {
        rd_kafka_conf_destroy(conf);
        return failed(text);
      }
    }
    rd_kafka_conf_set_opaque(conf, this);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, [](const rd_kafka_t*, int, const char*, const char*) {});
    rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (producer == nullptr) {
      rd_kafka_conf_destroy(conf);
      return failed(text);
    }
    producer_.reset(producer);
    return {};
  }

  rd_kafka_resp_err_t produce(const model::EventView& event, std::size_t index) {
    names_.name_of(event, topic_);
    body_.clear();
    append_message_json(body_, event);
    const std::string id = model::event_id(store_id_, event.global_position);
    const std::string position = std::to_string(event.global_position);
    return rd_kafka_producev(
        producer_.get(), RD_KAFKA_V_TOPIC(topic_.c_str()), RD_KAFKA_V_KEY(event.stream.data(), event.stream.size()),
        RD_KAFKA_V_VALUE(body_.data(), body_.size()), RD_KAFKA_V_HEADER("event_id", id.data(), id.size()),
        RD_KAFKA_V_HEADER("event_type", event.type.data(), event.type.size()),
        RD_KAFKA_V_HEADER("global_position", position.data(), position.size()),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(reinterpret_cast<void*>(index)), RD_KAFKA_V_END);
  }

  // Both are called in rd_kafka_poll, on the relay's thread.
  static void on_report(rd_kafka_t*, const rd_kafka_message_t* message, void* opaque) {
    auto& self = *static_cast<KafkaSink*>(opaque);
    const auto index = reinterpret_cast<std::size_t>(message->_private);
    if (index >= self.reports_.size() || self.reports_[index] != Report::missing) return;
    ++self.answered_;
    self.reports_[index] = message->err == RD_KAFKA_RESP_ERR_NO_ERROR ? Report::stored : Report::refused;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR && self.refusal_.empty())
      self.refusal_ = rd_kafka_err2str(message->err);
  }
  static void on_error(rd_kafka_t* producer, int error, const char* reason, void* opaque) {
    auto& self = *static_cast<KafkaSink*>(opaque);
    char text[256] = {};
    if (error == RD_KAFKA_RESP_ERR__FATAL && rd_kafka_fatal_error(producer, text, sizeof text) != 0) {
      if (self.refusal_.empty()) self.refusal_ = text;
      return;
    }
    // Not an end by itself: the producer goes on trying. It explains why the deadline passes.
    self.trouble_ = reason;
  }

  Outcome broken(std::string why) {
    producer_.reset();
    if (!trouble_.empty()) why += " (" + trouble_ + ")";
    trouble_.clear();
    const auto first_missing =
        std::find_if(reports_.begin(), reports_.end(), [](Report report) { return report != Report::stored; });
    return {.confirmed = static_cast<std::size_t>(first_missing - reports_.begin()), .failure = failed(why).error()};
  }

  std::unexpected<base::Error> failed(const std::string& why) const {
    return base::fail(base::Code::unavailable, "Kafka at " + servers_ + ": " + why);
  }

  static constexpr std::size_t message_size_bytes_max = std::size_t{100} << 20;

  const NameTemplate names_;
  const model::StoreId store_id_;
  const Settings settings_;
  const std::string servers_;
  std::string topic_;
  std::string body_;
  std::vector<Report> reports_;  // of the current batch
  std::size_t answered_ = 0;
  std::string refusal_;
  std::string trouble_;
  std::unique_ptr<rd_kafka_t, ProducerDeleter> producer_;  // goes first: it reports to the others
};

}  // namespace

base::Result<std::unique_ptr<Sink>> make_kafka_sink(SinkParts parts) {
  auto url = TargetUrl::parse(parts.settings.url, {"kafka"}, 9092);
  if (!url) return base::fail(base::Code::invalid_argument, "url: " + url.error().message);
  if (!url->user.empty() || !url->password.empty() || url->path.size() > 1) {
    return base::fail(base::Code::invalid_argument,
                      "url: must be of the form kafka://host:port; user names and paths have no meaning here");
  }
  const std::string host = url->host.find(':') == std::string::npos ? url->host : "[" + url->host + "]";
  return std::make_unique<KafkaSink>(std::move(parts), host + ":" + std::to_string(url->port));
}

}  // namespace thalo::relay
