// What load to make, and on what.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "load/entity_choice.h"

namespace thalo::load {

enum class Workload : std::uint8_t {
  write,      // Commands.Execute, one call a command
  stream,     // Commands.ExecuteStream, one stream a connection
  append,     // Events.Append, `batch` events a call
  read,       // Events.ReadAll, again and again
  subscribe,  // Execute, and Subscriptions.Subscribe beside it
  catchup,    // Subscriptions.Subscribe from the beginning until it has caught up, again and again
  project,    // Projections.Project of a new projection, a batch acknowledged when it has come, until it has caught up
  mixed,      // Execute, and Events.ReadStream of the entities written
  empty,      // a method that does nothing: the ceiling
};

struct Settings {
  Workload workload = Workload::write;
  std::string address;                 // "host:port"
  bool in_process = false;             // no server and no network: `write` against a runtime in this process
  std::filesystem::path store_path;    // in process; else only to say what it is on
  std::filesystem::path modules_path;  // in process
  std::size_t shards = 0;              // in process; 0: one per core

  std::size_t callers = 256;  // operations under way at once, of all threads
  std::size_t connections = 8;
  std::size_t threads = 1;
  std::chrono::nanoseconds duration{std::chrono::seconds{10}};
  std::chrono::nanoseconds warm_up{std::chrono::seconds{2}};
  std::chrono::milliseconds timeout{30000};  // for the answers that are still to come when the duration has ended
  std::uint64_t operations = 0;              // ends after so many, if the duration has not ended yet; 0: no limit
  double rate = 0;  // operations a second whether or not the last ones are answered; 0: as fast as answers come
  std::uint64_t seed = 1;

  std::string category = "counter";
  std::string command = "Increment";
  std::string payload = R"({"amount":1})";
  std::size_t payload_bytes = 100;  // `payload` is filled up to this; 0: as it is
  std::string entity_prefix = "bench";
  std::uint64_t entities = 1000;
  Distribution distribution = Distribution::uniform;
  std::size_t batch = 256;                 // stream: commands in a message at most; append: events in a call
  std::string event_type = "Incremented";  // append, coldstart
  std::uint64_t events = 100'000;          // coldstart: of each stream
  std::uint64_t streams = 3;               // coldstart
  unsigned read_percent = 50;              // mixed: how many operations are reads
  std::size_t subscribers = 1;             // subscribe
  std::size_t projections = 0;             // subscribe: members of as many projections, which acknowledge each batch
  std::string projection_prefix;           // what projections are called, before a number; made by run()
  std::uint64_t head = 0;                  // subscribe: events in the store before; found out by run()
  std::string empty_method = "/grpc.health.v1.Health/Check";
};

// Whether the workload executes commands or appends events.
bool writes(Workload workload);

// INVALID_ARGUMENT names the setting, what is wrong with it and what is allowed.
base::Result<> check(const Settings& settings);

// `payload`, filled up to `size_bytes` by a member "padding". INVALID_ARGUMENT: not a JSON object, or too large
// already.
base::Result<std::string> padded(const std::string& payload, std::size_t size_bytes);

}  // namespace thalo::load
