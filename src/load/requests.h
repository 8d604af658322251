// What operations send and what their answers must say. One per load thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "load/entity_choice.h"
#include "load/recorder.h"
#include "load/settings.h"
#include "net/status.h"

namespace thalo::load {

inline constexpr std::string_view execute_path = "/thalo.v1.Commands/Execute";
inline constexpr std::string_view execute_stream_path = "/thalo.v1.Commands/ExecuteStream";
inline constexpr std::string_view append_path = "/thalo.v1.Events/Append";
inline constexpr std::string_view read_all_path = "/thalo.v1.Events/ReadAll";
inline constexpr std::string_view read_stream_path = "/thalo.v1.Events/ReadStream";
inline constexpr std::string_view subscribe_path = "/thalo.v1.Subscriptions/Subscribe";
inline constexpr std::string_view project_path = "/thalo.v1.Projections/Project";
inline constexpr std::string_view delete_projection_path = "/thalo.v1.Projections/Delete";
inline constexpr std::string_view head_path = "/thalo.v1.Events/Head";

class Requests {
 public:
  // The settings have been checked.
  Requests(const Settings& settings, std::uint64_t seed);

  // Chooses the entity of the next operation.
  std::uint64_t next_entity() { return choice_.next(); }
  std::string id_of(std::uint64_t entity) const { return prefix_ + std::to_string(entity); }
  // The stream of an entity, written into `out`.
  void stream_of(std::uint64_t entity, std::string& out) const;

  // An ExecuteRequest; the text lives until the next call.
  std::string_view execute(std::uint64_t entity);
  // Appends a Command of an ExecuteStreamRequest.
  void append_command(std::string& out, std::uint64_t tag, std::uint64_t entity);
  // An AppendRequest of a batch of events; the text lives until the next call.
  std::string_view append(std::uint64_t entity);
  // A ReadStreamRequest; the text lives until the next call.
  std::string_view read_stream(std::uint64_t entity);

  // Whether the next operation of a mixed load is a read.
  bool next_is_read() { return random_() % 100 < read_percent_; }

  const std::string& category() const { return category_; }
  const std::string& command() const { return command_; }
  const std::string& payload() const { return payload_; }

 private:
  const std::string category_;
  const std::string prefix_;
  const std::string command_;
  const std::string payload_;
  const unsigned read_percent_;
  EntityChoice choice_;
  std::mt19937_64 random_;
  std::string head_;  // the fields before and behind the id
  std::string tail_;
  std::string events_;  // of an AppendRequest
  std::string message_;
  std::string id_;
};

// What an ExecuteResponse says; `stream` is the one its events must belong to.
Ending check_response(std::string_view message, std::string_view stream);
// What an AppendResponse says of `batch` events.
Ending check_appended(std::string_view message, std::uint64_t batch);
// What a call's status says when it is not OK.
Ending check_failure(std::uint32_t code, std::string_view message, std::string& text);

// The first ProjectRequest of a member: a new projection begins at `from`.
std::string join_request(std::string_view projection, std::uint64_t from);
// A ProjectRequest that acknowledges everything up to `global_position` of a batch.
std::string acknowledge_request(std::uint64_t batch, std::uint64_t global_position);
std::string delete_projection_request(std::string_view projection);

// The events of a ReadAllResponse or ReadStreamResponse: the first has the position `expected` (its global position for
// `all`), and they are gapless. Returns their number, or -1 when that is not so. `batch`, when there is one: the batch
// of a ProjectResponse; 0 when it has none.
std::int64_t check_events(std::string_view message, bool all, std::uint64_t expected, std::uint64_t* batch = nullptr);

}  // namespace thalo::load
