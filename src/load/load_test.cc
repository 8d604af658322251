#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include "load/driver.h"
#include "load/entity_choice.h"
#include "load/histogram.h"
#include "load/requests.h"
#include "load/run.h"
#include "load/wire.h"
#include "thalo/v1/commands.pb.h"
#include "thalo/v1/projections.pb.h"

namespace thalo::load {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

TEST(Histogram, PercentilesAreThoseOfTheSortedValuesWithinItsError) {
  std::mt19937_64 random(7);
  std::lognormal_distribution<double> values(12, 2);
  Histogram histogram;
  std::vector<std::uint64_t> exact;
  for (int count = 0; count < 100'000; ++count) {
    exact.push_back(static_cast<std::uint64_t>(values(random)));
    histogram.record(exact.back());
  }
  std::ranges::sort(exact);
  for (const double percent : {0.0, 1.0, 50.0, 90.0, 99.0, 99.9, 99.99, 100.0}) {
    const auto rank = std::max(1.0, std::ceil(percent / 100 * 100'000 - 1e-9));
    const auto expected = static_cast<double>(exact[static_cast<std::size_t>(rank) - 1]);
    EXPECT_NEAR(static_cast<double>(histogram.percentile(percent)), expected, expected * 0.001 + 1) << percent;
  }
  EXPECT_EQ(histogram.max(), exact.back());
}

TEST(Histogram, SmallValuesAreExactAndLargeOnesAreCountedAsTheLargest) {
  Histogram histogram;
  for (std::uint64_t value = 0; value < 2048; ++value) histogram.record(value);
  EXPECT_EQ(histogram.percentile(50), 1023u);
  histogram.record(UINT64_MAX);
  EXPECT_EQ(histogram.percentile(100), (std::uint64_t{1} << 36) - 1);
}

TEST(Histogram, TwoTogetherAreWhatBothSaw) {
  Histogram one(7);
  Histogram other(7);
  one.record(100);
  other.record(1'000'000);
  one.add(other);
  EXPECT_EQ(one.count(), 2u);
  EXPECT_NEAR(static_cast<double>(one.percentile(100)), 1e6, 1e6 / 64);
}

TEST(Recorder, OfManyDeliveriesTogetherAllAreCountedAndSomeLookedAt) {
  const TimePoint now = std::chrono::steady_clock::now();
  for (const std::uint64_t count : {1ULL, 32ULL, 33ULL, 1000ULL}) {
    Recorder recorder({now - std::chrono::seconds(1), now + std::chrono::seconds(1), milliseconds(100)});
    // The first has waited longest.
    std::uint64_t looks = 0;
    recorder.record_deliveries(now, count, [&](std::uint64_t index) {
      ++looks;
      return now - std::chrono::microseconds(count - index);
    });
    EXPECT_EQ(recorder.measured().events_read, count);
    EXPECT_LE(looks, 32U);
    const Histogram& latency = recorder.latency(Kind::read);
    EXPECT_EQ(latency.count(), count);
    const double error = count <= 32 ? 0.001 : 0.04;
    for (const unsigned percent : {50U, 99U}) {
      const double right = std::ceil(percent / 100.0 * static_cast<double>(count)) * 1000;
      EXPECT_NEAR(static_cast<double>(latency.percentile(percent)), right, error * static_cast<double>(count) * 1000)
          << count;
    }
  }
}

TEST(EntityChoice, ZipfPrefersTheFirstAsItsFormulaSays) {
  constexpr std::uint64_t entities = 1000;
  EntityChoice choice(Distribution::zipf, entities, 1);
  std::vector<double> seen(entities);
  constexpr int draws = 1'000'000;
  for (int count = 0; count < draws; ++count) ++seen.at(choice.next());
  double zeta = 0;
  for (std::uint64_t rank = 1; rank <= entities; ++rank) zeta += std::pow(static_cast<double>(rank), -0.99);
  EXPECT_NEAR(seen[0] / draws, 1 / zeta, 0.005);
  EXPECT_NEAR(seen[1] / draws, std::pow(2, -0.99) / zeta, 0.005);
  EXPECT_GT(seen[10], seen[500]);
}

TEST(EntityChoice, StaysInsideAndRepeatsForASeed) {
  for (const auto distribution : {Distribution::uniform, Distribution::zipf, Distribution::hot}) {
    for (const std::uint64_t entities : {1, 2, 3, 1000}) {
      EntityChoice one(distribution, entities, 5);
      EntityChoice again(distribution, entities, 5);
      for (int count = 0; count < 1000; ++count) {
        const std::uint64_t entity = one.next();
        ASSERT_LT(entity, entities);
        ASSERT_EQ(entity, again.next());
      }
    }
  }
}

Settings small() {
  Settings out;
  out.entities = 10;
  out.distribution = Distribution::hot;
  out.payload_bytes = 40;
  return out;
}

TEST(Requests, AreWhatTheGeneratedClassesRead) {
  Requests requests(small(), 1);
  v1::ExecuteRequest request;
  ASSERT_TRUE(request.ParseFromString(std::string(requests.execute(7))));
  EXPECT_EQ(request.category(), "counter");
  EXPECT_EQ(request.id(), "bench7");
  EXPECT_EQ(request.command(), "Increment");
  EXPECT_EQ(request.payload(), R"({"amount":1,"padding":"xxxxxxxxxxxxxxx"})");
  std::string batch;
  requests.append_command(batch, 300, 7);
  requests.append_command(batch, 0, 8);
  v1::ExecuteStreamRequest stream;
  ASSERT_TRUE(stream.ParseFromString(batch));
  ASSERT_EQ(stream.commands_size(), 2);
  EXPECT_EQ(stream.commands(0).tag(), 300u);
  EXPECT_EQ(stream.commands(0).request().SerializeAsString(), request.SerializeAsString());
  EXPECT_EQ(stream.commands(1).request().id(), "bench8");
  v1::ReadStreamRequest read;
  ASSERT_TRUE(read.ParseFromString(std::string(requests.read_stream(7))));
  EXPECT_EQ(read.stream(), "counter-bench7");
  EXPECT_EQ(read.limit(), 100u);
}

v1::ExecuteResponse accepted(const std::string& stream, int events) {
  v1::ExecuteResponse out;
  for (int index = 0; index < events; ++index) {
    v1::Event* event = out.mutable_accepted()->add_events();
    event->set_id("1");
    event->set_global_position(1'000'000 + static_cast<std::uint64_t>(index));
    event->set_stream(stream);
    event->set_data("{}");
    event->set_time_ms(1'700'000'000'000);
  }
  return out;
}

TEST(Answers, AreAcceptedWithTheirEventsOrRejected) {
  const Ending two = check_response(accepted("counter-a", 2).SerializeAsString(), "counter-a");
  EXPECT_EQ(two.outcome, Outcome::accepted);
  EXPECT_EQ(two.events, 2u);
  v1::ExecuteResponse nothing;
  nothing.mutable_accepted();
  EXPECT_EQ(check_response(nothing.SerializeAsString(), "counter-a").outcome, Outcome::accepted);
  v1::ExecuteResponse rejected;
  rejected.mutable_rejected()->set_error("{}");
  EXPECT_EQ(check_response(rejected.SerializeAsString(), "counter-a").outcome, Outcome::rejected);
}

TEST(Answers, OfAnotherStreamOrOfNoMeaningAreWrong) {
  const std::string right = accepted("counter-a", 1).SerializeAsString();
  EXPECT_EQ(check_response(accepted("counter-b", 1).SerializeAsString(), "counter-a").outcome, Outcome::wrong);
  EXPECT_EQ(check_response({}, "counter-a").outcome, Outcome::wrong);
  for (std::size_t size = 0; size < right.size(); ++size) {
    EXPECT_EQ(check_response(right.substr(0, size), "counter-a").outcome, Outcome::wrong) << size;
  }
}

TEST(Answers, ReadEventsMustBeGapless) {
  v1::ReadAllResponse events;
  for (const std::uint64_t position : {0, 1, 2}) events.add_events()->set_global_position(position);
  EXPECT_EQ(check_events(events.SerializeAsString(), true, 0), 3);
  EXPECT_EQ(check_events(events.SerializeAsString(), true, 1), -1);
  events.add_events()->set_global_position(4);
  EXPECT_EQ(check_events(events.SerializeAsString(), true, 0), -1);
}

TEST(Answers, OfAProjectionTellTheBatchBesideTheEvents) {
  v1::ProjectResponse response;
  for (const std::uint64_t position : {7, 8}) {
    auto& event = *response.add_events();
    event.set_id("0d3a0a2c-7b1f-8d11-9c55-0000000001a4");
    event.set_global_position(position);
    event.set_data(std::string(200, 'x'));
  }
  response.set_batch(300);
  std::uint64_t batch = 1;
  const std::string right = response.SerializeAsString();
  EXPECT_EQ(check_events(right, true, 7, &batch), 2);
  EXPECT_EQ(batch, 300U);
  EXPECT_EQ(check_events(right, true, 8, &batch), -1);
  const std::size_t first_event_end = right.size() / 2 - 1;  // without the batch
  for (std::size_t size = 1; size < first_event_end; ++size)
    EXPECT_EQ(check_events(right.substr(0, size), true, 7), -1) << size;
  response.clear_batch();
  EXPECT_EQ(check_events(response.SerializeAsString(), true, 7, &batch), 2);
  EXPECT_EQ(batch, 0U);
}

// Short and long events, positions of one byte to nine, and events of another form than the server's in between.
TEST(Answers, EventsOfAnyFormMustBeGapless) {
  for (const std::uint64_t first : {1ULL, 100ULL, 16'300ULL, 2'097'000ULL, (1ULL << 49) - 100, 1ULL << 62}) {
    v1::ReadAllResponse events;
    for (std::uint64_t index = 0; index < 300; ++index) {
      auto& event = *events.add_events();
      if (index % 50 != 49) event.set_id("0d3a0a2c-7b1f-8d11-9c55-0000000001a4");
      event.set_global_position(first + index);
      event.set_data(std::string(index % 100 == 99 ? 20'000 : index, 'x'));
      event.set_time_ms(1'700'000'000'000);
    }
    const std::string message = events.SerializeAsString();
    EXPECT_EQ(check_events(message, true, first), 300) << first;
    EXPECT_EQ(check_events(message, true, first + 1), -1) << first;
    for (const int gap : {1, 27, 28, 128, 299}) {
      v1::ReadAllResponse broken = events;
      broken.mutable_events(gap)->set_global_position(first + static_cast<std::uint64_t>(gap) + 1);
      EXPECT_EQ(check_events(broken.SerializeAsString(), true, first), -1) << first << " and " << gap;
    }
  }
}

TEST(Answers, AreToldApartByTheirStatus) {
  std::string text;
  EXPECT_EQ(check_failure(8, "full", text).outcome, Outcome::refused);
  EXPECT_EQ(check_failure(14, "lost", text).outcome, Outcome::unknown);
  EXPECT_EQ(check_failure(3, "bad", text).outcome, Outcome::failed);
  EXPECT_EQ(text, "INVALID_ARGUMENT: bad");
}

TEST(Settings, WrongOnesAreNamed) {
  Settings settings;
  EXPECT_TRUE(check(settings));
  settings.callers = 4;
  EXPECT_THAT(check(settings).error().message, HasSubstr("--connections 8 is more than --callers 4"));
  settings = {};
  settings.payload = "[1]";
  EXPECT_THAT(check(settings).error().message, HasSubstr("--payload is not a JSON object"));
  settings = {};
  settings.payload_bytes = 13;
  EXPECT_THAT(check(settings).error().message, HasSubstr("too small for --payload"));
  settings = {};
  settings.rate = NAN;
  EXPECT_THAT(check(settings).error().message, HasSubstr("--rate"));
}

TEST(Settings, ARateIsNoneOrOneWhoseTimesTheClockCanTell) {
  Settings settings;
  for (const double rate : {0.0, 0.001, 1e8}) {
    settings.rate = rate;
    EXPECT_TRUE(check(settings)) << rate;
  }
  for (const double rate : {-1.0, 1e-10, 2e8}) {
    settings.rate = rate;
    ASSERT_FALSE(check(settings)) << rate;
    EXPECT_THAT(check(settings).error().message, HasSubstr("--rate must be 0 or 0.001 to")) << rate;
  }
}

TEST(Settings, WhatNoMemoryHoldsIsRefused) {
  Settings settings;
  settings.shards = 1024;
  EXPECT_TRUE(check(settings));
  settings.shards = 100'000;
  EXPECT_THAT(check(settings).error().message, HasSubstr("--shards must be 0 to 1024"));
  settings = {};
  settings.workload = Workload::append;
  settings.callers = settings.connections = 1;
  settings.batch = 4096;
  settings.payload_bytes = 256 << 10;
  EXPECT_TRUE(check(settings));
  settings.payload_bytes = 8 << 20;
  EXPECT_THAT(check(settings).error().message, HasSubstr("34359738368 bytes under way at once"));
  settings.workload = Workload::write;
  EXPECT_TRUE(check(settings));
  settings.callers = 1'000'000;
  EXPECT_THAT(check(settings).error().message, HasSubstr("8388608000000 bytes under way at once"));
}

TEST(Settings, APayloadIsFilledUpToItsSize) {
  EXPECT_EQ(padded("{}", 16).value(), R"({"padding":"xx"})");
  EXPECT_EQ(padded(R"({"a":{"b":1} })", 0).value(), R"({"a":{"b":1} })");
  EXPECT_EQ(padded(R"({"a":1})", 100).value().size(), 100u);
}

// Answers every operation when the test says so.
class HeldTransport final : public Transport {
 public:
  explicit HeldTransport(std::size_t callers, milliseconds stall) : stall_(stall), slots_(callers) {}

  std::vector<Caller*> callers(Driver& driver) override {
    driver_ = &driver;
    std::vector<Caller*> out;
    for (Slot& slot : slots_) {
      slot.transport = this;
      out.push_back(&slot);
    }
    return out;
  }
  void flush() override {}
  void wait(std::chrono::nanoseconds timeout) override {
    const auto now = std::chrono::steady_clock::now();
    if (first_ == TimePoint{}) first_ = now;
    if (now < first_ + stall_) return std::this_thread::sleep_for(timeout);
    for (Caller* caller : std::exchange(begun_, {})) {
      driver_->finished(*caller, {.events = 1});
      if (++ended_ == stop_after) driver_->stop();
    }
    std::this_thread::sleep_for(std::min<std::chrono::nanoseconds>(timeout, milliseconds(1)));
  }
  std::uint64_t begun = 0;
  std::uint64_t stop_after = 0;  // 0: never

 private:
  struct Slot final : Caller {
    void begin() override {
      ++transport->begun;
      transport->begun_.push_back(this);
    }
    HeldTransport* transport = nullptr;
  };
  const milliseconds stall_;
  std::vector<Slot> slots_;
  std::vector<Caller*> begun_;
  Driver* driver_ = nullptr;
  TimePoint first_{};
  std::uint64_t ended_ = 0;
};

Window window(milliseconds length) {
  const auto now = std::chrono::steady_clock::now();
  return {now, now + length, milliseconds(100)};
}

TEST(Driver, AnOpenLoopChargesAStallToEveryOperationThatWasDue) {
  // Nothing is answered for 300 ms, with one caller. In a closed loop one operation would show that.
  const Window span = window(milliseconds(60'000));
  Driver driver(span, {.rate = 100, .begin = span.begin});
  HeldTransport transport(1, milliseconds(300));
  transport.stop_after = 30;
  driver.run(transport);
  const Histogram& latency = driver.recorder().latency(Kind::write);
  EXPECT_GE(latency.count(), 30u);
  // The thirty were due every 10 ms of the stall, so they waited for 300, 290, 280 … ms at least.
  EXPECT_GE(latency.max(), 290'000'000u);
  EXPECT_GE(latency.percentile(50), 130'000'000u);
}

TEST(Driver, WhatWasBegunIsWaitedForAndCounted) {
  const Window span = window(milliseconds(100));
  Driver driver(span, {.begin = span.begin});
  HeldTransport transport(3, milliseconds(200));  // answered after the window
  driver.run(transport);
  EXPECT_EQ(driver.recorder().total()[Outcome::accepted], 3u);
  EXPECT_EQ(driver.recorder().measured().operations(), 0u);
  EXPECT_EQ(transport.begun, 3u);
}

TEST(Driver, WhatIsNeverAnsweredIsUnknown) {
  const Window span = window(milliseconds(50));
  Driver driver(span, {.begin = span.begin, .drain_timeout = milliseconds(50)});
  HeldTransport transport(2, milliseconds(100'000));
  driver.run(transport);
  EXPECT_EQ(driver.recorder().total()[Outcome::unknown], 2u);
}

TEST(Run, IsAtFaultWhenTheStoreHasOtherEventsThanWereAcknowledged) {
  const Window span = window(milliseconds(100));
  load::Run run(span);
  const auto end = [&](Outcome outcome, std::uint64_t events) {
    run.recorder.record(span.begin, span.begin, {.outcome = outcome, .events = events});
  };
  end(Outcome::accepted, 2);
  run.events_before = 10;
  run.events_after = 12;
  EXPECT_EQ(run.fault(), "");
  run.events_after = 11;
  EXPECT_THAT(run.fault(), HasSubstr("1 new events, but 2 were acknowledged"));
  run.events_after = 13;
  EXPECT_THAT(run.fault(), HasSubstr("only 2 were acknowledged"));
  end(Outcome::unknown, 0);
  EXPECT_THAT(run.fault(), HasSubstr("1 operations failed or had no answer"));  // which may have stored the third
  end(Outcome::wrong, 0);
  EXPECT_THAT(run.fault(), HasSubstr("wrong"));
}

TEST(Run, IsAtFaultWhenTheStoreCannotBeAskedAfterwards) {
  load::Run run(window(milliseconds(100)));
  run.events_before = 10;
  run.store_error = "nobody answers";
  EXPECT_THAT(run.fault(), HasSubstr("nobody answers"));
}

TEST(Run, IsAtFaultWhenOperationsFailedOrNoneWasDoneButNotWhenSomeWereRefused) {
  const Window span = window(milliseconds(100));
  const auto fault_of = [&](const std::vector<Outcome>& outcomes) {
    load::Run run(span);
    for (const Outcome outcome : outcomes) run.recorder.record(span.begin, span.begin, {.outcome = outcome});
    return run.fault();
  };
  EXPECT_EQ(fault_of({}), "");
  EXPECT_EQ(fault_of({Outcome::accepted, Outcome::rejected, Outcome::refused}), "");
  EXPECT_THAT(fault_of({Outcome::accepted, Outcome::failed}), HasSubstr("1 operations failed or had no answer"));
  EXPECT_THAT(fault_of({Outcome::accepted, Outcome::unknown}), HasSubstr("1 operations failed or had no answer"));
  EXPECT_THAT(fault_of({Outcome::refused, Outcome::refused}), HasSubstr("every operation was refused"));
}

}  // namespace
}  // namespace thalo::load
