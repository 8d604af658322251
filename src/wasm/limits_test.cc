// Every limit is enforced, names itself, and costs only the instance that exceeded it.
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <thread>

#include "env/files.h"
#include "wasm/test_support.h"

namespace thalo::wasm {
namespace {

using namespace testing;
using std::chrono::milliseconds;

Limits with(auto change) {
  Limits limits;
  change(limits);
  return limits;
}

base::Error failure(const Limits& limits, const char* name, std::string payload = "{}") {
  auto instance = instantiate(counter_v1(), limits);
  Counter counter(*instance);
  auto error = counter.error(name, std::move(payload));
  EXPECT_TRUE(instance->broken()) << name;
  return error;
}

TEST(Limits, AnEndlessGuestIsStoppedByTime) {
  const auto error = failure(with([](Limits& l) {
                               l.time_per_call = milliseconds(50);
                               l.fuel_per_call = 0;
                             }),
                             "loop");
  EXPECT_EQ(error.code, Code::resource_exhausted);
  EXPECT_THAT(error.message, AllOf(HasSubstr("more than 50 ms"), HasSubstr("--time-limit-ms")));
}

TEST(Limits, AnEndlessGuestIsStoppedByFuel) {
  const auto error = failure(with([](Limits& l) {
                               l.time_per_call = std::chrono::hours(1);
                               l.fuel_per_call = 10'000;
                             }),
                             "loop");
  EXPECT_EQ(error.code, Code::resource_exhausted);
  EXPECT_THAT(error.message, AllOf(HasSubstr("more than 10000 units of fuel"), HasSubstr("--fuel-limit")));
}

TEST(Limits, FuelAndTimeAreForEachCallAnew) {
  auto instance = instantiate(counter_v1(), with([](Limits& l) { l.fuel_per_call = 2'000; }));
  Counter counter(*instance);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(counter.increment(1));
  EXPECT_EQ(counter.count(), "100");
}

TEST(Limits, AGuestThatWantsMoreMemoryIsRefusedWithTheLimit) {
  const auto error = failure(with([](Limits& l) { l.memory_per_instance_bytes = 8u << 20; }), "grow");
  EXPECT_EQ(error.code, Code::resource_exhausted);
  EXPECT_THAT(error.message, AllOf(HasSubstr("more than 8388608 bytes"), HasSubstr("--memory-limit")));
}

TEST(Limits, AModuleThatNeedsMoreMemoryToStartIsRefused) {
  const auto instance = counter_v1().instantiate(with([](Limits& l) { l.memory_per_instance_bytes = 1u << 20; }));
  ASSERT_FALSE(instance);
  EXPECT_EQ(instance.error().code, Code::resource_exhausted);
  EXPECT_THAT(instance.error().message, HasSubstr("--memory-limit"));
}

TEST(Limits, MemoryIsCountedAndAGrownInstanceIsWornOut) {
  auto instance = instantiate(counter_v1(), with([](Limits& l) { l.memory_retire_bytes = 2u << 20; }));
  EXPECT_EQ(instance->memory_bytes(), 64U * 65536) << "the guest's own 64 pages";
  Counter counter(*instance);
  EXPECT_FALSE(instance->worn_out());
  counter.events("grow-by", "64");
  EXPECT_EQ(instance->memory_bytes(), 128U * 65536);
  EXPECT_TRUE(instance->worn_out());
  EXPECT_EQ(instance->create(stream("b")).error().code, Code::resource_exhausted);
  EXPECT_EQ(counter.count(), "0") << "what is in it still works";
}

TEST(Limits, AnInstanceIsWornOutLongBeforeItsEntitiesMeetTheMemoryLimit) {
  const std::string two_megabytes = "(if (i32.eq (i32.const -1) (memory.grow (i32.const 32))) (then unreachable))";
  const auto module = load(guests::make({.parts = {{"constructor", two_megabytes}}}));
  for (const std::size_t megabytes : {12U, 16U, 64U}) {
    auto instance = instantiate(*module, with([&](Limits& l) { l.memory_per_instance_bytes = megabytes << 20; }));
    std::size_t created = 0;
    for (; !instance->worn_out(); ++created) ASSERT_TRUE(instance->create(stream())) << created << " of " << megabytes;
    EXPECT_GT(created * 2, (megabytes - 4) / 2) << "half of what there is beside the guest's own 4 megabytes";
    EXPECT_LT(created * 2, (megabytes - 4) / 2 + 4);
  }
}

// While it lives, this process gets no more address space than a heap may need.
class NoMoreMemory {
 public:
  NoMoreMemory() {
    ::getrlimit(RLIMIT_AS, &before_);
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    const rlimit now{.rlim_cur = pages * static_cast<std::size_t>(::getpagesize()) + (64u << 20),
                     .rlim_max = before_.rlim_max};
    ::setrlimit(RLIMIT_AS, &now);
  }
  NoMoreMemory(const NoMoreMemory&) = delete;
  NoMoreMemory& operator=(const NoMoreMemory&) = delete;
  ~NoMoreMemory() { ::setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

TEST(Limits, AMachineWithoutMemoryForAnInstanceIsNotTheModulesFault) {
  if (!compiler_memory_is_limited) GTEST_SKIP() << "sanitizers need more address space than any limit";
  const auto cache = env::make_temporary_folder("thalo-limits-test-").value();
  const auto engine = make_wasmtime_engine({.cache_folder = cache}).value();
  const auto component = guests::counter();
  const auto module = engine->load("counter", component).value();
  std::vector<base::Error> errors;
  {
    const NoMoreMemory now;
    errors = {module->instantiate({}).error(), engine->load("counter", component).error()};
  }
  for (const auto& error : errors) {
    EXPECT_EQ(error.code, Code::unavailable) << error.message;
    EXPECT_TRUE(error.retryable());
    EXPECT_THAT(error.message, AllOf(HasSubstr("module 'counter'"), HasSubstr("Cannot allocate memory")));
  }
  EXPECT_TRUE(module->instantiate({}));
  EXPECT_TRUE(engine->load("counter", component));
  std::filesystem::remove_all(cache);
}

TEST(Limits, AnInstanceIsNotWornOutByWhatItStartsWith) {
  auto instance = instantiate(counter_v1(), with([](Limits& l) { l.memory_per_instance_bytes = 4u << 20; }));
  EXPECT_TRUE(instance->create(stream())) << "all of its memory";
  auto other = instantiate(counter_v1(), with([](Limits& l) { l.memory_retire_bytes = 1u << 20; }));
  EXPECT_TRUE(other->create(stream())) << "four times what it may grow by";
}

TEST(Limits, TooManyEventsAreRefusedWithNumberAndLimit) {
  const Limits limits = with([](Limits& l) { l.events_per_command = 10; });
  auto instance = instantiate(counter_v1(), limits);
  EXPECT_EQ(Counter(*instance).events("many", "10").size(), 10U);
  const auto error = failure(limits, "many", "11");
  EXPECT_EQ(error.code, Code::resource_exhausted);
  EXPECT_THAT(error.message, AllOf(HasSubstr("11 events"), HasSubstr("at most 10"), HasSubstr("--events-limit")));
}

TEST(Limits, TooLargeAnEventIsRefusedWithSizeAndLimit) {
  const Limits limits = with([](Limits& l) { l.event_size_bytes = 1000; });
  auto instance = instantiate(counter_v1(), limits);
  EXPECT_EQ(Counter(*instance).events("huge", "989").at(0).data.size(), 989U);
  const auto error = failure(limits, "huge", "990");
  EXPECT_EQ(error.code, Code::resource_exhausted);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("1001 bytes"), HasSubstr("at most 1000"), HasSubstr("--event-size-limit")));
}

TEST(Limits, AnAnswerThatMultipliesOneTextIsNotCopiedIntoTheHostWithoutEnd) {
  const auto error = failure({}, "amplify", "1000000");
  EXPECT_EQ(error.code, Code::resource_exhausted);
  EXPECT_THAT(error.message, HasSubstr("to the host at once"));
}

TEST(Limits, AnInstanceTakesAsManyEntitiesAsItMay) {
  auto instance = instantiate(counter_v1(), with([](Limits& l) { l.entities_per_instance = 3; }));
  const auto first = instance->create(stream("1"));
  ASSERT_TRUE(first && instance->create(stream("2")) && instance->create(stream("3")));
  EXPECT_EQ(instance->create(stream("4")).error().code, Code::resource_exhausted);
  instance->drop(*first);
  EXPECT_TRUE(instance->create(stream("4")));
}

TEST(Limits, AnInstanceWearsOutLongBeforeWasmtimesHandlesDo) {
  auto instance = instantiate(counter_v1());
  int created = 0;
  while (!instance->worn_out() && created < 1'000'000) {
    const auto entity = instance->create(stream());
    ASSERT_TRUE(entity) << entity.error().message;
    instance->drop(*entity);
    ++created;
  }
  EXPECT_LT(created, 100'000);
  EXPECT_EQ(instance->create(stream()).error().code, Code::resource_exhausted);
}

TEST(Limits, ADestructorIsUnderTheLimitsToo) {
  for (const char* body : {"unreachable", "(loop $x (br $x))"}) {
    const auto module = load(guests::make({.parts = {{"destructor", body}}}));
    auto instance = instantiate(*module, with([](Limits& l) { l.fuel_per_call = 100'000; }));
    Counter counter(*instance);
    instance->drop(counter.entity());
    EXPECT_TRUE(instance->broken()) << body;
  }
}

// What one of the threads below does over and over with an instance of its own.
void misbehave(const char* name, const Limits& limits, const std::atomic<bool>& stop, std::atomic<int>& failures) {
  while (!stop) {
    auto instance = counter_v1().instantiate(limits);
    if (!instance) continue;
    const auto entity = (*instance)->create(stream(name));
    if (!entity) continue;
    if (!(*instance)->handle(*entity, command(name), 0)) ++failures;
  }
}

TEST(Limits, HealthyGuestsDoNotNoticeTrappingEndlessAndGreedyOnesBesideThem) {
  const Limits limits = with([](Limits& l) { l.time_per_call = milliseconds(20); });
  std::atomic<bool> stop = false;
  std::atomic<int> failures = 0;
  std::vector<std::thread> hostile;
  for (int i = 0; i < 4; ++i) {
    for (const char* name : {"trap", "loop", "grow"})
      hostile.emplace_back(misbehave, name, limits, std::cref(stop), std::ref(failures));
  }
  std::atomic<int> wrong = 0;
  std::vector<std::thread> healthy;
  healthy.reserve(4);
  for (int t = 0; t < 4; ++t) {
    healthy.emplace_back([&wrong, t] {
      auto instance = instantiate(counter_v1(), with([](Limits& l) { l.time_per_call = std::chrono::hours(1); }));
      Counter counter(*instance, std::to_string(t));
      for (int i = 1; i <= 300; ++i) {
        if (!counter.increment(1) || counter.count() != std::to_string(i)) ++wrong;
      }
    });
  }
  for (auto& thread : healthy) thread.join();
  // The hostile ones have all had their turn, or the test shows nothing.
  while (failures < 12) std::this_thread::yield();
  stop = true;
  for (auto& thread : hostile) thread.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace thalo::wasm
