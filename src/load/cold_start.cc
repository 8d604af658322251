#include "load/cold_start.h"

#include <algorithm>
#include <chrono>

#include "base/counted.h"
#include "load/connections.h"
#include "load/requests.h"
#include "load/wire.h"

namespace thalo::load {

namespace {

using base::Code;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes timeout{10};
constexpr std::uint64_t events_a_call_max = 1000;
constexpr std::uint64_t bytes_a_call = std::uint64_t{16} << 20;

// The fields of proto/thalo/v1.
enum DescribeRequestField : unsigned { describe_category = 1, describe_id };
enum DescribeResponseField : unsigned { described_version = 2, described_cached };
constexpr unsigned response_accepted = 1;
constexpr unsigned accepted_version = 2;

std::uint64_t number_in(std::string_view message, unsigned field) {
  FieldReader fields(message);
  while (fields.next()) {
    if (fields.number() == field) return fields.value();
  }
  return 0;
}

std::string_view text_in(std::string_view message, unsigned field) {
  FieldReader fields(message);
  while (fields.next()) {
    if (fields.number() == field) return fields.text();
  }
  return {};
}

class Measurement {
 public:
  Measurement(const Settings& settings, Connections& connections)
      : settings_(settings), connections_(connections), requests_(settings, settings.seed) {}

  base::Result<> fill(std::uint64_t entity, std::uint64_t events) {
    Settings batch = settings_;
    batch.workload = Workload::append;
    const std::uint64_t events_a_call =
        std::clamp<std::uint64_t>(bytes_a_call / requests_.payload().size(), 1, events_a_call_max);
    for (std::uint64_t stored = 0; stored < events; stored += batch.batch) {
      batch.batch = std::min(events_a_call, events - stored);
      Requests requests(batch, batch.seed);
      auto answer = connections_.call(append_path, requests.append(entity), timeout);
      if (!answer) return std::unexpected(answer.error());
    }
    return {};
  }

  base::Result<> check_cold(std::uint64_t entity, std::uint64_t events) {
    std::string request;
    append_text(request, describe_category, settings_.category);
    append_text(request, describe_id, requests_.id_of(entity));
    auto answer = connections_.call("/thalo.v1.Entities/Describe", request, timeout);
    if (!answer) return std::unexpected(answer.error());
    const std::string id = requests_.id_of(entity);
    if (number_in(*answer, described_cached) != 0) return base::fail(Code::internal, id + " is in memory already");
    if (number_in(*answer, described_version) != events) {
      return base::fail(Code::internal, id + " has not the events that were appended");
    }
    return {};
  }

  // Seconds; the entity must have `version` events afterwards.
  base::Result<double> execute(std::uint64_t entity, std::uint64_t version) {
    const auto start = Clock::now();
    auto answer = connections_.call(execute_path, requests_.execute(entity), timeout);
    const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
    if (!answer) return std::unexpected(answer.error());
    const std::uint64_t is = number_in(text_in(*answer, response_accepted), accepted_version);
    if (is == version) return seconds;
    return base::fail(Code::internal, requests_.id_of(entity) + " has version " + std::to_string(is) + " after " +
                                          base::counted(version, "event"));
  }

 private:
  const Settings& settings_;
  Connections& connections_;
  Requests requests_;
};

}  // namespace

double ColdStart::events_per_second() const {
  if (replay_seconds.empty()) return 0;
  std::vector<double> sorted = replay_seconds;
  std::ranges::sort(sorted);
  return static_cast<double>(events) / sorted[sorted.size() / 2];
}

base::Result<ColdStart> measure_cold_start(const Settings& settings) {
  if (auto checked = check(settings); !checked) return std::unexpected(checked.error());
  const std::uint64_t events = settings.events;
  Settings fresh = settings;
  // Entities that no run before this one has used.
  fresh.entity_prefix += "cold" + std::to_string(std::chrono::system_clock::now().time_since_epoch().count()) + "n";
  auto connections = Connections::open(settings.address, 1, settings.timeout);
  if (!connections) return std::unexpected(connections.error());
  Measurement measurement(fresh, **connections);
  ColdStart out{.events = events, .replay_seconds = {}, .warm_seconds = {}};
  for (std::uint64_t entity = 0; entity < settings.streams; ++entity) {
    if (auto filled = measurement.fill(entity, events); !filled) return std::unexpected(filled.error());
  }
  for (std::uint64_t entity = 0; entity < settings.streams; ++entity) {
    if (auto cold = measurement.check_cold(entity, events); !cold) return std::unexpected(cold.error());
    auto replay = measurement.execute(entity, events + 1);
    if (!replay) return std::unexpected(replay.error());
    auto warm = measurement.execute(entity, events + 2);
    if (!warm) return std::unexpected(warm.error());
    out.replay_seconds.push_back(*replay);
    out.warm_seconds.push_back(*warm);
  }
  return out;
}

}  // namespace thalo::load
