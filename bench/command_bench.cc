// Measures the command path in process, without the network: router, shards, the real guest, the RocksDB store, every
// answered command synced. Says what each thread costs.
//
//   command_bench COUNTER.wasm [FOLDER] [SECONDS] [load | memory | cold]
//
// It writes below FOLDER (a new folder for temporary files by default) and removes what it wrote.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "command/catalog.h"
#include "command/router.h"
#include "env/files.h"
#include "store/append_and_wait.h"
#include "store/rocksdb_store.h"
#include "wasm/wasmtime_engine.h"

namespace thalo {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

template <class T>
T value_or_exit(base::Result<T> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "command_bench: %s\n", result.error().message.c_str());
  std::exit(1);
}

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t size = 0;
  std::size_t resident = 0;
  file >> size >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

double mebibytes(std::size_t bytes) { return static_cast<double>(bytes) / (1 << 20); }

double cpu_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// The processor time of every thread alive, in seconds, by the thread's name.
std::map<std::string, double> thread_times() {
  std::map<std::string, double> out;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::string name;
    std::getline(std::ifstream(task.path() / "comm"), name);
    double nanoseconds = 0;
    std::ifstream(task.path() / "schedstat") >> nanoseconds;
    out[name] += nanoseconds * 1e-9;
  }
  return out;
}

// Lets at most so many commands be under way; told of answers in runs, as a transport is.
class Window final : public command::AnswerRuns {
 public:
  explicit Window(std::size_t commands) : commands_(commands), free_(commands) {}

  void begin() override { in_run = true; }
  void end() override {
    in_run = false;
    give_back();
  }
  void answered() {
    ++answers;
    if (!in_run) give_back();
  }
  // Waits for room and takes all there is, at most `wanted`.
  std::size_t take(std::size_t wanted = SIZE_MAX) {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [this] { return free_ > 0; });
    const std::size_t taken = std::min(wanted, free_);
    free_ -= taken;
    return taken;
  }
  void wait_for_all() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [&] { return free_ == commands_; });
  }

 private:
  void give_back() {
    const std::lock_guard lock(mutex_);
    free_ += std::exchange(answers, 0);
    freed_.notify_one();
  }

  static thread_local bool in_run;
  static thread_local std::size_t answers;
  const std::size_t commands_;
  std::mutex mutex_;
  std::condition_variable freed_;
  std::size_t free_;
};
thread_local bool Window::in_run = false;
thread_local std::size_t Window::answers = 0;

class BenchCaller final : public command::Caller {
 public:
  explicit BenchCaller(Window& window) : window_(window) {}
  bool gone() const override { return false; }
  void answer(base::Result<command::ExecuteOutcome> outcome) override {
    if (!outcome || !std::holds_alternative<model::Accepted>(*outcome)) {
      std::fprintf(stderr, "command_bench: %s\n", outcome ? "rejected" : outcome.error().message.c_str());
      std::exit(1);
    }
    window_.answered();
  }

 private:
  Window& window_;
};

struct Load {
  const char* what;
  std::size_t entities;
  std::size_t outstanding;
};

class Bench {
 public:
  Bench(const std::filesystem::path& folder, const std::string& component)
      : store_(value_or_exit(store::open_rocksdb_store({.path = folder / "store"}))),
        engine_(value_or_exit(wasm::make_wasmtime_engine({}))) {
    catalog_.publish("counter", value_or_exit(engine_->load("counter", component)));
  }
  ~Bench() { store_->close(); }

  void run(const Load& load, double seconds) {
    Window window(load.outstanding);
    command::Router router(options(load.entities), *store_, catalog_, clock_, &window);
    std::mt19937_64 random(1);
    const auto drive = [&](double for_seconds) {
      std::uint64_t sent = 0;
      for (const auto start = Clock::now(); seconds_since(start) < for_seconds;) {
        const std::size_t room = window.take();
        for (std::size_t i = 0; i < room; ++i) send(router, random() % load.entities, window);
        sent += room;
      }
      window.wait_for_all();
      return sent;
    };
    drive(0.5);  // until the entities are in memory
    const auto before = thread_times();
    const auto start = Clock::now();
    const auto commands = static_cast<double>(drive(seconds));
    const double wall = seconds_since(start);
    show(load, commands, wall, before, thread_times());
    router.stop();
  }

  // What entities in memory take, all of them used once.
  void memory(std::size_t entities) {
    Window window(256);
    command::Router router(options(entities), *store_, catalog_, clock_, &window);
    std::printf("resident: %.1f MiB before the first command\n", mebibytes(resident_bytes()));
    for (std::size_t sent = 0; sent < entities;) {
      for (std::size_t room = std::min(window.take(entities - sent), entities - sent); room > 0; --room)
        send(router, sent++, window);
    }
    window.wait_for_all();
    std::printf("resident: %.1f MiB with %zu entities in memory\n", mebibytes(resident_bytes()),
                router.cached_entities());
    router.stop();
  }

  // An entity that must be rebuilt from a long stream.
  void cold(std::uint64_t events) {
    constexpr std::size_t together = 1000;
    for (std::uint64_t written = 0; written < events; written += together) {
      store::Append append{.stream = "counter-cold", .time_ms = 1'700'000'000'000};
      append.events.assign(together, {"Incremented", R"({"amount":1})", ""});
      value_or_exit(store::append_and_wait(*store_, std::move(append)));
    }
    for (int round = 0; round < 5; ++round) {
      Window window(1);
      command::Router router(options(1), *store_, catalog_, clock_, &window);
      const double cpu = cpu_seconds();
      const auto start = Clock::now();
      window.take(1);
      send(router, "cold", window);
      window.wait_for_all();
      const auto count = static_cast<double>(events);
      std::printf("an entity of %llu events: %.0f events/s, %.2f us CPU an event\n",
                  static_cast<unsigned long long>(events), count / seconds_since(start),
                  (cpu_seconds() - cpu) / count * 1e6);
      router.stop();
    }
  }

 private:
  static command::RouterOptions options(std::size_t entities) {
    command::RouterOptions out;
    out.shards = 2;
    out.cached_entities_max = std::max<std::size_t>(10'000, 2 * entities);
    return out;
  }

  static void send(command::Router& router, std::uint64_t entity, Window& window) {
    send(router, std::to_string(entity), window);
  }
  static void send(command::Router& router, std::string entity, Window& window) {
    command::ExecuteRequest request;
    request.category = "counter";
    request.id = std::move(entity);
    request.command = "Increment";
    request.payload = R"({"amount":1})";
    router.execute(std::move(request), std::make_unique<BenchCaller>(window));
  }

  static void show(const Load& load, double commands, double wall, const std::map<std::string, double>& before,
                   const std::map<std::string, double>& after) {
    std::string threads;
    double total = 0;
    for (const auto& [name, time] : after) {
      const auto earlier = before.find(name);
      const double used = (time - (earlier == before.end() ? 0 : earlier->second)) / commands * 1e6;
      total += used;
      if (used < 0.01) continue;
      char text[64];
      std::snprintf(text, sizeof text, "  %s %.2f", name.c_str(), used);
      threads += text;
    }
    std::printf("%-34s %8.0f commands/s  %5.2f us CPU:%s\n", load.what, commands / wall, total, threads.c_str());
    std::fflush(stdout);
  }

  const env::SystemClock clock_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<wasm::Engine> engine_;
  command::Catalog catalog_;
};

}  // namespace
}  // namespace thalo

int main(int argc, char** argv) {
  using namespace thalo;
  if (argc < 2) {
    std::fprintf(stderr, "usage: command_bench COUNTER.wasm [FOLDER] [SECONDS] [load | memory | cold]\n");
    return 2;
  }
  const std::string component = value_or_exit(env::read_file(argv[1]));
  const std::filesystem::path parent = argc > 2 ? argv[2] : std::filesystem::temp_directory_path().string();
  const double seconds = argc > 3 ? std::atof(argv[3]) : 3;
  const std::string part = argc > 4 ? argv[4] : "all";
  const auto folder = parent / ("command-bench-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto run = [&](const char* name, const std::function<void(Bench&)>& work) {
    if (part == name || part == "all") {
      Bench bench(folder / name, component);
      work(bench);
    }
    std::filesystem::remove_all(folder / name);
  };
  run("memory", [](Bench& bench) { bench.memory(100'000); });
  run("cold", [](Bench& bench) { bench.cold(100'000); });
  run("load", [&](Bench& bench) {
    for (const Load& load : {Load{"256 callers, 1,000 entities", 1000, 256}, Load{"256 callers, one entity", 1, 256},
                             Load{"4,096 outstanding, 1,000 entities", 1000, 4096},
                             Load{"1,000 outstanding, one entity", 1, 1000}, Load{"1 caller", 1, 1}}) {
      bench.run(load, seconds);
    }
  });
  std::filesystem::remove_all(folder);
  return 0;
}
