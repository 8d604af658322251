// What a client sends and gets: plain values.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <variant>
#include <vector>

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

struct TaggedCommand {
  std::uint64_t tag = 0;
  Command command;
};

// Where the commands of Client::execute_all come from. One thread asks, another may stop it.
class CommandSource {
 public:
  virtual ~CommandSource() = default;
  // Waits for the next; none: that was the last, or it was stopped.
  virtual std::optional<TaggedCommand> next() = 0;
  // Whether next() has something without waiting.
  virtual bool ready() = 0;
  // Makes next() return none, also one that is waiting.
  virtual void stop() = 0;
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

// Events must match every list that is not empty.
struct ReadAllOptions {
  model::GlobalPosition from = 0;
  std::vector<std::string> categories = {};
  std::vector<std::string> streams = {};
  std::vector<std::string> types = {};
  std::uint64_t limit = 0;  // 0: no limit
};

// Events must match every list that is not empty.
struct Filter {
  std::vector<std::string> categories = {};
  std::vector<std::string> streams = {};
  std::vector<std::string> types = {};
};

struct SubscribeOptions {
  std::optional<model::GlobalPosition> from;  // absent: only what is stored from now on
  Filter filter = {};
  std::chrono::milliseconds heartbeat_interval{0};  // 0: the server's own, 10 seconds
  std::stop_token stop = {};                        // ends the call, from any thread
};

// None, one or many events, and how far the server has looked.
struct SubscriptionBatch {
  std::vector<Event> events;
  model::GlobalPosition next = 0;  // where to go on after this batch
  std::uint64_t skipped = 0;       // looked at and filtered out since the last batch
  bool caught_up = false;          // everything that was stored has been shown; what follows is new
  model::GlobalPosition head = 0;
  std::vector<std::string> unseen;  // with caught_up: parts of the filter that no event had so far
};

struct StreamInfo {
  std::string name;
  std::uint64_t version = 0;  // the number of its events
};

struct AppendOptions {
  std::optional<std::uint64_t> expected_version;
  std::optional<std::int64_t> time_ms;
};

struct Appended {
  model::Position first_position = 0;
  model::GlobalPosition first_global_position = 0;
  std::uint64_t version = 0;  // of the stream, after the events
};

struct ModuleVersion {
  std::uint32_t version = 0;
  std::string digest;
  std::uint64_t size_bytes = 0;
  std::int64_t published_ms = 0;
};

struct Module {
  std::string name;
  std::string category;
  std::string digest;
  std::uint64_t size_bytes = 0;
  std::string world;
  bool offers_snapshots = false;
  std::uint32_t version = 0;  // 0: a file put into the folder by hand
  std::vector<ModuleVersion> versions;
};

struct Backup {
  std::uint32_t number = 0;  // counts from 1 in its folder
  std::int64_t time_ms = 0;
  std::uint64_t size_bytes = 0;
  std::uint64_t events = 0;  // at least
  std::string store_id;
};

struct BackupMade {
  Backup backup;
  std::uint64_t copied_bytes = 0;
  std::uint64_t events = 0;  // in it
};

struct Relay {
  std::string name;
  std::string kind;
  std::string url;    // without user name and password
  std::string state;  // "starting", "running", "retrying" or "stopped"
  std::int64_t since_ms = 0;
  std::string error;  // the last failure, also when it is over
  std::int64_t error_ms = 0;
  std::uint64_t failures = 0;   // one after the other
  std::uint64_t delivered = 0;  // since the server was started
  std::string projection;
  model::GlobalPosition cursor = 0;
  model::GlobalPosition head = 0;
  std::uint64_t lag_events = 0;
  std::int64_t lag_ms = 0;
  bool paused = false;
};

struct State {
  std::uint64_t version = 0;
  std::string state;  // as the module gives it
};

struct EntityDescription {
  std::string stream;
  std::uint64_t version = 0;
  bool cached = false;
  std::uint64_t instance = 0;
  std::uint64_t instance_entities = 0;
  std::uint64_t instance_memory_bytes = 0;
  std::string module;
  std::string module_digest;
  std::optional<std::uint64_t> snapshot_version;
};

}  // namespace thalo::client
