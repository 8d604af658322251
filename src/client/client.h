// A client of the runtime for C++ programs, over grpc++. Any thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "model/command.h"
#include "model/event.h"

namespace thalo::client {

// An event as the server shows it.
struct Event {
  std::string id;
  model::GlobalPosition global_position = 0;
  model::Position position = 0;
  std::int64_t time_ms = 0;
  std::string stream;
  std::string type;
  std::string data;      // JSON
  std::string metadata;  // JSON or empty
};

struct Command {
  std::string category;
  std::string id;
  std::string name;
  std::string payload = "{}";  // JSON
  std::optional<std::uint64_t> expected_version;
  std::string command_id;
  std::string correlation_id;
  std::string causation_id;
  std::string metadata;  // a JSON object, or empty
};

struct Accepted {
  std::vector<Event> events;
  std::uint64_t version = 0;
  bool repeated = false;
};
using Outcome = std::variant<Accepted, model::Rejection>;

struct ReadOptions {
  std::optional<model::Position> from;
  bool backwards = false;
  std::uint64_t limit = 0;  // 0: no limit
};

class Client {
 public:
  // `url` is `http://host:port` or `host:port`. Connects at the first call. INVALID_ARGUMENT when it is neither.
  static base::Result<std::unique_ptr<Client>> connect(std::string_view url);
  virtual ~Client() = default;

  // Every call fails with DEADLINE_EXCEEDED after `timeout`, and with UNAVAILABLE when the server cannot be reached.
  virtual base::Result<Outcome> execute(const Command& command, std::chrono::milliseconds timeout) = 0;

  // Shows the events of a stream in order; return false to stop. Returns how many were shown.
  virtual base::Result<std::uint64_t> read_stream(const std::string& stream, const ReadOptions& options,
                                                  const std::function<bool(const Event&)>& visit) = 0;

  // Publishes a component as the module `name`.
  virtual base::Result<> publish(const std::string& name, const std::string& component,
                                 std::chrono::milliseconds timeout) = 0;
};

}  // namespace thalo::client
