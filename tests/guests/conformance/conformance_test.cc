// conformance_test LANGUAGE: builds the language's aggregates as `thalo build` does and holds them to the scenarios.
// With --costs it measures instead, and prints a row for README.md. Ends with 77 when the language's tools are not
// installed.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string_view>

#include "build/build.h"
#include "env/files.h"
#include "guests/conformance/costs.h"
#include "guests/conformance/guest.h"
#include "guests/conformance/scenario.h"
#include "wasm/wasmtime_engine.h"

namespace thalo::conformance {
namespace {

namespace fs = std::filesystem;

constexpr int exit_skipped = 77;
const fs::path own_folder = CONFORMANCE_FOLDER;
const char* const aggregates[] = {"counter", "bank_account", "todos"};

// A line of languages.txt with the lines below it.
struct Language {
  fs::path folder;
  std::map<std::string, std::string> skipped;  // "counter: the scenario" -> why
};

Language read_language(const std::string& wanted) {
  std::ifstream stream(own_folder / "languages.txt");
  Language language;
  bool ours = false;
  for (std::string line; std::getline(stream, line);) {
    if (line.empty() || line[0] == '#') continue;
    if (line[0] != ' ') {
      std::istringstream words(line);
      std::string name;
      std::string folder;
      words >> name >> folder;
      ours = name == wanted;
      if (ours) language.folder = fs::path(SOURCE_FOLDER) / folder;
      continue;
    }
    const auto skip = line.find("skip ");
    const auto open = line.rfind(" (");
    if (skip == std::string::npos || open == std::string::npos || line.back() != ')')
      throw std::runtime_error("languages.txt: this is no `skip AGGREGATE: SCENARIO (REASON)`: " + line);
    if (ours) language.skipped[line.substr(skip + 5, open - skip - 5)] = line.substr(open + 2, line.size() - open - 3);
  }
  if (language.folder.empty()) throw std::runtime_error("languages.txt has no language " + wanted);
  return language;
}

// What all tests of a run share; made in main.
std::unique_ptr<wasm::Engine> engine;
std::map<std::string, std::shared_ptr<const wasm::Module>> modules;

class ScenarioTest : public ::testing::Test {
 public:
  ScenarioTest(std::string aggregate, Scenario scenario, std::string skip_reason)
      : aggregate_(std::move(aggregate)), scenario_(std::move(scenario)), skip_reason_(std::move(skip_reason)) {}

  void TestBody() override {
    const auto& module = *modules.at(aggregate_);
    std::vector<Delivery> deliveries{{"events one by one", 1}, {"events in hundreds", 100}, {"all at once", 10'000}};
    if (module.snapshot_format()) deliveries.push_back({"by snapshots", 10'000, true});
    bool met = true;
    for (const auto& delivery : deliveries) {
      const auto failure = failure_of(module, scenario_, delivery);
      met = met && !failure;
      if (!skip_reason_.empty()) continue;
      EXPECT_FALSE(failure) << aggregate_ << ", " << scenario_.name << ", " << delivery.name << ": " << *failure;
    }
    if (skip_reason_.empty()) return;
    ASSERT_FALSE(met) << "languages.txt excuses the language from this scenario, which it meets: remove the line";
    GTEST_SKIP() << skip_reason_;
  }

 private:
  std::string aggregate_;
  Scenario scenario_;
  std::string skip_reason_;
};

// What cannot be said in a scenario, for the language's counter.

const wasm::Module& counter() { return *modules.at("counter"); }

// What the counter of `stream` stands at, as its refusal of a decrement says it.
std::string asked(wasm::Instance& instance, wasm::EntityHandle entity, const model::StreamName& stream) {
  const model::Command command{stream, "Decrement", R"({"amount":18446744073709551615})", "", "", "", ""};
  const auto outcome = instance.handle(entity, command, 1);
  if (!outcome) return outcome.error().message;
  const auto* rejection = std::get_if<model::Rejection>(&*outcome);
  return rejection != nullptr ? rejection->error : "no refusal";
}

model::StreamName stream_of(std::size_t number) { return *model::StreamName::make("counter", std::to_string(number)); }

base::Result<> increment(wasm::Instance& instance, wasm::EntityHandle entity, const std::string& amount) {
  const std::string data = R"({"amount":)" + amount + "}";
  model::EventView event;
  event.type = "Incremented";
  event.data = data;
  return instance.apply(entity, std::span(&event, 1));
}

void ten_thousand_entities_live_in_one_instance_each_with_its_own_state() {
  constexpr std::size_t entities = 10'000;
  auto limits = conformance::limits();
  limits.entities_per_instance = entities;
  limits.memory_per_instance_bytes = std::size_t{512} << 20;
  limits.memory_retire_bytes = limits.memory_per_instance_bytes;
  const auto instance = counter().instantiate(limits);
  ASSERT_TRUE(instance) << instance.error().message;
  std::vector<wasm::EntityHandle> handles;
  for (std::size_t number = 0; number < entities; ++number) {
    const auto entity = (*instance)->create(stream_of(number));
    ASSERT_TRUE(entity) << number << ": " << entity.error().message;
    ASSERT_TRUE(increment(**instance, *entity, std::to_string(number + 1)));
    handles.push_back(*entity);
  }
  for (std::size_t number = 0; number < entities; ++number) {
    ASSERT_NE(
        asked(**instance, handles[number], stream_of(number)).find("\"count\":" + std::to_string(number + 1) + ","),
        std::string::npos)
        << asked(**instance, handles[number], stream_of(number));
  }
  const auto memory = (*instance)->memory_bytes();
  for (const auto entity : handles) (*instance)->drop(entity);
  EXPECT_EQ((*instance)->entities(), 0u);
  std::printf("10,000 counters in %.1f MB\n", static_cast<double>(memory) / (1 << 20));
}

void a_trap_in_one_instance_leaves_the_others_whole() {
  const auto healthy = counter().instantiate(conformance::limits());
  ASSERT_TRUE(healthy) << healthy.error().message;
  const auto entity = (*healthy)->create(stream_of(1));
  ASSERT_TRUE(entity);
  ASSERT_TRUE(increment(**healthy, *entity, "41"));
  const auto before = asked(**healthy, *entity, stream_of(1));

  // A command on which the guest spends more than it may: it is stopped in the middle.
  auto tight = conformance::limits();
  tight.fuel_per_call = 5'000'000;
  const auto trapping = counter().instantiate(tight);
  ASSERT_TRUE(trapping) << trapping.error().message;
  const auto victim = (*trapping)->create(stream_of(2));
  ASSERT_TRUE(victim) << victim.error().message;
  std::string numbers = "1";
  for (int number = 0; number < 2'000'000; ++number) numbers += ",1";
  const std::string payload = R"({"note":[)" + numbers + R"(],"amount":1})";
  const model::Command command{stream_of(2), "Increment", payload, "", "", "", ""};
  const auto outcome = (*trapping)->handle(*victim, command, 0);
  ASSERT_FALSE(outcome);
  const bool lost = (*trapping)->broken();

  EXPECT_EQ(asked(**healthy, *entity, stream_of(1)), before);
  EXPECT_FALSE((*healthy)->broken());
  const auto next = counter().instantiate(conformance::limits());
  ASSERT_TRUE(next) << next.error().message;
  const auto again = (*next)->create(stream_of(2));
  ASSERT_TRUE(again);
  ASSERT_TRUE(increment(**next, *again, "41"));
  EXPECT_EQ(asked(**next, *again, stream_of(2)), before);
  ASSERT_TRUE(lost) << "the command was refused without a trap: " << outcome.error().message;
}

class CounterTest : public ::testing::Test {
 public:
  explicit CounterTest(void (*body)()) : body_(body) {}
  void TestBody() override { body_(); }

 private:
  void (*body_)();
};

// GoogleTest wants names of letters, digits and underscores.
std::string test_name(const std::string& text) {
  std::string name;
  for (const char c : text) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

// False: the tools are not there.
bool build_modules(const std::string& name, const Language& language) {
  const fs::path output = fs::path(BUILD_FOLDER) / "conformance" / name;
  for (const auto* aggregate : aggregates) {
    build::BuildOptions options;
    options.source = language.folder / aggregate;
    options.output_folder = output;
    options.name = aggregate;
    const auto built = build::build_aggregate(options);
    if (!built && built.error().code == base::Code::not_found && fs::exists(options.source)) {
      std::printf("SKIPPED: %s\n", built.error().message.c_str());
      return false;
    }
    if (!built) throw std::runtime_error("building " + options.source.string() + ": " + built.error().message);
    std::printf("%s: %zu bytes, %s\n", built->file.c_str(), built->size_bytes, built->tool.c_str());
    const auto component = env::read_file(built->file);
    if (!component) throw std::runtime_error(component.error().message);
    auto module = engine->load(aggregate, *component);
    if (!module) throw std::runtime_error(built->file.string() + ": " + module.error().message);
    modules[aggregate] = *module;
  }
  return true;
}

void register_tests(const std::string& name, Language language) {
  for (const std::string aggregate : aggregates) {
    for (const auto& scenario : read_scenarios(own_folder / "scenarios" / (aggregate + ".txt"))) {
      const auto skip = language.skipped.extract(aggregate + ": " + scenario.name);
      const auto reason = skip.empty() ? std::string() : skip.mapped();
      ::testing::RegisterTest((name + "_" + aggregate).c_str(), test_name(scenario.name).c_str(), nullptr, nullptr,
                              __FILE__, __LINE__,
                              [=]() -> ::testing::Test* { return new ScenarioTest(aggregate, scenario, reason); });
    }
  }
  if (!language.skipped.empty())
    throw std::runtime_error("languages.txt skips what is no scenario: " + language.skipped.begin()->first);
  const std::pair<const char*, void (*)()> more[] = {
      {"ten_thousand_entities_live_in_one_instance_each_with_its_own_state",
       ten_thousand_entities_live_in_one_instance_each_with_its_own_state},
      {"a_trap_in_one_instance_leaves_the_others_whole", a_trap_in_one_instance_leaves_the_others_whole}};
  for (const auto& [test, body] : more) {
    ::testing::RegisterTest((name + "_counter").c_str(), test, nullptr, nullptr, __FILE__, __LINE__,
                            [body = body]() -> ::testing::Test* { return new CounterTest(body); });
  }
}

int run(const std::string& name, bool costs) {
  auto made = wasm::make_wasmtime_engine({});
  if (!made) throw std::runtime_error(made.error().message);
  engine = std::move(*made);
  const auto language = read_language(name);
  if (!build_modules(name, language)) return exit_skipped;
  if (costs) {
    std::printf("%s\n", costs_of(name, counter()).c_str());
    return 0;
  }
  register_tests(name, language);
  const int result = RUN_ALL_TESTS();
  modules.clear();
  engine.reset();
  return result;
}

}  // namespace
}  // namespace thalo::conformance

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const bool costs = argc == 3 && std::string_view(argv[2]) == "--costs";
  if (argc != 2 && !costs) {
    std::fprintf(stderr, "usage: conformance_test LANGUAGE [--costs] [--gtest_filter=…]\n");
    return 2;
  }
  try {
    return thalo::conformance::run(argv[1], costs);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
