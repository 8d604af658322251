#include "load/network.h"

#include <cstdint>
#include <string>
#include <utility>

#include "load/command_stream.h"
#include "load/requests.h"
#include "load/subscriber.h"
#include "load/wire.h"

namespace thalo::load {

namespace {

using net::ClientConnection;

// Whether a SubscribeResponse says so.
bool has_caught_up(std::string_view message) {
  constexpr unsigned response_caught_up = 4;
  FieldReader fields(message);
  while (fields.next()) {
    if (fields.number() == response_caught_up && fields.value() != 0) return true;
  }
  return false;
}

// An empty method, Execute, or one of the two for a mixed load.
class UnaryCaller final : public Caller, public net::ClientCall {
 public:
  // `acknowledged` may be null.
  UnaryCaller(const Settings& settings, Requests& requests, ClientConnection& connection, Driver& driver,
              Acknowledged* acknowledged)
      : settings_(settings),
        requests_(requests),
        connection_(connection),
        driver_(driver),
        acknowledged_(acknowledged) {}

  void begin() override {
    ending_ = {};
    answered_ = false;
    if (settings_.workload == Workload::empty) return connection_.start(*this, settings_.empty_method, {});
    const std::uint64_t entity = requests_.next_entity();
    if (settings_.workload == Workload::mixed && requests_.next_is_read()) {
      ending_.kind = Kind::read;
      read_ = 0;
      return connection_.start(*this, read_stream_path, requests_.read_stream(entity));
    }
    if (settings_.workload == Workload::append) return connection_.start(*this, append_path, requests_.append(entity));
    requests_.stream_of(entity, stream_);
    connection_.start(*this, execute_path, requests_.execute(entity));
  }

  bool lost() const override { return connection_.lost(); }

  void on_message(std::string_view message) override {
    if (ending_.kind == Kind::read) return on_events(message);
    if (answered_) return fail_with("a second message as the answer of a unary call");
    answered_ = true;
    if (settings_.workload == Workload::empty) return;
    ending_ = settings_.workload == Workload::append ? check_appended(message, settings_.batch)
                                                     : check_response(message, stream_);
  }

  void on_end(const net::Status& status) override {
    std::string text;
    if (!status.is_ok()) {
      const Kind kind = ending_.kind;
      ending_ = check_failure(status.code, status.message, text);
      ending_.kind = kind;
    } else if (!answered_ && ending_.kind == Kind::write) {
      fail_with("status OK without an answer");
    }
    if (acknowledged_ != nullptr) {
      const TimePoint now = std::chrono::steady_clock::now();
      for (std::uint64_t event = 0; event < ending_.events; ++event) {
        acknowledged_->add(ending_.global_position + event, now);
      }
    }
    driver_.finished(*this, ending_);
  }

 private:
  void on_events(std::string_view message) {
    const std::int64_t count = check_events(message, false, read_);
    if (count < 0) return fail_with("a stream's events are not in order");
    read_ += static_cast<std::uint64_t>(count);
    driver_.recorder().record_read(std::chrono::steady_clock::now(), static_cast<std::uint64_t>(count));
  }
  void fail_with(std::string_view what) { ending_ = {.kind = ending_.kind, .outcome = Outcome::wrong, .error = what}; }

  const Settings& settings_;
  Requests& requests_;
  ClientConnection& connection_;
  Driver& driver_;
  Acknowledged* const acknowledged_;
  std::string stream_;
  std::uint64_t read_ = 0;
  Ending ending_;
  bool answered_ = false;
};

// Reads the whole store, again and again: by ReadAll, or by a subscription until it has caught up.
class ReadAllCaller final : public Caller, public net::ClientCall {
 public:
  ReadAllCaller(ClientConnection& connection, Driver& driver, bool subscribes)
      : connection_(connection), driver_(driver), subscribes_(subscribes) {}

  void begin() override {
    next_ = 0;
    in_order_ = true;
    caught_up_ = false;
    connection_.start(*this, subscribes_ ? subscribe_path : read_all_path, {});
  }
  bool lost() const override { return connection_.lost(); }
  void stop() {
    if (under_way()) connection_.cancel(*this);
  }

  void on_message(std::string_view message) override {
    const std::int64_t count = in_order_ ? check_events(message, true, next_) : -1;
    in_order_ = count >= 0;
    if (!in_order_) return;
    next_ += static_cast<std::uint64_t>(count);
    driver_.recorder().record_read(std::chrono::steady_clock::now(), static_cast<std::uint64_t>(count));
    if (subscribes_ && !caught_up_ && has_caught_up(message)) {
      caught_up_ = true;
      connection_.cancel(*this);
    }
  }

  void on_end(const net::Status& status) override {
    std::string text;
    Ending ending;
    const bool wanted =
        (driver_.ending() || caught_up_) && status.code == static_cast<std::uint32_t>(base::Code::cancelled);
    if (!in_order_) {
      ending = {.outcome = Outcome::wrong, .error = "the store's events are not in order"};
    } else if (!status.is_ok() && !wanted) {
      ending = check_failure(status.code, status.message, text);
    }
    ending.kind = Kind::read;
    driver_.finished(*this, ending);
  }

 private:
  ClientConnection& connection_;
  Driver& driver_;
  const bool subscribes_;
  std::uint64_t next_ = 0;
  bool in_order_ = true;
  bool caught_up_ = false;
};

class NetworkTransport final : public Transport {
 public:
  NetworkTransport(const Settings& settings, std::size_t callers, std::unique_ptr<Connections> connections,
                   std::uint64_t seed)
      : settings_(settings), count_(callers), connections_(std::move(connections)), requests_(settings, seed) {
    if (settings.workload == Workload::subscribe) acknowledged_ = std::make_unique<Acknowledged>();
  }

  std::vector<Caller*> callers(Driver& driver) override {
    std::vector<Caller*> out;
    for (std::size_t index = 0; index < count_; ++index) {
      const std::size_t place = index % connections_->size();
      ClientConnection& connection = (*connections_)[place];
      switch (settings_.workload) {
        case Workload::read:
        case Workload::catchup:
          out.push_back(readers_
                            .emplace_back(std::make_unique<ReadAllCaller>(connection, driver,
                                                                          settings_.workload == Workload::catchup))
                            .get());
          break;
        case Workload::stream:
          if (place == streams_.size()) {
            streams_.push_back(std::make_unique<CommandStream>(settings_, requests_, connection, driver));
          }
          out.push_back(streams_[place]->add_caller());
          break;
        default:
          out.push_back(unary_
                            .emplace_back(std::make_unique<UnaryCaller>(settings_, requests_, connection, driver,
                                                                        acknowledged_.get()))
                            .get());
      }
    }
    return out;
  }

  void begin_beside(Driver& driver) override {
    driver_ = &driver;
    if (settings_.workload != Workload::subscribe) return;
    for (std::size_t index = 0; index < settings_.subscribers; ++index) {
      ClientConnection& connection = (*connections_)[index % connections_->size()];
      subscribers_.push_back(std::make_unique<Subscriber>(connection, driver, *acknowledged_, settings_.head));
      driver.begin_beside(*subscribers_.back());
    }
  }

  void flush() override {
    for (auto& stream : streams_) stream->flush();
    // When the last command has ended, every subscriber is to get every event.
    if (!subscribers_.empty() && driver_->ending() && driver_->under_way() <= subscribers_.size()) {
      for (auto& subscriber : subscribers_) subscriber->end_after(driver_->recorder().total().events);
    }
    connections_->flush();
  }
  void wait(std::chrono::nanoseconds timeout) override { connections_->wait(timeout); }
  void end() override {
    for (auto& reader : readers_) reader->stop();
  }

 private:
  const Settings& settings_;
  const std::size_t count_;
  // The calls go after the connections, which know them.
  std::vector<std::unique_ptr<UnaryCaller>> unary_;
  std::vector<std::unique_ptr<ReadAllCaller>> readers_;
  std::vector<std::unique_ptr<CommandStream>> streams_;
  std::vector<std::unique_ptr<Subscriber>> subscribers_;
  std::unique_ptr<Acknowledged> acknowledged_;
  Driver* driver_ = nullptr;
  std::unique_ptr<Connections> connections_;
  Requests requests_;
};

}  // namespace

std::unique_ptr<Transport> make_network_transport(const Settings& settings, std::size_t callers,
                                                  std::unique_ptr<Connections> connections, std::uint64_t seed) {
  return std::make_unique<NetworkTransport>(settings, callers, std::move(connections), seed);
}

}  // namespace thalo::load
