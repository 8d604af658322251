// Dry runs and direct appends.
#include "command/testing/command_fixture.h"

namespace thalo::command {
namespace {

using base::Code;
using testing::accepted;
using testing::CommandTest;
using testing::FakeModule;
using testing::FutureCaller;
using ::testing::HasSubstr;
using testing::Outcome;

TEST_F(CommandTest, ADryRunShowsWhatWouldHappenAndStoresNothing) {
  add("a", 5);
  const auto dry = [&](std::string name, std::string payload) {
    std::promise<Outcome> promise;
    auto future = promise.get_future();
    router().dry_run(request("a", std::move(name), std::move(payload)),
                     std::make_unique<FutureCaller>(std::move(promise)));
    return future.get();
  };
  const auto would = dry("Many", "{\"n\":2}");
  ASSERT_EQ(accepted(would).events.size(), 2u);
  EXPECT_EQ(accepted(would).version, 3u);
  EXPECT_EQ(accepted(would).events[1].position, 2u);
  EXPECT_EQ(std::get<model::Rejection>(dry("Add", "{\"n\":-6}").value()).error, "{\"count\":5}");
  EXPECT_EQ(stored("a").size(), 1u);
  EXPECT_EQ(accepted(add("a", 1)).version, 2u) << "the entity is where it was";
}

class AppendTest : public CommandTest {
 protected:
  std::future<Outcome> send_append(std::string stream, std::vector<model::NewEvent> events,
                                   std::optional<std::uint64_t> expected = {}) {
    std::promise<Outcome> promise;
    auto future = promise.get_future();
    AppendRequest request;
    request.stream = std::move(stream);
    request.events = std::move(events);
    request.expected_version = expected;
    router().append(std::move(request), std::make_unique<FutureCaller>(std::move(promise)));
    return future;
  }
};

TEST_F(AppendTest, StoresEventsOfAStreamNoAggregateOwns) {
  const auto outcome = send_append("imported-1", {{"A", "{}", ""}, {"B", "[1]", "{\"k\":1}"}}, 0).get();
  EXPECT_EQ(accepted(outcome).version, 2u);
  EXPECT_EQ(send_append("imported-1", {{"A", "{}", ""}}, 0).get().error().code, Code::aborted);
  EXPECT_EQ(accepted(send_append("imported-1", {{"A", "{}", ""}}).get()).version, 3u);
}

TEST_F(AppendTest, AnEntityInMemoryGoesOnFromTheAppendedEvents) {
  add("a", 5);
  store_.disk().hold_commits();
  auto before = send(request("a", "Add", "{\"n\":1}"));
  auto appended = send_append("counter-a", {{"Added", "{\"n\":10}", ""}});
  auto after = send(request("a", "Add", "{\"n\":-100}"));
  auto cold = send_append("counter-b", {{"Added", "{\"n\":7}", ""}});
  auto after_cold = send(request("b", "Add", "{\"n\":-100}"));
  store_.disk().release_commits();
  EXPECT_EQ(accepted(before.get()).version, 2u);
  EXPECT_EQ(accepted(appended.get()).version, 3u);
  EXPECT_EQ(std::get<model::Rejection>(after.get().value()).error, "{\"count\":16}");
  EXPECT_EQ(accepted(cold.get()).version, 1u);
  EXPECT_EQ(std::get<model::Rejection>(after_cold.get().value()).error, "{\"count\":7}")
      << "never executed on the events before";
}

TEST_F(AppendTest, AppendsIntoManyStreamsLeaveEntitiesInMemory) {
  options_.shards = 1;
  options_.cached_entities_max = 4;
  add("a", 5);
  for (int i = 0; i < 50; ++i)
    accepted(send_append("counter-new" + std::to_string(i), {{"Added", "{\"n\":1}", ""}}).get());
  EXPECT_LE(router().cached_entities(), 4u);
  const int applied = module_->statistics().apply_calls;
  EXPECT_EQ(accepted(add("a", 1)).version, 2u);
  EXPECT_EQ(module_->statistics().apply_calls, applied + 1) << "its own event, and none to rebuild it";
  EXPECT_EQ(std::get<model::Rejection>(add("new7", -2).value()).error, "{\"count\":1}");
}

TEST_F(AppendTest, AnEntityInTheSlowLaneGoesOnFromTheAppendedEvents) {
  accepted(add("a", 5));
  accepted(run("a", "Spin"));
  EXPECT_EQ(accepted(add("a", 1)).version, 3u) << "it is in the slow lane's memory";
  EXPECT_EQ(accepted(send_append("counter-a", {{"Added", "{\"n\":100}", ""}}).get()).version, 4u);
  EXPECT_EQ(std::get<model::Rejection>(add("a", -200).value()).error, "{\"count\":107}");
  auto with_version = request("a", "Add", "{\"n\":-50}");
  with_version.expected_version = 4;
  EXPECT_EQ(accepted(run(std::move(with_version))).version, 5u);
  EXPECT_EQ(accepted(send_append("counter-cold", {{"Added", "{\"n\":7}", ""}}).get()).version, 1u);
  EXPECT_EQ(std::get<model::Rejection>(add("cold", -8).value()).error, "{\"count\":7}");
}

TEST_F(AppendTest, BadInputNamesTheEventAndStoresNothing) {
  const auto check = [&](std::string stream, std::vector<model::NewEvent> events, const char* text) {
    const auto outcome = send_append(std::move(stream), std::move(events)).get();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, Code::invalid_argument);
    EXPECT_THAT(outcome.error().message, HasSubstr(text));
  };
  check("nodash", {{"A", "{}", ""}}, "no '-'");
  check("a-1", {}, "events is empty");
  check("a-1", {{"A", "{}", ""}, {"", "{}", ""}}, "events[1]: event type is empty");
  check("a-1", {{"A", "{", ""}}, "events[0]: data is not valid JSON");
  check("a-1", {{"A", "{}", "3"}}, "events[0]: metadata must be a JSON object");
  EXPECT_EQ(store_.head(), 0u);
}

}  // namespace
}  // namespace thalo::command
