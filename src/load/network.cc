#include "load/network.h"

#include <chrono>
#include <cstdint>
#include <deque>
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

// The projections that a thread has made: they are deleted when it has ended.
class Projections {
 public:
  Projections(const Settings& settings, std::uint64_t seed)
      : prefix_(settings.projection_prefix + std::to_string(seed) + "-") {}
  const std::string& add() { return names_.emplace_back(prefix_ + std::to_string(names_.size())); }
  void remove_all(Connections& connections) {
    for (const std::string& name : std::exchange(names_, {})) {
      // One that cannot be deleted stays: nothing depends on it. Who does not answer is not asked for the next.
      const auto removed =
          connections.call(delete_projection_path, delete_projection_request(name), std::chrono::seconds(5));
      if (!removed && removed.error().code == base::Code::deadline_exceeded) return;
    }
  }

 private:
  const std::string prefix_;
  std::deque<std::string> names_;
};

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
    const TimePoint now = std::chrono::steady_clock::now();
    if (acknowledged_ != nullptr) {
      for (std::uint64_t event = 0; event < ending_.events; ++event) {
        acknowledged_->add(ending_.global_position + event, now);
      }
    }
    driver_.finished(*this, ending_, now);
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

// Reads the whole store, again and again: by ReadAll, by a subscription until it has caught up, or as the only member
// of a new projection until it has acknowledged what was there before the run.
class ReadAllCaller final : public Caller, public net::ClientCall {
 public:
  ReadAllCaller(const Settings& settings, ClientConnection& connection, Driver& driver, Projections& projections)
      : settings_(settings), connection_(connection), driver_(driver), projections_(projections) {}

  void begin() override {
    next_ = 0;
    in_order_ = true;
    caught_up_ = false;
    if (settings_.workload != Workload::project)
      return connection_.start(*this, settings_.workload == Workload::catchup ? subscribe_path : read_all_path, {});
    connection_.open(*this, project_path);
    connection_.send(*this, join_request(projections_.add(), 0));
  }
  bool lost() const override { return connection_.lost(); }
  void stop() {
    if (under_way()) connection_.cancel(*this);
  }

  void on_message(std::string_view message) override {
    std::uint64_t batch = 0;
    const std::int64_t count = in_order_ ? check_events(message, true, next_, &batch) : -1;
    in_order_ = count >= 0;
    if (!in_order_) return;
    next_ += static_cast<std::uint64_t>(count);
    driver_.recorder().record_read(std::chrono::steady_clock::now(), static_cast<std::uint64_t>(count));
    if (settings_.workload == Workload::project && count > 0)
      connection_.send(*this, acknowledge_request(batch, next_ - 1));
    if (caught_up_ || !is_at_end(message)) return;
    caught_up_ = true;
    connection_.cancel(*this);
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
  bool is_at_end(std::string_view message) const {
    if (settings_.workload == Workload::project) return next_ >= settings_.head;
    return settings_.workload == Workload::catchup && has_caught_up(message);
  }

  const Settings& settings_;
  ClientConnection& connection_;
  Driver& driver_;
  Projections& projections_;
  std::uint64_t next_ = 0;
  bool in_order_ = true;
  bool caught_up_ = false;
};

class NetworkTransport final : public Transport {
 public:
  NetworkTransport(const Settings& settings, std::size_t callers, std::unique_ptr<Connections> connections,
                   std::uint64_t seed)
      : settings_(settings),
        count_(callers),
        connections_(std::move(connections)),
        requests_(settings, seed),
        projections_(settings, seed) {
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
        case Workload::project:
          out.push_back(
              readers_.emplace_back(std::make_unique<ReadAllCaller>(settings_, connection, driver, projections_))
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
    for (std::size_t index = 0; index < settings_.subscribers + settings_.projections; ++index) {
      ClientConnection& connection = (*connections_)[index % connections_->size()];
      subscribers_.push_back(
          std::make_unique<Subscriber>(connection, driver, *acknowledged_, settings_.head,
                                       index < settings_.subscribers ? std::string() : projections_.add()));
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
  void clean_up() override { projections_.remove_all(*connections_); }

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
  Projections projections_;
};

}  // namespace

std::unique_ptr<Transport> make_network_transport(const Settings& settings, std::size_t callers,
                                                  std::unique_ptr<Connections> connections, std::uint64_t seed) {
  return std::make_unique<NetworkTransport>(settings, callers, std::move(connections), seed);
}

}  // namespace thalo::load
