// Kills the real process at random moments and looks at what it left.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstring>
#include <map>
#include <random>
#include <sstream>
#include <string>
#include <thread>

#include "env/files.h"
#include "store/rocksdb_store.h"
#include "store/store_suite.h"

namespace thalo::store {
namespace {

struct Acknowledged {
  std::uint64_t global_position = 0;
  std::uint64_t position = 0;
  std::uint64_t count = 0;
};

// What the child said.
struct Told {
  std::map<std::uint64_t, Acknowledged> commands;  // by tag
  std::optional<std::uint64_t> cursor;
};

class Child {
 public:
  Child(const std::filesystem::path& folder, unsigned seed) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) std::abort();
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    std::string program = THALO_STORE_CRASH_CHILD;
    std::string path = folder.string();
    std::string seed_text = std::to_string(seed);
    char* arguments[] = {program.data(), path.data(), seed_text.data(), nullptr};
    if (::posix_spawn(&process_, program.c_str(), &actions, nullptr, arguments, environ) != 0) std::abort();
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    output_ = ends[0];
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { ::close(output_); }

  // Reads until the child has said at least so many bytes more; false when it ended.
  bool read(std::size_t bytes) {
    const std::size_t goal = said_.size() + bytes;
    char buffer[4096];
    while (said_.size() < goal) {
      const ssize_t count = ::read(output_, buffer, sizeof buffer);
      if (count <= 0) return false;
      said_.append(buffer, static_cast<std::size_t>(count));
    }
    return true;
  }
  // Returns the wait status.
  int kill_and_drain() {
    ::kill(process_, SIGKILL);
    while (read(1)) {
    }
    int status = 0;
    ::waitpid(process_, &status, 0);
    return status;
  }
  void add_to(Told& told) const {
    std::istringstream lines(said_);
    for (std::string line; std::getline(lines, line);) {
      std::istringstream words(line);
      std::string word;
      std::uint64_t number = 0;
      Acknowledged ack;
      words >> word >> number;
      if (word == "cursor") {
        told.cursor = number;
      } else {
        words >> ack.global_position >> ack.position >> ack.count;
        EXPECT_TRUE(words) << line;
        told.commands[number] = ack;
      }
    }
  }

 private:
  pid_t process_ = 0;
  int output_ = -1;
  std::string said_;
};

// Every event of the store, checked against what was told: nothing missing, nothing in part, nothing out of place.
void check(Store& store, const Told& told) {
  expect_consistent(store);
  std::map<std::uint64_t, Acknowledged> found;
  std::uint64_t expected_index = 0;
  std::uint64_t expected_tag = 0;
  std::uint64_t count = 0;
  for (const model::Event& event : read_all(store)) {
    std::uint64_t tag = 0;
    std::uint64_t index = 0;
    std::istringstream words(event.data);
    if (expected_index == 0) {
      words >> expected_tag >> index >> count;
      ASSERT_EQ(index, 0u) << "a command's events begin with its first";
      ASSERT_TRUE(found.emplace(expected_tag, Acknowledged{event.global_position, event.position, count}).second);
    } else {
      words >> tag >> index;
      ASSERT_EQ(tag, expected_tag) << "a command's events stand together";
      ASSERT_EQ(index, expected_index);
    }
    expected_index = expected_index + 1 == count ? 0 : expected_index + 1;
  }
  ASSERT_EQ(expected_index, 0u) << "the last command is whole";
  for (const auto& [tag, ack] : told.commands) {
    const auto stored = found.find(tag);
    ASSERT_NE(stored, found.end()) << "the acknowledged command " << tag << " is lost";
    ASSERT_EQ(stored->second.global_position, ack.global_position);
    ASSERT_EQ(stored->second.position, ack.position);
    ASSERT_EQ(stored->second.count, ack.count);
  }
  if (told.cursor) {
    const auto cursor = store.load_cursor("cursor").value();
    ASSERT_TRUE(cursor);
    EXPECT_GE(cursor->next, *told.cursor);
  }
}

TEST(StoreCrash, AKilledProcessLosesNothingItAcknowledgedAndLeavesNothingInPart) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::printf("seed %u\n", seed);
  std::mt19937 random(seed);
  const auto folder = env::make_temporary_folder("thalo-crash-").value();
  Told told;
  for (unsigned round = 1; round <= 40; ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    {
      Child child(folder, round);
      if (random() % 4 == 0) {
        // Somewhere while it starts: makes or recovers the store.
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 150'000));
      } else {
        ASSERT_TRUE(child.read(1 + random() % 60'000)) << "the child ended by itself";
      }
      const int status = child.kill_and_drain();
      ASSERT_TRUE(WIFSIGNALED(status)) << "the child ended by itself";
      child.add_to(told);
    }
    // Half of the time the next child is the first to see what the crash left.
    if (random() % 2 == 0) continue;
    const auto store = open_rocksdb_store({.path = folder});
    ASSERT_TRUE(store) << store.error().message;
    ASSERT_NO_FATAL_FAILURE(check(**store, told));
  }
  const auto store = open_rocksdb_store({.path = folder});
  ASSERT_TRUE(store) << store.error().message;
  ASSERT_NO_FATAL_FAILURE(check(**store, told));
  std::printf("%zu commands acknowledged, %llu events stored\n", told.commands.size(),
              static_cast<unsigned long long>((*store)->head()));
  EXPECT_GT(told.commands.size(), 1000u) << "the children did work";
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace thalo::store
