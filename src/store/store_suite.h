// The promises of store.h as tests that every engine passes. An engine takes part by a StoreFactory
// (store_suite_test.cc).
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <ostream>
#include <string>
#include <vector>

#include "store/append_and_wait.h"
#include "store/committer.h"
#include "store/store.h"

namespace thalo::store {

// One place on a disk where stores of the engine under test can be opened, one after the other.
class StorePlace {
 public:
  virtual ~StorePlace() = default;
  virtual std::unique_ptr<Store> open(const CommitLimits& limits) = 0;
  // From now on commits wait before they touch the disk, until release.
  virtual void hold_commits() = 0;
  virtual void release_commits() = 0;
  virtual void wait_until_held() = 0;
  // The next write or sync of the disk fails.
  virtual void fail_next_write() = 0;
  virtual void fail_next_sync() = 0;
  // A power cut, while no store is open.
  virtual void drop_unsynced() = 0;
};

struct StoreEngine {
  std::string name;
  std::function<std::unique_ptr<StorePlace>()> make;
  friend void PrintTo(const StoreEngine& engine, std::ostream* out) { *out << engine.name; }
};

// Collects outcomes.
class RecordingSink final : public AppendSink {
 public:
  void on_appended(std::span<AppendOutcome> outcomes) override {
    const std::lock_guard lock(mutex_);
    ++calls_;
    for (AppendOutcome& outcome : outcomes) outcomes_.push_back(std::move(outcome));
    arrived_.notify_all();
  }
  // Everything that arrived, once there are at least `count`.
  std::vector<AppendOutcome> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [&] { return outcomes_.size() >= count; });
    return outcomes_;
  }
  std::size_t calls() {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  std::size_t size() {
    const std::lock_guard lock(mutex_);
    return outcomes_.size();
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::vector<AppendOutcome> outcomes_;
  std::size_t calls_ = 0;
};

inline Append make_append(std::string stream, std::vector<std::string> data,
                          model::ExpectedVersion expected = model::ExpectedVersion::any(), std::uint64_t tag = 0) {
  Append append{
      .stream = std::move(stream), .expected = expected, .events = {}, .time_ms = 1'700'000'000'123, .tag = tag};
  for (std::string& text : data) append.events.push_back({"Happened", std::move(text), ""});
  return append;
}

inline std::vector<model::Event> read_stream(Store& store, const StreamQuery& query) {
  std::vector<model::Event> events;
  const auto shown = store.read_stream(query, [&](const model::EventView& event) {
    events.push_back(model::Event::from(event));
    return true;
  });
  EXPECT_TRUE(shown) << shown.error().message;
  if (shown) {
    EXPECT_EQ(*shown, events.size());
  }
  return events;
}

inline std::vector<model::Event> read_all(Store& store, const AllQuery& query = {}) {
  std::vector<model::Event> events;
  const auto result = store.read_all(query, [&](const model::EventView& event) {
    events.push_back(model::Event::from(event));
    return true;
  });
  EXPECT_TRUE(result) << result.error().message;
  if (result) {
    EXPECT_EQ(result->shown, events.size());
  }
  return events;
}

inline std::vector<std::string> data_of(const std::vector<model::Event>& events) {
  std::vector<std::string> data;
  data.reserve(events.size());
  for (const auto& event : events) data.push_back(event.data);
  return data;
}

// Every invariant that a reader can check: gapless positions, globally and per stream, and each stream read by itself
// equal to a full scan.
void expect_consistent(Store& store);

class StoreSuite : public testing::TestWithParam<StoreEngine> {
 protected:
  StoreSuite() : place_(GetParam().make()), store_(place_->open({})) {}

  // Closes the store and opens what it left.
  void reopen(const CommitLimits& limits = {}) {
    store_.reset();
    store_ = place_->open(limits);
  }
  base::Result<Appended> append(Append append) { return append_and_wait(*store_, std::move(append)); }

  std::unique_ptr<StorePlace> place_;
  std::unique_ptr<Store> store_;
};

}  // namespace thalo::store
