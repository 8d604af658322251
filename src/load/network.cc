#include "load/network.h"

#include <cstdint>
#include <string>
#include <utility>

#include "load/command_stream.h"
#include "load/requests.h"

namespace thalo::load {

namespace {

using net::ClientConnection;

// An empty method, Execute, or one of the two for a mixed load.
class UnaryCaller final : public Caller, public net::ClientCall {
 public:
  UnaryCaller(const Settings& settings, Requests& requests, ClientConnection& connection, Driver& driver)
      : settings_(settings), requests_(requests), connection_(connection), driver_(driver) {}

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
  std::string stream_;
  std::uint64_t read_ = 0;
  Ending ending_;
  bool answered_ = false;
};

// Reads the whole store, again and again.
class ReadAllCaller final : public Caller, public net::ClientCall {
 public:
  ReadAllCaller(ClientConnection& connection, Driver& driver) : connection_(connection), driver_(driver) {}

  void begin() override {
    next_ = 0;
    in_order_ = true;
    connection_.start(*this, read_all_path, {});
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
  }

  void on_end(const net::Status& status) override {
    std::string text;
    Ending ending;
    if (!in_order_) {
      ending = {.outcome = Outcome::wrong, .error = "the store's events are not in order"};
    } else if (!status.is_ok() &&
               !(driver_.ending() && status.code == static_cast<std::uint32_t>(base::Code::cancelled))) {
      ending = check_failure(status.code, status.message, text);
    }
    ending.kind = Kind::read;
    driver_.finished(*this, ending);
  }

 private:
  ClientConnection& connection_;
  Driver& driver_;
  std::uint64_t next_ = 0;
  bool in_order_ = true;
};

class NetworkTransport final : public Transport {
 public:
  NetworkTransport(const Settings& settings, std::size_t callers, std::unique_ptr<Connections> connections,
                   std::uint64_t seed)
      : settings_(settings), count_(callers), connections_(std::move(connections)), requests_(settings, seed) {}

  std::vector<Caller*> callers(Driver& driver) override {
    std::vector<Caller*> out;
    for (std::size_t index = 0; index < count_; ++index) {
      const std::size_t place = index % connections_->size();
      ClientConnection& connection = (*connections_)[place];
      switch (settings_.workload) {
        case Workload::read:
          out.push_back(readers_.emplace_back(std::make_unique<ReadAllCaller>(connection, driver)).get());
          break;
        case Workload::stream:
          if (place == streams_.size()) {
            streams_.push_back(std::make_unique<CommandStream>(settings_, requests_, connection, driver));
          }
          out.push_back(streams_[place]->add_caller());
          break;
        default:
          out.push_back(
              unary_.emplace_back(std::make_unique<UnaryCaller>(settings_, requests_, connection, driver)).get());
      }
    }
    return out;
  }

  void flush() override {
    for (auto& stream : streams_) stream->flush();
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
  std::unique_ptr<Connections> connections_;
  Requests requests_;
};

}  // namespace

std::unique_ptr<Transport> make_network_transport(const Settings& settings, std::size_t callers,
                                                  std::unique_ptr<Connections> connections, std::uint64_t seed) {
  return std::make_unique<NetworkTransport>(settings, callers, std::move(connections), seed);
}

}  // namespace thalo::load
