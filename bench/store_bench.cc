// Measures the RocksDB store: store_bench [FOLDER] [EVENTS]. It writes below FOLDER (a new folder for temporary files
// by default), prints one line per figure, and removes what it wrote.
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "env/files.h"
#include "store/append_and_wait.h"
#include "store/rocksdb_store.h"

namespace {

using thalo::model::EventView;
using thalo::store::Append;
using thalo::store::AppendOutcome;
using thalo::store::Store;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

template <class T>
T value_or_exit(thalo::base::Result<T> result) {
  if (result) return *std::move(result);
  std::fprintf(stderr, "store_bench: %s\n", result.error().message.c_str());
  std::exit(1);
}

std::unique_ptr<Store> open_store(const std::filesystem::path& path) {
  return value_or_exit(thalo::store::open_rocksdb_store({.path = path}));
}

// Lets at most `window` appends be under way.
class Window final : public thalo::store::AppendSink {
 public:
  explicit Window(std::size_t window) : free_(window), window_(window) {}
  void on_appended(std::span<AppendOutcome> outcomes) override {
    for (const auto& outcome : outcomes) {
      if (outcome.result) continue;
      std::fprintf(stderr, "store_bench: %s\n", outcome.result.error().message.c_str());
      std::exit(1);
    }
    const std::lock_guard lock(mutex_);
    free_ += outcomes.size();
    freed_.notify_one();
  }
  // Waits for room and takes all there is, at most `wanted`.
  std::size_t take(std::size_t wanted) {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [this] { return free_ > 0; });
    const std::size_t taken = std::min(wanted, free_);
    free_ -= taken;
    return taken;
  }
  void wait_for_all() {
    std::unique_lock lock(mutex_);
    freed_.wait(lock, [this] { return free_ == window_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable freed_;
  std::size_t free_;
  const std::size_t window_;
};

constexpr std::size_t data_bytes = 200;

Append make_append(const std::string& stream, std::size_t events = 1) {
  static const std::string data = "{\"text\":\"" + std::string(data_bytes - 11, 'x') + "\"}";
  Append append{.stream = stream, .time_ms = 1'700'000'000'000};
  append.events.assign(events, {"Incremented", data, ""});
  return append;
}

// Appends `events` one by one to random ones of `streams` streams, `window` at a time.
void bench_append(const std::filesystem::path& folder, std::uint64_t events, std::uint64_t streams,
                  std::size_t window) {
  const auto path = folder / "append";
  {
    auto store = open_store(path);
    Window under_way(window);
    std::mt19937_64 random(1);
    const double cpu = cpu_seconds();
    const auto start = Clock::now();
    for (std::uint64_t sent = 0; sent < events;) {
      const std::size_t room = under_way.take(events - sent);
      for (std::size_t index = 0; index < room; ++index) {
        const auto queued = store->append(make_append("counter-" + std::to_string(random() % streams)), under_way);
        if (!queued) std::exit(1);
      }
      sent += room;
    }
    under_way.wait_for_all();
    const double wall = seconds_since(start);
    const double used = cpu_seconds() - cpu;
    const auto n = static_cast<double>(events);
    std::printf("append   %8llu streams, %5zu at a time: %8.0f events/s, %5.2f us wall, %5.2f us CPU per event\n",
                static_cast<unsigned long long>(streams), window, n / wall, wall / n * 1e6, used / n * 1e6);
    std::fflush(stdout);
  }
  const double cpu = cpu_seconds();
  const auto start = Clock::now();
  auto store = open_store(path);
  std::printf("reopen   after that (%llu events): %.3f s, %.3f s CPU\n", static_cast<unsigned long long>(store->head()),
              seconds_since(start), cpu_seconds() - cpu);
  if (streams > 1000) {
    constexpr int lookups = 20'000;
    std::mt19937_64 random(2);
    const auto begin = Clock::now();
    for (int index = 0; index < lookups; ++index)
      value_or_exit(store->stream_version("counter-" + std::to_string(random() % streams)));
    std::printf("version  of a random stream: %.2f us\n", seconds_since(begin) / lookups * 1e6);
    const auto begin_unknown = Clock::now();
    for (int index = 0; index < lookups; ++index)
      value_or_exit(store->stream_version("counter-x" + std::to_string(random())));
    std::printf("version  of an unknown stream: %.2f us\n", seconds_since(begin_unknown) / lookups * 1e6);
  }
  store.reset();
  std::filesystem::remove_all(path);
}

void print_latencies(const char* name, std::vector<double> microseconds) {
  std::sort(microseconds.begin(), microseconds.end());
  const auto at = [&](double share) {
    return microseconds[static_cast<std::size_t>(share * static_cast<double>(microseconds.size() - 1))];
  };
  std::printf("latency  %-28s p50 %6.0f us, p90 %6.0f us, p99 %6.0f us\n", name, at(0.5), at(0.9), at(0.99));
}

void bench_latency(const std::filesystem::path& folder) {
  constexpr int rounds = 3000;
  std::vector<double> raw;
  {
    const auto path = folder / "raw";
    const int file = ::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    if (file < 0) std::exit(1);
    const std::array<char, 4096> block{};
    for (int index = 0; index < rounds; ++index) {
      const auto start = Clock::now();
      if (::write(file, block.data(), block.size()) < 0 || ::fdatasync(file) != 0) std::exit(1);
      raw.push_back(seconds_since(start) * 1e6);
    }
    ::close(file);
    std::filesystem::remove(path);
  }
  print_latencies("write + fdatasync of 4 KiB", raw);
  const auto path = folder / "latency";
  auto store = open_store(path);
  std::vector<double> lone;
  for (int index = 0; index < rounds; ++index) {
    Append append = make_append("counter-" + std::to_string(index % 100));
    const auto start = Clock::now();
    value_or_exit(append_and_wait(*store, std::move(append)));
    lone.push_back(seconds_since(start) * 1e6);
  }
  print_latencies("lone append", lone);
  store.reset();
  std::filesystem::remove_all(path);
}

template <class Read>
void print_read(const char* name, Read&& read) {
  const double cpu = cpu_seconds();
  const auto start = Clock::now();
  const auto count = static_cast<double>(read());
  const double wall = seconds_since(start);
  std::printf("read     %-42s %9.0f events/s, %5.2f us CPU per event\n", name, count / wall,
              (cpu_seconds() - cpu) / count * 1e6);
}

// One stream of 100,000 events that stand together, one of as many strewn over `events` others, one that has one of a
// thousand events, and everything.
void bench_read(const std::filesystem::path& folder, std::uint64_t events) {
  const auto path = folder / "read";
  auto store = open_store(path);
  Window under_way(1024);
  constexpr std::uint64_t long_stream = 100'000;
  const auto send = [&](const std::string& stream) {
    under_way.take(1);
    if (!store->append(make_append(stream), under_way)) std::exit(1);
  };
  for (std::uint64_t index = 0; index < long_stream; ++index) send("dense-1");
  for (std::uint64_t index = 0; index < events; ++index) {
    if (index % (events / long_stream) == 0) send("sparse-1");
    if (index % 1000 == 0) send("rare-1");
    send("other-" + std::to_string(index % 5000));
  }
  under_way.wait_for_all();
  std::uint64_t bytes = 0;
  const auto sum = [&](const EventView& event) {
    bytes += event.data.size();
    return true;
  };
  const auto stream = [&](const char* name, thalo::store::Direction direction) {
    const auto from = direction == thalo::store::Direction::forwards ? 0 : thalo::store::newest;
    return value_or_exit(store->read_stream({.stream = name, .from = from, .direction = direction}, sum));
  };
  const auto read_everything = [&] {
    using enum thalo::store::Direction;
    print_read("100,000 events of a dense stream", [&] { return stream("dense-1", forwards); });
    print_read("100,000 events of a dense stream, backwards", [&] { return stream("dense-1", backwards); });
    print_read("100,000 events of a sparse stream", [&] { return stream("sparse-1", forwards); });
    print_read("100,000 events of a sparse stream, backwards", [&] { return stream("sparse-1", backwards); });
    print_read("streams of some hundred events", [&] {
      std::uint64_t count = 0;
      for (int index = 0; index < 500; ++index)
        count += value_or_exit(store->read_stream({.stream = "other-" + std::to_string(index)}, sum));
      return count;
    });
    print_read("everything", [&] { return value_or_exit(store->read_all({}, sum)).shown; });
    const thalo::store::Filter filter{.categories = {"sparse"}};
    print_read("everything, one category shown", [&] {
      const auto result = value_or_exit(store->read_all({.filter = &filter}, sum));
      return result.shown + result.skipped;
    });
    // The same events, found in two ways.
    const thalo::store::Filter rare{.categories = {"rare"}};
    print_read("one of a thousand, through the index", [&] { return stream("rare-1", forwards); });
    print_read("one of a thousand, by scanning everything",
               [&] { return value_or_exit(store->read_all({.filter = &rare}, sum)).shown; });
  };
  read_everything();
  store.reset();
  store = open_store(path);
  std::printf("read     again, after reopening:\n");
  read_everything();
  store.reset();
  std::filesystem::remove_all(path);
}

}  // namespace

int main(int argc, char** argv) {
  const bool temporary = argc < 2;
  const std::filesystem::path folder =
      temporary ? value_or_exit(thalo::env::make_temporary_folder("thalo-bench-")) : std::filesystem::path(argv[1]);
  const std::uint64_t events = argc < 3 ? 2'000'000 : std::strtoull(argv[2], nullptr, 10);
  const std::string part = argc < 4 ? "all" : argv[3];
  if (events < 200'000 || argc == 5 || argc > 6) {
    std::fprintf(
        stderr,
        "usage: store_bench [FOLDER] [EVENTS] [latency | append [STREAMS WINDOW] | read], at least 200000 events\n");
    return 2;
  }
  if (part == "all" || part == "latency") bench_latency(folder);
  if (argc == 6) {
    bench_append(folder, events, std::strtoull(argv[4], nullptr, 10), std::strtoull(argv[5], nullptr, 10));
  } else if (part == "all" || part == "append") {
    for (const std::uint64_t streams : {10'000, 1'000'000}) {
      for (const std::size_t window : {256, 4096}) bench_append(folder, events, streams, window);
    }
  }
  if (part == "all" || part == "read") bench_read(folder, events);
  if (temporary) std::filesystem::remove_all(folder);
  return 0;
}
