// Thousands of power cuts, failing and torn writes, failing syncs and killed processes, at random, each followed by a
// comparison of the whole store with a model. What fails is shrunk to the shortest history that still fails.
//
// RC_PARAMS="seed=…" runs again what a failure printed; RC_PARAMS="max_success=…" runs longer or shorter.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <mutex>
#include <random>
#include <sstream>

#include "base/log.h"
#include "store/rocksdb/durability_lives.h"
#include "store/rocksdb/durability_model.h"
#include "store/rocksdb/rocksdb_place.h"
#include "store/verify.h"

namespace thalo::store {
namespace {

using base::Code;

// What a run has met: a test whose troubles do not happen proves nothing.
struct Met {
  std::uint64_t lives = 0;
  std::uint64_t openings = 0;
  std::uint64_t power_cuts = 0;
  std::uint64_t faults = 0;
  std::uint64_t refused_openings = 0;
  std::uint64_t events = 0;
};

// Keeps the answers of batches apart.
class BatchSink final : public AppendSink {
 public:
  void on_appended(std::span<AppendOutcome> outcomes) override {
    const std::lock_guard lock(mutex_);
    batches_.emplace_back(outcomes.begin(), outcomes.end());
    arrived_.notify_all();
  }
  // Waits for the next one.
  std::vector<AppendOutcome> take() {
    std::unique_lock lock(mutex_);
    arrived_.wait(lock, [this] { return !batches_.empty(); });
    auto batch = std::move(batches_.front());
    batches_.pop_front();
    return batch;
  }

 private:
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::deque<std::vector<AppendOutcome>> batches_;
};

class ViolationText final : public VerifyObserver {
 public:
  void on_violation(const Violation& violation) override {
    text += "I" + std::to_string(violation.invariant) + ": " + violation.what + "\n";
  }
  void on_progress(std::string_view /*what*/, std::uint64_t /*done*/, std::uint64_t /*total*/) override {}
  std::string text;
};

// Lives one life after the other in one place and holds each against the model.
class History {
 public:
  History(unsigned stretch_events, Met& met) : place_(stretch_events), met_(met) { disk().sync_in_name_only(); }
  FaultFileSystem& disk() { return place_.disk(); }

  void live(const Life& life) {
    ++met_.lives;
    faults_before_ = disk().faults();
    if (life.has_fault) disk().fail(life.fault);
    if (life.cut_after > 0) disk().cut_power_after(life.cut_after);
    if (open()) {
      for (const Step& step : life.steps) take(step);
    }
    end(life);
    met_.faults += disk().faults() - faults_before_;
  }

  // Nothing is wrong with the disk any more: the store opens, and it and its files are as they should be.
  void finish() {
    faults_before_ = disk().faults();
    open();
    drain();
    store_.reset();
    ViolationText violations;
    const auto summary = verify_store(place_.path(), violations);
    if (!summary) broken("the closed store cannot be checked: " + summary.error().message);
    if (!violations.text.empty()) broken("the closed store breaks its format: " + violations.text);
    met_.events += model_.events();
  }

 private:
  bool is_troubled() { return disk().is_power_cut() || disk().faults() > faults_before_; }

  bool open() {
    RocksdbOptions options = place_.options();
    options.events_buffer_bytes = std::size_t{64} << 10;
    options.index_buffer_bytes = std::size_t{64} << 10;
    options.cache_bytes = std::size_t{1} << 20;
    auto opened = place_.try_open(options);
    if (!opened) {
      ++met_.refused_openings;
      if (!is_troubled()) broken("a disk that works does not open: " + opened.error().message);
      if (opened.error().code == Code::data_loss) broken("a disk that fails is no damage: " + opened.error().message);
      return false;
    }
    ++met_.openings;
    store_ = *std::move(opened);
    model_.opened();
    model_.check(*store_);
    return true;
  }

  void take(const Step& step) {
    const std::string stream = "s-" + std::to_string(step.stream);
    if (step.action == Action::append) return append(step, stream);
    drain();
    switch (step.action) {
      case Action::append:
      case Action::read:
        return model_.check(*store_);
      case Action::save_snapshot: {
        const Snapshot snapshot{.version = model_.version(stream),
                                .module_digest = "digest",
                                .format = "",
                                .data = std::to_string(++number_) + std::string(step.bytes, 's')};
        return model_.snapshot_written(stream, snapshot, worked(store_->save_snapshot(stream, snapshot)));
      }
      case Action::delete_snapshot:
        return model_.snapshot_written(stream, std::nullopt, worked(store_->delete_snapshot(stream)));
      case Action::save_cursor: {
        const Cursor cursor{.next = ++number_, .data = std::string(step.bytes, 'c')};
        return model_.cursor_written(stream, cursor, worked(store_->save_cursor(stream, cursor)));
      }
      case Action::delete_cursor:
        return model_.cursor_written(stream, std::nullopt, worked(store_->delete_cursor(stream)));
    }
  }

  void append(const Step& step, const std::string& stream) {
    Append append{.stream = stream, .time_ms = 1'700'000'000'000, .tag = ++number_};
    const std::uint64_t version = model_.version_to_be(stream);
    if (step.expectation == Expectation::right) append.expected = model::ExpectedVersion::exact(version);
    if (step.expectation == Expectation::wrong) append.expected = model::ExpectedVersion::exact(version + 1);
    for (unsigned event = 0; event < step.events; ++event) {
      append.events.push_back(
          {"Happened", std::to_string(number_) + "." + std::to_string(event) + std::string(step.bytes, 'x'), ""});
    }
    if (step.is_chained) {
      auto& chain = chains_[stream];
      if (chain == nullptr) chain = std::make_shared<Chain>();
      append.chain = chain;
    }
    if (worked(store_->append(append, sink_))) model_.queued(append);
    if (step.waits) drain();
  }

  // Whether it worked. Only a disk that fails is a reason not to.
  bool worked(const base::Result<>& result) {
    if (result) return true;
    if (!is_troubled()) broken("a disk that works: " + result.error().message);
    if (result.error().code != Code::unavailable) broken("a disk that fails: " + result.error().message);
    if (!store_->poisoned()) broken("a store that could not write must say so: " + result.error().message);
    return false;
  }

  // Waits for the answers.
  void drain() {
    while (model_.has_unanswered()) {
      if (model_.answered(sink_.take())) continue;
      if (!is_troubled()) broken("a disk that works takes every append");
      // The engine refuses writes after a failure too, but for reasons of its own.
      if (store_ && !store_->poisoned()) broken("a store that could not write must say so before it answers");
    }
    chains_.clear();
  }

  void end(const Life& life) {
    const bool is_kill = life.ending != Ending::close;
    if (!is_kill && store_) store_->close();
    if (is_kill && !disk().is_power_cut()) disk().cut_power_after(1);
    const bool was_healthy = store_ && !store_->poisoned();
    chains_.clear();
    store_.reset();
    drain();
    if (is_kill && life.ending != Ending::kill) return cut_power(life);
    if (life.ending == Ending::close && disk().is_power_cut()) return cut_power(life);
    if (was_healthy && !is_kill) {
      model_.all_synced();
      // A clean stop leaves nothing that a power cut could take.
      if (life.seed % 2 == 1) return cut_power(life);
    }
    disk().keep_unsynced();
  }

  void cut_power(const Life& life) {
    ++met_.power_cuts;
    std::mt19937 random(life.seed);
    disk().drop_unsynced(life.ending == Ending::cut ? nullptr : &random);
  }

  RocksdbPlace place_;
  Met& met_;
  DurabilityModel model_;
  BatchSink sink_;
  std::unique_ptr<Store> store_;
  std::map<std::string, std::shared_ptr<Chain>> chains_;  // of unanswered appends
  std::uint64_t number_ = 0;
  std::uint64_t faults_before_ = 0;
};

// Runs the property; `disk_lies` that it syncs.
rc::detail::TestResult run_histories(const rc::detail::TestParams& params, bool disk_lies, Met& met) {
  base::log::set_level(base::log::Level::off);
  rc::detail::TestMetadata metadata;
  metadata.id = "durability";
  const auto result = rc::detail::checkTestable(
      [&met, disk_lies] {
        const Lives lives = *any_lives();
        History history(lives.stretch_events, met);
        if (disk_lies) history.disk().ignore_syncs();
        for (const Life& life : lives.lives) history.live(life);
        history.finish();
      },
      metadata, params);
  base::log::set_level(base::log::Level::info);
  return result;
}

TEST(Durability, WhateverTheDiskDoesWhatWasAcknowledgedIsThereAndNothingInPart) {
  Met met;
  const auto result = run_histories(rc::detail::configuration().testParams, false, met);
  std::cout << met.lives << " lives, " << met.openings << " openings, " << met.refused_openings << " refused, "
            << met.power_cuts << " power cuts, " << met.faults << " faults, " << met.events << " events" << std::endl;
  if (!result.is<rc::detail::SuccessResult>()) {
    std::ostringstream text;
    rc::detail::printResultMessage(result, text);
    FAIL() << text.str();
  }
  if (std::getenv("RC_PARAMS") != nullptr) return;
  EXPECT_GT(met.power_cuts, 1'200U);
  EXPECT_GT(met.faults, 200U);
  EXPECT_GT(met.refused_openings, 300U);
  EXPECT_GT(met.events, 10'000U);
}

TEST(Durability, ADiskThatLiesAboutItsSyncsIsFoundOut) {
  // The canary: a test that passes here would pass without any promise being kept.
  Met met;
  rc::detail::TestParams params = rc::detail::configuration().testParams;
  params.disableShrinking = true;
  EXPECT_TRUE(run_histories(params, true, met).is<rc::detail::FailureResult>());
}

}  // namespace
}  // namespace thalo::store
