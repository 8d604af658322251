// What a sink costs: delivers synthetic events to a server that is already there.
//
//   relay_bench redis redis://localhost:6379 1000000
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>

#include "relay/sinks.h"

namespace {

using thalo::model::EventView;

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

// Events of 1,000 counters with some 100 bytes of data.
std::vector<EventView> make_batch(std::size_t events) {
  static const std::string data = R"({"amount":1,"note":")" + std::string(80, 'x') + "\"}";
  static std::vector<std::string> streams;
  for (int i = static_cast<int>(streams.size()); i < 1000; ++i) streams.push_back("counter-" + std::to_string(i));
  std::vector<EventView> out;
  for (std::size_t i = 0; i < events; ++i)
    out.push_back({i, i / 1000, 1767225600000, streams[i % streams.size()], "Incremented", data, "{}"});
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::cerr << "usage: relay_bench KIND URL EVENTS [BATCH]\n";
    return 2;
  }
  thalo::relay::Settings settings;
  settings.name = "bench";
  settings.kind = argv[1];
  settings.url = argv[2];
  settings.batch_events_max = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : settings.batch_events_max;
  auto sink = thalo::relay::make_sink(settings, {});
  if (!sink) {
    std::cerr << sink.error().message << "\n";
    return 1;
  }
  auto batch = make_batch(settings.batch_events_max);
  const std::atomic<bool> cut{false};
  const auto events = std::strtoull(argv[3], nullptr, 10);
  const auto begin = std::chrono::steady_clock::now();
  const double cpu_begin = cpu_seconds();
  std::uint64_t done = 0;
  while (done < events) {
    const auto outcome = (*sink)->deliver(batch, {thalo::relay::Deadline::Clock::now() + settings.timeout, cut});
    if (outcome.failure) {
      std::cerr << outcome.failure->message << "\n";
      return 1;
    }
    done += outcome.confirmed;
    for (EventView& event : batch) event.global_position += batch.size();
  }
  const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  const double cpu = cpu_seconds() - cpu_begin;
  std::cout << done << " events, " << static_cast<std::uint64_t>(static_cast<double>(done) / wall) << " events/s, "
            << cpu / static_cast<double>(done) * 1e6 << " us CPU per event in this process\n";
}
