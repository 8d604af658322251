#include "guests/conformance/costs.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "guests/conformance/guest.h"

namespace thalo::conformance {
namespace {

constexpr int rounds = 5;

double thread_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Microseconds of this thread's processor time for one call; the best of some rounds, as a busy machine only adds.
template <typename Call>
double microseconds(int calls, Call call) {
  double best = 1e9;
  for (int round = 0; round < rounds; ++round) {
    const double start = thread_seconds();
    for (int i = 0; i < calls; ++i) {
      if (!call()) throw std::runtime_error("a call that is measured fails");
    }
    best = std::min(best, (thread_seconds() - start) / calls);
  }
  return best * 1e6;
}

}  // namespace

std::string costs_of(const std::string& language, const wasm::Module& counter) {
  const auto stream = *model::StreamName::make("counter", "1");
  const double start = microseconds(20, [&] {
    const auto instance = counter.instantiate(limits());
    return instance && (*instance)->create(stream);
  });
  const auto instance = counter.instantiate(limits());
  if (!instance) throw std::runtime_error(instance.error().message);
  const auto entity = (*instance)->create(stream);
  if (!entity) throw std::runtime_error(entity.error().message);
  // As large as the payloads in docs/benchmarks.md.
  const std::string payload = R"({"amount":1,"note":")" + std::string(79, 'x') + "\"}";
  const model::Command command{stream, "Increment", payload, "", "", "", ""};
  const double handle = microseconds(2000, [&] { return (*instance)->handle(*entity, command, 0).has_value(); });
  model::EventView event;
  event.type = "Incremented";
  event.data = payload;
  const double apply =
      microseconds(2000, [&] { return (*instance)->apply(*entity, std::span(&event, 1)).has_value(); });
  const std::vector<model::EventView> hundred(100, event);
  const double each = microseconds(100, [&] { return (*instance)->apply(*entity, hundred).has_value(); }) / 100;
  return fmt::format("| {} | {} KB | {:.0f} µs | {} KB | {:.1f} µs | {:.1f} µs | {:.2f} µs |", language,
                     counter.size_bytes() / 1024, start, (*instance)->memory_bytes() / 1024, handle, apply, each);
}

}  // namespace thalo::conformance
