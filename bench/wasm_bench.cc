// What a call into a guest costs. Prints one line per measurement; run on a quiet machine, in the release build.
//
//   wasm_bench [COMPONENT.wasm COMMAND]    a component of a counter and its command; the test guest when none is given
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

#include "env/files.h"
#include "guests/guests.h"
#include "wasm/wasmtime_engine.h"

namespace thalo {
namespace {

double now(clockid_t clock) {
  timespec time{};
  ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Runs `work` often enough to take half a second and prints what one run costs this thread, by the clock, and all
// threads together (a compilation has several), divided by `per_run`.
void measure(const char* what, const std::function<void()>& work, double per_run = 1) {
  work();
  for (std::size_t runs = 1;; runs *= 2) {
    const double wall = now(CLOCK_MONOTONIC);
    const double cpu = now(CLOCK_THREAD_CPUTIME_ID);
    const double process = now(CLOCK_PROCESS_CPUTIME_ID);
    for (std::size_t i = 0; i < runs; ++i) work();
    const double cpu_seconds = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
    const double process_seconds = now(CLOCK_PROCESS_CPUTIME_ID) - process;
    const double wall_seconds = now(CLOCK_MONOTONIC) - wall;
    if (wall_seconds < 0.5) continue;
    const double scale = 1e6 / static_cast<double>(runs) / per_run;
    std::printf("%-50s %10.2f us CPU %10.2f us wall %10.2f us process\n", what, cpu_seconds * scale,
                wall_seconds * scale, process_seconds * scale);
    return;
  }
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t size = 0;
  std::size_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

std::string payload_of(std::size_t size_bytes) {
  std::string text = R"({"amount":10,"note":")";
  text.resize(size_bytes - 2, 'x');
  return text + "\"}";
}

void calls(const wasm::Module& module, const std::string& name) {
  auto instance = module.instantiate({}).value();
  const auto stream = model::StreamName::make("counter", "a").value();
  const auto entity = instance->create(stream).value();
  const std::string payload = payload_of(100);
  const model::Command command{stream, name, payload, "", "", "", ""};
  measure("handle, 100-byte payload, one event", [&] {
    if (!instance->handle(entity, command, 1)) std::abort();
  });
  model::EventView event;
  event.type = "Incremented";
  event.data = payload;
  for (const std::size_t batch : {1, 10, 100, 1000}) {
    const std::vector<model::EventView> events(batch, event);
    const std::string what = "apply of " + std::to_string(batch) + ", per event";
    measure(
        what.c_str(),
        [&] {
          if (!instance->apply(entity, events)) std::abort();
        },
        static_cast<double>(batch));
  }
  if (module.snapshot_format()) {
    measure("snapshot", [&] {
      if (!instance->snapshot(entity)) std::abort();
    });
  }
}

void lifetimes(const wasm::Module& module, const std::string& name) {
  const auto stream = model::StreamName::make("counter", "a").value();
  auto instance = module.instantiate({}).value();
  measure("create and drop an entity", [&] {
    if (instance->worn_out()) instance = module.instantiate({}).value();
    instance->drop(instance->create(stream).value());
  });
  measure("instantiate and destroy", [&] { module.instantiate({}).value(); });
  measure("instantiate, create, handle once, destroy", [&] {
    auto fresh = module.instantiate({}).value();
    const auto entity = fresh->create(stream).value();
    if (!fresh->handle(entity, {stream, name, R"({"amount":1})", "", "", "", ""}, 0)) std::abort();
  });
}

void loading(const std::string& component) {
  measure("start and stop an engine", [] { wasm::make_wasmtime_engine({}).value(); });
  const auto engine = wasm::make_wasmtime_engine({}).value();
  measure("load without a cache (compile)", [&] { engine->load("counter", component).value(); });
  const auto folder = env::make_temporary_folder("thalo-bench-").value();
  const auto cached = wasm::make_wasmtime_engine({.cache_folder = folder / "cache"}).value();
  measure("load from the cache", [&] { cached->load("counter", component).value(); });
  std::filesystem::remove_all(folder);
}

void memory(const wasm::Module& module) {
  // Ten thousand instances of a heavy guest are more than a machine has.
  constexpr std::size_t bytes_max = std::size_t{1} << 30;
  const std::size_t instances_max = bytes_max / (module.instantiate({}).value()->memory_bytes() + 1) + 1;
  for (const std::size_t per_instance : {1, 100, 1000}) {
    const std::size_t entities = std::min(std::size_t{10'000}, instances_max * per_instance);
    const std::size_t before = resident_bytes();
    wasm::Limits limits;
    limits.entities_per_instance = per_instance;
    std::vector<std::unique_ptr<wasm::Instance>> instances;
    std::size_t guest_bytes = 0;
    for (std::size_t i = 0; i < entities; ++i) {
      if (i % per_instance == 0) instances.push_back(module.instantiate(limits).value());
      const auto stream = model::StreamName::make("counter", std::to_string(i)).value();
      const auto entity = instances.back()->create(stream).value();
      model::EventView event;
      event.type = "Incremented";
      event.data = R"({"amount":1})";
      if (!instances.back()->apply(entity, {&event, 1})) std::abort();
    }
    for (const auto& instance : instances) guest_bytes += instance->memory_bytes();
    std::printf(
        "memory of %zu counters, %4zu an instance: resident %7.0f bytes each (%zu instances, %zu KiB of linear memory "
        "each)\n",
        entities, per_instance, static_cast<double>(resident_bytes() - before) / static_cast<double>(entities),
        instances.size(), guest_bytes / instances.size() / 1024);
  }
}

void run(const std::string& component, const std::string& name) {
  auto engine = wasm::make_wasmtime_engine({}).value();
  const auto module = engine->load("counter", component).value();
  std::printf("component of %zu bytes\n", component.size());
  calls(*module, name);
  lifetimes(*module, name);
  loading(component);
  memory(*module);
}

}  // namespace
}  // namespace thalo

int main(int argc, char** argv) {
  if (argc != 1 && argc != 3) {
    std::fprintf(stderr, "usage: wasm_bench [COMPONENT.wasm COMMAND]\n");
    return 2;
  }
  thalo::run(argc == 3 ? thalo::env::read_file(argv[1]).value() : thalo::guests::counter(),
             argc == 3 ? argv[2] : "increment");
}
