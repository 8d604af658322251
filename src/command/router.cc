#include "command/router.h"

#include <algorithm>
#include <functional>
#include <limits>
#include <utility>

#include "base/json.h"
#include "command/command_ids.h"

namespace thalo::command {
namespace {

using base::Code;
using base::fail;

constexpr std::size_t command_name_size_bytes_max = 256;
constexpr std::size_t id_field_size_bytes_max = CommandIds::id_size_bytes_max;
constexpr std::size_t metadata_size_bytes_max = 64 << 10;
// What becomes of it with the ids around it: an exported event can be appended again.
constexpr std::size_t event_metadata_size_bytes_max = metadata_size_bytes_max + (8 << 10);

base::Result<> check_id_field(std::string_view field, std::string_view value) {
  if (value.size() <= id_field_size_bytes_max) return {};
  return fail(Code::invalid_argument, std::string(field) + " has " + std::to_string(value.size()) + " bytes; at most " +
                                          std::to_string(id_field_size_bytes_max) + " are allowed");
}

base::Result<> check_metadata(std::string_view metadata, std::size_t size_bytes_max) {
  if (metadata.empty()) return {};
  if (metadata.size() > size_bytes_max) {
    return fail(Code::invalid_argument, "metadata has " + std::to_string(metadata.size()) + " bytes; at most " +
                                            std::to_string(size_bytes_max) + " are allowed");
  }
  if (auto ok = base::check_json(metadata); !ok)
    return fail(Code::invalid_argument, "metadata is " + ok.error().message);
  if (metadata[metadata.find_first_not_of(" \t\r\n")] != '{')
    return fail(Code::invalid_argument, "metadata must be a JSON object");
  return {};
}

// The greatest number stands for `any` inside: taken from a client it would switch the check off.
base::Result<> check_expected_version(const std::optional<std::uint64_t>& version) {
  if (!version || *version != std::numeric_limits<std::uint64_t>::max()) return {};
  return fail(Code::invalid_argument, "expected_version is " + std::to_string(*version) +
                                          ", more events than a stream can have; leave it out for any");
}

base::Result<> check_command_name(std::string_view name) {
  if (name.empty())
    return fail(Code::invalid_argument, "command is empty: name the command to execute, e.g. Increment");
  if (auto ok = model::check_event_type(name); !ok) {
    return fail(Code::invalid_argument, name.size() > command_name_size_bytes_max
                                            ? "command has " + std::to_string(name.size()) + " bytes; at most " +
                                                  std::to_string(command_name_size_bytes_max) + " are allowed"
                                            : "command has a control character or invalid UTF-8");
  }
  return {};
}

std::string known_aggregates(const Catalog& catalog) {
  constexpr std::size_t shown_max = 20;
  std::string out;
  std::size_t shown = 0;
  for (const auto& [category, module] : *catalog.modules()) {
    if (shown++ == shown_max) return out + ", …";
    if (!out.empty()) out += ", ";
    out += category;
  }
  return out.empty() ? "none is loaded" : "loaded: " + out;
}

}  // namespace

Router::Router(const RouterOptions& options, store::Store& store, const Catalog& catalog, const env::Clock& clock,
               AnswerRuns* runs)
    : catalog_(catalog), clock_(clock) {
  ShardOptions shard = options.shard;
  const std::size_t shards = std::max<std::size_t>(1, options.shards);
  shard.cached_entities_max = std::max<std::size_t>(1, options.cached_entities_max / shards);
  slow_shard_ = std::make_unique<Shard>("slow-lane", shard, store, catalog, nullptr, runs);
  slow_lane_ = std::make_unique<SlowLane>(*slow_shard_);
  if (options.fast_lane_time_per_call < shard.limits.time_per_call) {
    shard.limits.time_per_call = options.fast_lane_time_per_call;
    shard.limits.time_limit_flag = "--fast-lane-time-ms";
  }
  shards_.reserve(shards);
  for (std::size_t number = 0; number < shards; ++number) {
    shards_.push_back(
        std::make_unique<Shard>("shard-" + std::to_string(number), shard, store, catalog, slow_lane_.get(), runs));
  }
}

base::Result<model::Command> Router::check(ExecuteRequest& request) const {
  auto stream = model::StreamName::make(request.category, request.id);
  if (!stream) return std::unexpected(stream.error());
  if (auto ok = check_command_name(request.command); !ok) return std::unexpected(ok.error());
  if (auto ok = base::check_json(request.payload); !ok)
    return fail(Code::invalid_argument, "payload is " + ok.error().message);
  if (auto ok = check_id_field("command_id", request.command_id); !ok) return std::unexpected(ok.error());
  if (auto ok = check_id_field("correlation_id", request.correlation_id); !ok) return std::unexpected(ok.error());
  if (auto ok = check_id_field("causation_id", request.causation_id); !ok) return std::unexpected(ok.error());
  if (auto ok = check_metadata(request.metadata, metadata_size_bytes_max); !ok) return std::unexpected(ok.error());
  // It is stored one level deeper. Nothing shorter is that deep.
  if (request.metadata.size() > 2'000 && !base::check_json("[" + request.metadata + "]"))
    return fail(Code::invalid_argument, "metadata is nested too deeply: at most 1,023 levels are allowed");
  if (auto ok = check_expected_version(request.expected_version); !ok) return std::unexpected(ok.error());
  if (catalog_.find(request.category) == nullptr) {
    return fail(Code::not_found, "no aggregate named '" + request.category + "' (" + known_aggregates(catalog_) + ")");
  }
  return model::Command{*std::move(stream),
                        std::move(request.command),
                        std::move(request.payload),
                        std::move(request.command_id),
                        std::move(request.correlation_id),
                        std::move(request.causation_id),
                        std::move(request.metadata),
                        clock_.now_ms(),
                        request.expected_version ? model::ExpectedVersion::exact(*request.expected_version)
                                                 : model::ExpectedVersion::any(),
                        request.deadline};
}

void Router::execute(ExecuteRequest request, std::unique_ptr<Caller> caller) {
  submit(TaskKind::execute, std::move(request), std::move(caller));
}

void Router::dry_run(ExecuteRequest request, std::unique_ptr<Caller> caller) {
  submit(TaskKind::dry_run, std::move(request), std::move(caller));
}

void Router::submit(TaskKind kind, ExecuteRequest request, std::unique_ptr<Caller> caller) {
  auto command = check(request);
  if (!command) return caller->answer(std::unexpected(std::move(command.error())));
  Task task(kind, *std::move(command), std::move(caller));
  Shard& shard = shard_of(task.command.stream.view());
  if (auto queued = shard.submit(task); !queued) task.caller->answer(std::unexpected(std::move(queued.error())));
}

void Router::append(AppendRequest request, std::unique_ptr<Caller> caller) {
  auto task = check(request);
  if (!task) return caller->answer(std::unexpected(std::move(task.error())));
  task->caller = std::move(caller);
  if (auto queued = shard_of(task->command.stream.view()).submit(*task); !queued) {
    task->caller->answer(std::unexpected(std::move(queued.error())));
  }
}

base::Result<Task> Router::check(AppendRequest& request) const {
  auto stream = model::StreamName::parse(request.stream);
  if (!stream) return std::unexpected(stream.error());
  if (request.events.empty()) return fail(Code::invalid_argument, "events is empty: give at least one event to append");
  for (std::size_t index = 0; index < request.events.size(); ++index) {
    const model::NewEvent& event = request.events[index];
    const std::string where = "events[" + std::to_string(index) + "]: ";
    if (auto ok = model::check_event_type(event.type); !ok)
      return fail(Code::invalid_argument, where + ok.error().message);
    if (auto ok = base::check_json(event.data); !ok)
      return fail(Code::invalid_argument, where + "data is " + ok.error().message);
    if (auto ok = check_metadata(event.metadata, event_metadata_size_bytes_max); !ok)
      return fail(Code::invalid_argument, where + ok.error().message);
  }
  if (auto ok = check_expected_version(request.expected_version); !ok) return std::unexpected(ok.error());
  model::Command command{*std::move(stream)};
  command.time_ms = request.time_ms.value_or(clock_.now_ms());
  command.deadline = request.deadline;
  if (request.expected_version) command.expected_version = model::ExpectedVersion::exact(*request.expected_version);
  Task task(TaskKind::append, std::move(command), nullptr);
  task.events = std::move(request.events);
  return task;
}

base::Result<> Router::describe(const model::StreamName& stream, std::function<void(const EntityDescription&)> show) {
  return shard_of(stream.view()).describe(stream.text(), std::move(show));
}

Shard& Router::shard_of(std::string_view stream) { return *shards_[store::share_hash(stream) % shards_.size()]; }

void Router::stop() {
  for (const auto& shard : shards_) shard->stop();
  slow_shard_->stop();
}

std::size_t Router::cached_entities() const {
  std::size_t total = slow_shard_->cached_entities();
  for (const auto& shard : shards_) total += shard->cached_entities();
  return total;
}

}  // namespace thalo::command
