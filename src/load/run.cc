#include "load/run.h"

#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "base/prompt.h"
#include "load/connections.h"
#include "load/driver.h"
#include "load/in_process.h"
#include "load/network.h"
#include "load/requests.h"
#include "load/wire.h"

namespace thalo::load {

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::nanoseconds;

constexpr std::chrono::milliseconds progress_interval{200};
constexpr nanoseconds interval_min = std::chrono::milliseconds(100);
constexpr int intervals_max = 100;
constexpr unsigned head_response_head = 1;

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::size_t share(std::size_t whole, std::size_t parts, std::size_t index) {
  return whole / parts + (index < whole % parts ? 1 : 0);
}

base::Result<std::uint64_t> head_of(const Settings& settings) {
  auto answer = call_and_wait(settings.address, head_path, {}, settings.timeout);
  if (!answer) return std::unexpected(answer.error());
  FieldReader fields(*answer);
  while (fields.next()) {
    if (fields.number() == head_response_head) return fields.value();
  }
  return std::uint64_t{0};
}

// What is measured: the transports of the threads and the store behind them.
class Target {
 public:
  static base::Result<Target> open(const Settings& settings) {
    Target out;
    if (settings.in_process) {
      auto opened = InProcess::open(settings);
      if (!opened) return std::unexpected(opened.error());
      out.in_process_ = *std::move(opened);
    }
    return out;
  }

  base::Result<std::unique_ptr<Transport>> transport(const Settings& settings, std::size_t index) {
    const std::size_t callers = share(settings.callers, settings.threads, index);
    const std::uint64_t seed = settings.seed + index * 1000;
    if (in_process_ != nullptr) return in_process_->transport(callers, seed);
    auto connections =
        Connections::open(settings.address, share(settings.connections, settings.threads, index), settings.timeout);
    if (!connections) return std::unexpected(connections.error());
    return make_network_transport(settings, callers, *std::move(connections), seed);
  }

  base::Result<std::optional<std::uint64_t>> events(const Settings& settings) {
    if (in_process_ != nullptr) return in_process_->head();
    if (settings.workload == Workload::empty) return std::nullopt;
    auto head = head_of(settings);
    if (!head) return std::unexpected(head.error());
    return *head;
  }

 private:
  std::unique_ptr<InProcess> in_process_;
};

Window window_of(const Settings& settings, TimePoint begin) {
  const nanoseconds interval =
      std::max(interval_min, (settings.duration + nanoseconds(intervals_max - 1)) / intervals_max);
  return {begin + settings.warm_up, begin + settings.warm_up + settings.duration, interval};
}

// Tells of progress until the window has ended, or the caller wants no more.
void watch(const std::vector<std::unique_ptr<Driver>>& drivers, TimePoint begin, const Window& window,
           const ProgressCallback& progress) {
  while (true) {
    const TimePoint now = Clock::now();
    const auto ended = [](const auto& driver) { return driver->ended(); };
    if (now >= window.end || std::ranges::all_of(drivers, ended)) return;
    std::this_thread::sleep_for(std::min<nanoseconds>(progress_interval, window.end - now));
    Progress state;
    for (const auto& driver : drivers) state.done += driver->recorder().progress();
    state.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
    state.seconds_total = std::chrono::duration<double>(window.end - begin).count();
    state.warming_up = Clock::now() < window.begin;
    if (progress && !progress(state)) {
      for (const auto& driver : drivers) driver->stop();
      return;
    }
  }
}

}  // namespace

std::string Run::fault() const {
  const Counts& total = recorder.total();
  if (total[Outcome::wrong] > 0) return std::to_string(total[Outcome::wrong]) + " answers were wrong";
  const bool counted = events_before && events_after;
  const std::uint64_t stored = counted ? *events_after - *events_before : total.events;
  if (stored < total.events) {
    return "the store has " + std::to_string(stored) + " new events, but " + std::to_string(total.events) +
           " were acknowledged";
  }
  if (const std::uint64_t undone = total[Outcome::failed] + total[Outcome::unknown]; undone > 0)
    return std::to_string(undone) + " operations failed or had no answer";
  if (total[Outcome::refused] > 0 && total[Outcome::refused] == total.operations())
    return "every operation was refused";
  if (!store_error.empty()) return "what the store has now is unknown: " + store_error;
  if (stored > total.events) {
    return "the store has " + std::to_string(stored) + " new events, but only " + std::to_string(total.events) +
           " were acknowledged; does somebody else write to it?";
  }
  return {};
}

base::Result<std::unique_ptr<Run>> run(const Settings& wanted, const ProgressCallback& progress) {
  if (auto checked = check(wanted); !checked) return std::unexpected(checked.error());
  Settings settings = wanted;
  auto target = Target::open(settings);
  if (!target) return std::unexpected(target.error());
  auto before = target->events(settings);
  if (!before) return std::unexpected(before.error());
  settings.head = before->value_or(0);
  if (settings.workload == Workload::project && settings.head == 0)
    return base::fail(base::Code::failed_precondition, "the store has no events to project; write some first");
  const auto started = std::chrono::system_clock::now().time_since_epoch();
  settings.projection_prefix = "bench-" + std::to_string(started / std::chrono::microseconds(1)) + "-";
  std::vector<std::unique_ptr<Transport>> transports;
  for (std::size_t index = 0; index < settings.threads; ++index) {
    auto transport = target->transport(settings, index);
    if (!transport) return std::unexpected(transport.error());
    transports.push_back(*std::move(transport));
  }
  const double cpu = cpu_seconds();
  const TimePoint begin = Clock::now();
  const Window window = window_of(settings, begin);
  std::vector<std::unique_ptr<Driver>> drivers;
  for (std::size_t index = 0; index < settings.threads; ++index) {
    Pace pace{.rate = settings.rate / static_cast<double>(settings.threads),
              .begin = begin,
              .drain_timeout = settings.timeout};
    if (settings.operations > 0) pace.operations_max = share(settings.operations, settings.threads, index);
    drivers.push_back(std::make_unique<Driver>(window, pace));
  }
  std::vector<std::thread> threads;
  threads.reserve(settings.threads);
  for (std::size_t index = 0; index < settings.threads; ++index) {
    threads.emplace_back([&, index] {
      base::run_promptly();  // what comes late is not sent when it is due
      drivers[index]->run(*transports[index]);
    });
  }
  watch(drivers, begin, window, progress);
  for (std::thread& thread : threads) thread.join();

  auto out = std::make_unique<Run>(window);
  out->cpu_seconds = cpu_seconds() - cpu;
  out->seconds = std::chrono::duration<double>(drivers.front()->measured_until() - window.begin).count();
  out->seconds = std::max(out->seconds, 0.0);
  for (const auto& driver : drivers) {
    out->recorder.add(driver->recorder());
    out->never_begun += driver->never_begun();
  }
  for (const auto& transport : transports) transport->clean_up();
  transports.clear();
  out->events_before = *before;
  // What was measured before the server went away counts.
  if (auto after = target->events(settings)) {
    out->events_after = *after;
  } else {
    out->store_error = after.error().message;
  }
  return out;
}

}  // namespace thalo::load
