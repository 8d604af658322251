// What an instance answers, in both worlds.
#include "wasm/test_support.h"

namespace thalo::wasm {
namespace {

using namespace testing;

class BothWorlds : public ::testing::TestWithParam<World> {
 protected:
  const Module& module() { return GetParam() == World::v1 ? counter_v1() : counter_v0_8(); }
  std::unique_ptr<Instance> instance = instantiate(module());
};

INSTANTIATE_TEST_SUITE_P(Worlds, BothWorlds, ::testing::Values(World::v1, World::v0_8),
                         [](const auto& world) { return world.param == World::v1 ? "v1" : "v0_8"; });

TEST_P(BothWorlds, ACommandBecomesEventsAndEventsBecomeState) {
  Counter counter(*instance);
  const auto events = counter.events("increment", R"({"amount":10})");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0], (model::NewEvent{"Incremented", R"({"amount":10})", ""}));
  EXPECT_EQ(counter.count(), "0") << "handle must not change the state";
  ASSERT_TRUE(counter.increment(10));
  EXPECT_EQ(counter.count(), "10");
  ASSERT_TRUE(counter.apply({{"Incremented", "1"}, {"Incremented", "2"}, {"Unknown", "{}"}, {"Incremented", "3"}}));
  EXPECT_EQ(counter.count(), "16");
  EXPECT_TRUE(counter.apply({}));
}

TEST_P(BothWorlds, EntitiesOfOneInstanceHaveTheirOwnStates) {
  Counter first(*instance, "first");
  Counter second(*instance, "second");
  EXPECT_EQ(instance->entities(), 2U);
  ASSERT_TRUE(first.increment(1));
  ASSERT_TRUE(second.increment(20));
  EXPECT_EQ(first.count(), "1");
  EXPECT_EQ(second.count(), "20");
  instance->drop(first.entity());
  EXPECT_EQ(instance->entities(), 1U);
  EXPECT_EQ(second.count(), "20");
}

TEST_P(BothWorlds, AHandleOfADroppedEntityReachesNoOtherOne) {
  Counter gone(*instance, "gone");
  instance->drop(gone.entity());
  Counter next(*instance, "next");
  EXPECT_NE(gone.entity(), next.entity());
  EXPECT_EQ(gone.error("report").code, Code::internal);
  instance->drop(gone.entity());
  EXPECT_EQ(instance->entities(), 1U);
  EXPECT_FALSE(instance->broken());
}

TEST_P(BothWorlds, NoEventAtAllIsAnAnswer) { EXPECT_TRUE(Counter(*instance).events("nothing").empty()); }

TEST_P(BothWorlds, ARejectionIsAnAnswerWithTheErrorAsJson) {
  Counter counter(*instance);
  auto outcome = counter.handle("reject", R"({"limit":5})");
  ASSERT_TRUE(outcome);
  EXPECT_EQ(std::get<model::Rejection>(*outcome).error, R"({"limit":5})");
  outcome = counter.handle("reject-text");
  ASSERT_TRUE(outcome);
  EXPECT_EQ(std::get<model::Rejection>(*outcome).error, R"("no JSON at all")");
  EXPECT_FALSE(instance->broken());
}

TEST_P(BothWorlds, TheGuestsOwnErrorsKeepTheInstanceAlive) {
  Counter counter(*instance);
  const auto unknown = counter.error("fly");
  EXPECT_EQ(unknown.code, Code::invalid_argument);
  EXPECT_THAT(unknown.message, AllOf(HasSubstr("module 'counter'"), HasSubstr("counter-a"), HasSubstr("'fly'"),
                                     HasSubstr("no such command")));
  EXPECT_EQ(counter.error("increment", R"({"amount":"ten"})").code, Code::invalid_argument);
  EXPECT_THAT(counter.error("bad-payload").message, HasSubstr("the amount is missing"));
  for (const char* name : {"bad-context", "bad-event", "bad-error", "bad-new-event"}) {
    EXPECT_EQ(counter.error(name).code, Code::failed_precondition) << name;
  }
  EXPECT_THAT(counter.error("bad-error").message, AllOf(HasSubstr("TooMuch"), HasSubstr("it is poison")));
  EXPECT_FALSE(instance->broken());
  EXPECT_EQ(counter.count(), "0");
}

TEST_P(BothWorlds, AnEventTheGuestCannotReadIsNamedWithItsPosition) {
  Counter counter(*instance);
  ASSERT_TRUE(counter.increment(1));
  const auto applied = counter.apply({{"Incremented", "1"}, {"Poison", "{}"}, {"Incremented", "1"}});
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, Code::failed_precondition);
  EXPECT_THAT(applied.error().message, AllOf(HasSubstr("'Poison' at position 2"), HasSubstr("it is poison")));
  EXPECT_THAT(counter.apply({{"Poison", "{}"}, {"Poison", "{}"}}).error().message,
              HasSubstr("2 positions from 1 to 2"));
  EXPECT_FALSE(instance->broken());
}

TEST_P(BothWorlds, AnAnswerThatBreaksTheContractLosesTheInstance) {
  const std::pair<const char*, const char*> breakers[] = {
      {"bad-json", "not JSON"},
      {"bad-utf8", "utf-8"},
      {"empty-type", "event type is empty"},
      {"bad-list", "broke the contract"},
      {"bad-variant", "broke the contract"},
  };
  for (const auto& [name, reason] : breakers) {
    auto fresh = instantiate(module());
    Counter counter(*fresh);
    const auto error = counter.error(name);
    EXPECT_EQ(error.code, Code::failed_precondition) << name;
    EXPECT_THAT(error.message, AllOf(HasSubstr("broke the contract"), HasSubstr(reason))) << name;
    EXPECT_TRUE(fresh->broken()) << name;
  }
}

TEST_P(BothWorlds, ATrapIsNamedAndALostInstanceAnswersAtOnce) {
  Counter counter(*instance);
  const auto error = counter.error("trap");
  EXPECT_EQ(error.code, Code::failed_precondition);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("wasm `unreachable` instruction executed"), HasSubstr("handle"), Not(HasSubstr("\n"))));
  EXPECT_TRUE(instance->broken());
  EXPECT_EQ(instance->memory_bytes(), 0U) << "a lost instance gives its memory back";
  const auto after = counter.error("report");
  EXPECT_EQ(after.code, Code::failed_precondition);
  EXPECT_THAT(after.message, AllOf(HasSubstr("lost"), HasSubstr("unreachable")));
  EXPECT_EQ(counter.apply({{"Incremented", "1"}}).error().code, Code::failed_precondition);
  EXPECT_EQ(instance->create(stream("b")).error().code, Code::failed_precondition);
  instance->drop(counter.entity());
}

TEST_P(BothWorlds, ATrapInApplyIsNamed) {
  Counter counter(*instance);
  const auto applied = counter.apply({{"Trap", "{}"}});
  ASSERT_FALSE(applied);
  EXPECT_THAT(applied.error().message, AllOf(HasSubstr("apply of counter-a"), HasSubstr("unreachable")));
  EXPECT_TRUE(instance->broken());
}

TEST_P(BothWorlds, EndlessRecursionIsANamedTrap) {
  Counter counter(*instance);
  EXPECT_THAT(counter.error("recurse").message, AllOf(HasSubstr("call stack exhausted"), HasSubstr("recurse")));
  EXPECT_TRUE(instance->broken());
}

TEST_P(BothWorlds, AReadOutsideTheMemoryIsANamedTrap) {
  Counter counter(*instance);
  EXPECT_THAT(counter.error("stray").message, HasSubstr("out of bounds memory access"));
  EXPECT_TRUE(instance->broken());
}

// The error of a trap in a function of that name.
std::string trap_in(const std::string& function) {
  const std::string quoted = "$\"" + function + "\"";
  const auto module = load(guests::make(
      {.parts = {{"core-imports", "(func " + quoted + " unreachable)"}, {"handle", "(call " + quoted + ")"}}}));
  auto instance = instantiate(*module);
  return Counter(*instance).error("report").message;
}

TEST(Trap, AFunctionsNameIsReadableWhereItsLanguageManglesIt) {
  EXPECT_THAT(trap_in("_ZN4shop4Cart3addE"), HasSubstr(", in shop::Cart::add < handle;"));
  EXPECT_THAT(trap_in("_ZN4core9panicking5panic17h0123456789abcdefE"), HasSubstr(", in core::panicking::panic::h"));
  EXPECT_THAT(trap_in("main.add"), HasSubstr(", in main.add < handle;"));
}

TEST(Trap, AFunctionsNameThatUnfoldsWithoutEndIsShownAsItIs) {
  std::string name = "_Z1f1AIiiE";  // each further part is the one before twice
  for (const char part : std::string("0123456789ABCDEF")) name += std::string("S_IS") + part + "_S" + part + "_E";
  EXPECT_THAT(trap_in(name), HasSubstr(", in " + name.substr(0, 120) + "... < handle;"));
}

TEST(Trap, AFunctionsNameThatIsNoMangledOneIsShownAsItIs) {
  for (const std::string name : {"_ZN", "_ZNE", "_ZN1a", "_ZN1a99Eb", "_ZN1aQ", "_ZN99999999999999999999aE"})
    EXPECT_THAT(trap_in(name), HasSubstr(", in " + name + " < handle;"));
  const std::string cut(119, 'a');
  EXPECT_THAT(trap_in(cut + "ä"), HasSubstr(", in " + cut + "... < handle;")) << "at a character";
}

TEST_P(BothWorlds, BytesThatAreNoUtf8AreRefusedBeforeTheGuestSeesThem) {
  Counter counter(*instance);
  EXPECT_EQ(counter.error("\xff").code, Code::invalid_argument);
  EXPECT_EQ(counter.error("report", "\"\xc3\"").code, Code::invalid_argument);
  EXPECT_EQ(counter.apply({{"Incremented", "\xff"}}).error().code, Code::data_loss);
  EXPECT_FALSE(instance->broken());
  EXPECT_EQ(counter.count(), "0");
}

TEST(Context, ACommandArrivesWithItsContext) {
  auto instance = instantiate(counter_v1());
  const auto entity = instance->create(stream()).value();
  model::Command command{stream(), "context", "{}", "c-1", "corr", "caus", R"({"user":"mia"})"};
  command.time_ms = 1'700'000'000'123;
  auto outcome = instance->handle(entity, command, 42);
  ASSERT_TRUE(outcome) << outcome.error().message;
  EXPECT_EQ(std::get<0>(*outcome).at(0).data, R"(["c-1","corr","caus",1700000000123,42,{"user":"mia"}])");
}

TEST(Snapshots, ARestoredEntityContinuesWhereTheOtherWas) {
  auto instance = instantiate(counter_v1());
  Counter counter(*instance);
  ASSERT_TRUE(counter.increment(7));
  const auto snapshot = instance->snapshot(counter.entity());
  ASSERT_TRUE(snapshot) << snapshot.error().message;
  EXPECT_EQ(*snapshot, "7");
  auto other = instantiate(counter_v1());
  Counter restored(*other);
  ASSERT_TRUE(other->restore(restored.entity(), *snapshot));
  ASSERT_TRUE(restored.increment(1));
  EXPECT_EQ(restored.count(), "8");
}

TEST(Snapshots, OneThatCannotBeReadIsRefusedWithTheGuestsReason) {
  auto instance = instantiate(counter_v1());
  Counter counter(*instance);
  const auto restored = instance->restore(counter.entity(), "none");
  ASSERT_FALSE(restored);
  EXPECT_EQ(restored.error().code, Code::failed_precondition);
  EXPECT_THAT(restored.error().message, HasSubstr("the amount is missing"));
  EXPECT_EQ(instance->restore(counter.entity(), "\xff").error().code, Code::data_loss);
  EXPECT_FALSE(instance->broken());
}

TEST(Snapshots, AModuleWithoutThemSaysUnimplemented) {
  auto old = instantiate(counter_v0_8());
  Counter counter(*old);
  EXPECT_EQ(old->snapshot(counter.entity()).error().code, Code::unimplemented);
  EXPECT_EQ(old->restore(counter.entity(), "1").error().code, Code::unimplemented);

  const auto module = load(guests::make({.parts = {{"format", "(return (call $alloc (i32.const 12)))"}}}));
  EXPECT_EQ(module->snapshot_format(), std::nullopt);
  auto instance = instantiate(*module);
  Counter other(*instance);
  EXPECT_EQ(instance->snapshot(other.entity()).error().code, Code::unimplemented);
}

}  // namespace
}  // namespace thalo::wasm
