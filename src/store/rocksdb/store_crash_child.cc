// The process that store_crash_test kills: store_crash_child FOLDER SEED. Appends from several threads as fast as it
// can and says on standard output what it was told, one line per acknowledged command or cursor, until it is killed.
#include <unistd.h>

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "store/rocksdb_store.h"

namespace {

using thalo::store::AppendOutcome;

// One write per line: a killed process leaves no half line that could be taken for a whole one.
void say(const std::string& line) {
  if (::write(STDOUT_FILENO, line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::exit(1);
}

// Says what was acknowledged, and keeps its thread from running far ahead.
class SayingSink final : public thalo::store::AppendSink {
 public:
  void on_appended(std::span<AppendOutcome> outcomes) override {
    std::string lines;
    for (const AppendOutcome& outcome : outcomes) {
      if (outcome.result) {
        lines += "ack " + std::to_string(outcome.tag) + " " + std::to_string(outcome.result->first_global_position) +
                 " " + std::to_string(outcome.result->first_position) + " " + std::to_string(outcome.result->count) +
                 "\n";
      } else if (outcome.result.error().code != thalo::base::Code::aborted) {
        std::fprintf(stderr, "store_crash_child: %s\n", outcome.result.error().message.c_str());
        std::exit(1);
      }
    }
    say(lines);
    const std::lock_guard lock(mutex_);
    under_way_ -= outcomes.size();
    done_.notify_one();
  }
  void wait_for_room() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return under_way_ < 20; });
    ++under_way_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable done_;
  std::size_t under_way_ = 0;
};

void append_forever(thalo::store::Store& store, SayingSink& sink, unsigned seed, std::uint64_t first_tag) {
  std::mt19937 random(seed);
  for (std::uint64_t tag = first_tag;; ++tag) {
    thalo::store::Append append{.stream = "crash-" + std::to_string(random() % 30), .tag = tag};
    // Some expect a version that they read a moment ago: right or wrong, depending on the other threads.
    if (random() % 4 == 0)
      append.expected = thalo::model::ExpectedVersion::exact(store.stream_version(append.stream).value());
    const std::size_t count = 1 + random() % 5;
    for (std::size_t index = 0; index < count; ++index) {
      const std::string data = std::to_string(tag) + " " + std::to_string(index) + " " + std::to_string(count) + " ";
      append.events.push_back({"Happened", data + std::string(random() % 200, 'x'), ""});
    }
    sink.wait_for_room();
    if (const auto queued = store.append(append, sink); !queued) {
      std::fprintf(stderr, "store_crash_child: %s\n", queued.error().message.c_str());
      std::exit(1);
    }
    if (random() % 20 == 0) {
      const auto saved = store.save_snapshot(
          append.stream, {.version = 1, .module_digest = "d", .format = "", .data = std::string(500, 's')});
      if (!saved) std::exit(1);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const auto seed = static_cast<unsigned>(std::strtoul(argv[2], nullptr, 10));
  thalo::store::RocksdbOptions options{.path = argv[1]};
  options.stretch_events = 100;
  options.events_buffer_bytes = std::size_t{256} << 10;
  options.index_buffer_bytes = std::size_t{64} << 10;
  const auto store = thalo::store::open_rocksdb_store(options);
  if (!store) {
    std::fprintf(stderr, "store_crash_child: %s\n", store.error().message.c_str());
    return 1;
  }
  std::array<SayingSink, 3> sinks;
  std::vector<std::thread> threads;
  for (unsigned thread = 0; thread < sinks.size(); ++thread) {
    // Tags differ between threads and between runs.
    const std::uint64_t first_tag = (std::uint64_t{seed} << 32) + (std::uint64_t{thread} << 28);
    threads.emplace_back([&, thread, first_tag] { append_forever(**store, sinks[thread], seed + thread, first_tag); });
  }
  for (std::uint64_t next = (std::uint64_t{seed} << 32);; ++next) {
    if (!(*store)->save_cursor("cursor", {.next = next, .data = "d"})) return 1;
    say("cursor " + std::to_string(next) + "\n");
  }
}
