// The SDK's guests in the real host: what a C++ aggregate says and does arrives as the contract promises.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <variant>

#include "base/log.h"
#include "env/files.h"
#include "wasm/wasmtime_engine.h"

namespace thalo {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

model::EventView event_view(std::string_view type, std::string_view data) {
  model::EventView view;
  view.type = type;
  view.data = data;
  return view;
}

class GuestTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto engine = wasm::make_wasmtime_engine({});
    ASSERT_TRUE(engine) << engine.error().message;
    engine_ = std::move(*engine);
    const auto component = env::read_file(EVERYTHING_FILE);
    ASSERT_TRUE(component) << component.error().message;
    auto module = engine_->load("everything", *component);
    ASSERT_TRUE(module) << module.error().message;
    module_ = *module;
    renew();
  }

  void renew() {
    auto instance = module_->instantiate({});
    ASSERT_TRUE(instance) << instance.error().message;
    instance_ = std::move(*instance);
    entity_ = create();
  }
  wasm::EntityHandle create() {
    const auto entity = instance_->create(stream_);
    EXPECT_TRUE(entity) << entity.error().message;
    return entity.value_or(wasm::EntityHandle{});
  }

  model::Command command(std::string name, std::string payload) const {
    model::Command command{stream_, std::move(name), std::move(payload), "", "", "", ""};
    command.time_ms = 1234;
    return command;
  }
  base::Result<wasm::HandleOutcome> handle(std::string name, std::string payload = "{}") {
    return instance_->handle(entity_, command(std::move(name), std::move(payload)), 7);
  }
  // The JSON of the only event, or what came instead.
  std::string event(std::string name, std::string payload = "{}") {
    const auto outcome = handle(std::move(name), std::move(payload));
    if (!outcome) return outcome.error().message;
    if (const auto* rejection = std::get_if<model::Rejection>(&*outcome)) return "rejected " + rejection->error;
    const auto& events = std::get<std::vector<model::NewEvent>>(*outcome);
    return events.size() == 1 ? events[0].data : std::to_string(events.size()) + " events";
  }
  base::Result<> apply(const std::string& type, const std::string& data) {
    const auto view = event_view(type, data);
    return instance_->apply(entity_, std::span(&view, 1));
  }

  model::StreamName stream_ = *model::StreamName::parse("everything-ä 1");
  std::unique_ptr<wasm::Engine> engine_;
  std::shared_ptr<const wasm::Module> module_;
  std::unique_ptr<wasm::Instance> instance_;
  wasm::EntityHandle entity_;
};

constexpr const char* values =
    R"({"yes":true,"tiny":-128,"large":18446744073709551615,"real":0.1,"text":"\" \\ é €","colour":"green","maybe":null,)"
    R"("numbers":[-1,2],"counts":{"a":1},"shape":{"Square":{"side":2.5}},"raw":{"any":[1e3]}})";

TEST_F(GuestTest, ValuesOfEveryKindComeBackUnchanged) {
  const std::string payload = std::string(R"({"values":)") + values + "}";
  EXPECT_EQ(event("Keep", payload), payload);
}

TEST_F(GuestTest, TheContextArrivesWhole) {
  auto with_context = command("TellContext", "{}");
  with_context.id = "c-1";
  with_context.correlation_id = "corr";
  with_context.causation_id = "caus";
  with_context.metadata = R"({"user":"ann"})";
  const auto outcome = instance_->handle(entity_, with_context, 7);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(
      std::get<0>(*outcome).at(0).data,
      R"({"id":"ä 1","command_id":"c-1","correlation_id":"corr","causation_id":"caus","metadata":"{\"user\":\"ann\"}",)"
      R"("time_ms":1234,"version":7})");
}

TEST_F(GuestTest, ManyLargeEventsComeInOneAnswerAndAgainAndAgain) {
  const std::string text(5000, 'x');
  for (int round = 0; round < 20; ++round) {
    const auto outcome = handle("Repeat", R"({"times":200,"text":")" + text + "\"}");
    ASSERT_TRUE(outcome) << outcome.error().message;
    const auto& events = std::get<std::vector<model::NewEvent>>(*outcome);
    ASSERT_THAT(events, SizeIs(200));
    EXPECT_EQ(events.back().type, "Repeated");
    EXPECT_EQ(events.back().data, R"({"text":")" + text + "\"}");
  }
}

TEST_F(GuestTest, WhatACallNeedsIsGivenBackAfterIt) {
  const std::string reason(100'000, 'x');
  const std::string payload = R"({"reason":")" + reason + "\"}";
  const std::string snapshot = R"({"texts":[],"last":null,"ignored":")" + reason + "\"}";
  for (int round = 0; round < 500; ++round) {
    ASSERT_TRUE(handle("Refuse", payload));
    ASSERT_FALSE(apply("Flown", payload));
    ASSERT_TRUE(instance_->restore(entity_, snapshot));
    ASSERT_TRUE(instance_->snapshot(entity_));
  }
  EXPECT_LT(instance_->memory_bytes(), 2u << 20);
}

TEST_F(GuestTest, ALongReplayInOneCallIsApplied) {
  const auto view = event_view("Repeated", R"({"text":"0123456789"})");
  const std::vector<model::EventView> many(10'000, view);
  ASSERT_TRUE(instance_->apply(entity_, many));
  const auto snapshot = instance_->snapshot(entity_);
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  const std::string empty = R"({"texts":[],"last":null})";
  EXPECT_THAT(*snapshot, SizeIs(empty.size() + 10'000 * std::string(R"("0123456789",)").size() - 1));
}

TEST_F(GuestTest, ARefusalComesAsItsJson) {
  EXPECT_EQ(event("Refuse", R"({"reason":"no"})"), R"(rejected {"type":"Unfit","reason":"no"})");
}

TEST_F(GuestTest, WhatCannotBeReadIsNamedAndTheInstanceLives) {
  EXPECT_THAT(event("Refuse", R"({})"), HasSubstr("missing field `reason`"));
  EXPECT_THAT(event("Fly"), HasSubstr("unknown command; known are Keep"));
  EXPECT_THAT(event("Keep", std::string(R"({"values":{"yes":1}})")),
              HasSubstr("field `values.yes`: expected true or false, got a number"));
  EXPECT_THAT(apply("Repeated", "{}").error().message, HasSubstr("missing field `text`"));
  EXPECT_THAT(apply("Flown", "{}").error().message, HasSubstr("unknown event; known are Kept"));
  EXPECT_FALSE(instance_->broken());
}

TEST_F(GuestTest, ASnapshotMovesTheStateToAnotherEntity) {
  ASSERT_EQ(module_->snapshot_format(), std::optional<std::string>("everything-1"));
  ASSERT_TRUE(apply("Repeated", R"({"text":"a"})"));
  ASSERT_TRUE(apply("Kept", std::string(R"({"values":)") + values + "}"));
  const auto snapshot = instance_->snapshot(entity_);
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_EQ(*snapshot, std::string(R"({"texts":["a"],"last":)") + values + "}");
  const auto other = create();
  ASSERT_TRUE(instance_->restore(other, *snapshot));
  EXPECT_EQ(instance_->snapshot(other), *snapshot);
  EXPECT_THAT(instance_->restore(create(), R"({"texts":1})").error().message,
              HasSubstr("field `texts`: expected an array, got a number"));
}

TEST_F(GuestTest, TheOutsideAnswersTheSameEverywhereAndAlways) {
  const std::string answer = event("AskTheOutside");
  EXPECT_THAT(answer, AllOf(HasSubstr(R"("wall_seconds":946684800,"monotonic_advances":true)"),
                            HasSubstr(R"("has_environment":false,"has_file":false)")));
  EXPECT_EQ(event("AskTheOutside"), answer);
  renew();
  EXPECT_EQ(event("AskTheOutside"), answer);
}

TEST_F(GuestTest, PrintingReachesTheLogLineByLine) {
  base::log::set_level(base::log::Level::info);
  ::testing::internal::CaptureStderr();
  ASSERT_TRUE(handle("Print"));
  const std::string log = ::testing::internal::GetCapturedStderr();
  EXPECT_THAT(log, AllOf(HasSubstr("INFO one 1 "), HasSubstr("INFO two é "), HasSubstr("WARN bad  "),
                         HasSubstr("WARN  byte "), Not(HasSubstr("debugging"))));
}

TEST_F(GuestTest, WhatWouldThrowEndsTheInstanceAndSaysWhy) {
  ::testing::internal::CaptureStderr();
  EXPECT_FALSE(handle("Break", R"({"how":"at"})"));
  EXPECT_TRUE(instance_->broken());
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("ERROR vector"));
  for (const auto* how : {"abort", "exit", "recursion", "memory"}) {
    renew();
    EXPECT_FALSE(handle("Break", std::string(R"({"how":")") + how + "\"}")) << how;
    EXPECT_TRUE(instance_->broken()) << how;
  }
}

TEST_F(GuestTest, ThousandsOfEntitiesComeAndGoInOneInstance) {
  const std::size_t memory = instance_->memory_bytes();
  for (int round = 0; round < 5000; ++round) {
    const auto entity = create();
    instance_->drop(entity);
  }
  EXPECT_EQ(instance_->memory_bytes(), memory);
}

}  // namespace
}  // namespace thalo
