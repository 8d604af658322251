// Streams that a ProjectionMachine holds behind an event that failed: one promise a test.
#include "feed/testing/projection_machine_fixture.h"

namespace thalo::feed {
namespace {

// --- failures ---

TEST_F(MachineTest, AFailureFinishesTheEarlierEventsOfItsStreamAndWithdrawsTheLaterOnes) {
  join(1);
  feed({"a-1", "b-1", "a-1", "a-1", "b-1"});
  sent();
  fail(1, 2, "no such table");
  EXPECT_EQ(machine_.unacknowledged(1), 2U) << "the two of b-1";
  EXPECT_EQ(held("a-1"), (HeldStream{.stream = "a-1",
                                     .state = HeldState::retrying,
                                     .position = 1,
                                     .global_position = 2,
                                     .attempts = 1,
                                     .error = "no such table",
                                     .first_failed_ms = now,
                                     .last_failed_ms = now,
                                     .retry_at_ms = now + 100}));
  EXPECT_EQ(machine_.cursor(), 1U);
  acknowledge(1, {}, 4);
  EXPECT_EQ(machine_.cursor(), 5U);
  EXPECT_TRUE(machine_.holds_until(2));
  EXPECT_FALSE(machine_.holds_until(1));
  fail(1, 2);  // again, of what is withdrawn
  EXPECT_EQ(held("a-1").attempts, 1U);
  // It is tried alone, then those behind it come together.
  EXPECT_EQ(machine_.next_tick_ms(), now + 100);
  tick(now + 99);
  EXPECT_THAT(reads(), IsEmpty());
  tick(now + 100);
  EXPECT_EQ(machine_.next_tick_ms(), std::nullopt);
  answer_one_read();
  auto again = sent();
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(again.front().positions, Positions{2});
  EXPECT_EQ(again.front().failures_seen, 2U);
  acknowledge(1, again.front().number, 2);
  EXPECT_EQ(held("a-1").global_position, 3U);
  EXPECT_EQ(held("a-1").attempts, 0U);
  feed({"a-1"});
  answer_one_read();
  EXPECT_EQ(positions(), (Positions{3, 5}));
  acknowledge(1, {}, 5);
  EXPECT_THAT(machine_.place().held, IsEmpty());
  EXPECT_THAT(reads(), IsEmpty());
  feed({"a-1"});
  EXPECT_EQ(positions(), Positions{6});
}

TEST_F(MachineTest, PausesDoubleUpToTheLongestAndTheLastAttemptParks) {
  join(1);
  feed({"a-1"});
  machine_.set_policy({.attempts_max = 5,
                       .backoff_first = std::chrono::milliseconds(100),
                       .backoff_max = std::chrono::milliseconds(300)});
  std::int64_t at = now;
  for (const std::int64_t pause : {100, 200, 300, 300}) {
    sent();
    fail(1, 0, "at " + std::to_string(at), at);
    EXPECT_EQ(held("a-1").retry_at_ms, at + pause);
    EXPECT_EQ(held("a-1").state, HeldState::retrying);
    EXPECT_EQ(machine_.next_tick_ms(), at + pause);
    at += pause;
    tick(at);
    answer_one_read();
    EXPECT_EQ(positions(), Positions{0});
  }
  fail(1, 0, "the last", at);
  const HeldStream parked = held("a-1");
  EXPECT_EQ(parked.state, HeldState::parked);
  EXPECT_EQ(parked.attempts, 5U);
  EXPECT_EQ(parked.retry_at_ms, 0);
  EXPECT_EQ(parked.first_failed_ms, now);
  EXPECT_EQ(parked.last_failed_ms, at);
  EXPECT_EQ(parked.error, "the last");
  EXPECT_EQ(machine_.next_tick_ms(), std::nullopt);
  tick(at + 1'000'000);
  EXPECT_THAT(reads(), IsEmpty());
}

TEST_F(MachineTest, WithoutALimitOfAttemptsNothingIsParked) {
  join(1);
  machine_.set_policy({.attempts_max = 0, .backoff_first = std::chrono::milliseconds(0)});
  feed({"a-1"});
  for (int attempt = 0; attempt < 50; ++attempt) {
    fail(1, 0);
    EXPECT_EQ(held("a-1").state, HeldState::retrying);
    EXPECT_EQ(held("a-1").retry_at_ms, now);
    tick(now);
    answer_one_read();
  }
}

TEST_F(MachineTest, AnEventBehindOneThatWasTriedCanFailToo) {
  join(1);
  feed({"a-1", "a-1", "a-1"});
  fail(1, 0);
  tick(now + 100);
  answer_one_read();
  acknowledge(1, {}, 0);
  answer_one_read();
  sent();
  fail(1, 2, "the third", now + 200);  // the second counts as done
  EXPECT_EQ(held("a-1").global_position, 2U);
  EXPECT_EQ(held("a-1").position, 2U);
  EXPECT_EQ(held("a-1").attempts, 1U);
  EXPECT_EQ(held("a-1").first_failed_ms, now + 200);
  EXPECT_EQ(machine_.unacknowledged(1), 0U);
  tick(now + 300);
  answer_one_read();
  EXPECT_EQ(positions(), Positions{2});
}

TEST_F(MachineTest, AReasonIsCutBetweenLettersAndOneThatIsNoTextIsSaidToBeNone) {
  join(1);
  feed({"a-1", "b-1", "c-1"});
  fail(1, 0, std::string(299, 'x') + "\xC3\xA4");
  fail(1, 1, "\xFF");
  fail(1, 2, std::string(300, 'y'));
  EXPECT_EQ(held("a-1").error, std::string(299, 'x'));
  EXPECT_EQ(held("b-1").error, "(the reason is not UTF-8)");
  EXPECT_EQ(held("c-1").error, std::string(300, 'y'));
}

TEST_F(MachineTest, AHeldStreamStaysWithItsMemberAndIsTriedByAnotherWhenThatGoes) {
  share_among({1, 2});
  const std::string mine = stream_of(1);
  join(1);
  join(2);
  feed({mine, mine});
  fail(1, 0);
  sent();
  tick(now + 100);
  answer_one_read();
  EXPECT_EQ(positions(1), Positions{0});
  leave(1);
  EXPECT_THAT(positions(), IsEmpty()) << "it is tried when its time comes";
  EXPECT_EQ(machine_.next_tick_ms(), now + 100);
  tick(now + 100);
  answer_one_read();
  EXPECT_EQ(positions(2), Positions{0});
  EXPECT_EQ(held(mine).attempts, 1U) << "a member that goes has not failed it";
}

TEST_F(MachineTest, AHeldStreamsWindowIsThatOfItsMember) {
  join(1, {.events = 2});
  feed({"a-1", "a-1"});
  fail(1, 0);
  feed({"b-1"});
  sent();
  feed(std::vector<std::string>(5, "a-1"));
  tick(now + 100);
  answer_one_read();
  EXPECT_EQ(positions(), Positions{0});
  acknowledge(1, {}, 0);
  answer_one_read();
  EXPECT_EQ(positions(), (Positions{1, 3}));
  acknowledge(1, {}, 1);
  EXPECT_EQ(positions(), Positions{4});
  EXPECT_EQ(machine_.unacknowledged(1), 2U);
}

TEST_F(MachineTest, AnAnswerToAReadThatWasGivenUpIsIgnored) {
  join(1);
  feed({"a-1"});
  fail(1, 0);
  tick(now + 100);
  const auto first = reads();
  leave(1);
  join(1);
  tick(now + 200);
  const auto second = reads();
  sent();
  ASSERT_THAT(first, SizeIs(1));
  ASSERT_THAT(second, SizeIs(1));
  answer(first.front());
  EXPECT_THAT(positions(), IsEmpty());
  answer(second.front());
  EXPECT_EQ(positions(), Positions{0});
  answer(second.front());  // twice
  EXPECT_THAT(positions(), IsEmpty());
}

TEST_F(MachineTest, EventsThatDoNotMatchAreReadPastUntilTheEnd) {
  join(1);
  feed({"a-1"});
  fail(1, 0);
  sent();
  tick(now + 100);
  const auto read = reads();
  ASSERT_THAT(read, SizeIs(1));
  // Nothing that matches in what was looked at, and there is more.
  StreamEvents nothing{.stream = "a-1",
                       .token = read.front().token,
                       .events = std::make_shared<EventBatch>(0),
                       .next = 70,
                       .at_end = false};
  machine_.take_stream_events(nothing);
  carry_out();
  const auto further = reads();
  ASSERT_THAT(further, SizeIs(1));
  EXPECT_EQ(further.front().from, 70U);
  nothing.token = further.front().token;
  nothing.at_end = true;
  machine_.take_stream_events(nothing);
  carry_out();
  EXPECT_THAT(machine_.place().held, IsEmpty());
  EXPECT_THAT(positions(), IsEmpty());
}

TEST_F(MachineTest, OnlySixteenStreamsAreTriedAtOnce) {
  join(1);
  std::vector<std::string> streams;
  for (int number = 0; number < 20; ++number) streams.push_back("s-" + std::to_string(number));
  feed(streams);
  for (GlobalPosition position = 0; position < 20; ++position) fail(1, position);
  sent();
  tick(now + 100);
  auto reading = reads();
  EXPECT_THAT(reading, SizeIs(16));
  EXPECT_EQ(machine_.next_tick_ms(), std::nullopt) << "no room: a tick would do nothing";
  answer(reading.front());
  const Positions tried = positions();
  ASSERT_THAT(tried, SizeIs(1));
  acknowledge(1, {}, tried.front());
  EXPECT_EQ(machine_.next_tick_ms(), now + 100);
  tick(now + 100);
  EXPECT_THAT(reads(), SizeIs(1));
}

// --- too many held streams ---

TEST_F(MachineTest, WithAsManyHeldStreamsAsAllowedNothingLiveIsSentAndItSaysSo) {
  join(1);
  machine_.set_policy({.attempts_max = 1, .parked_streams_max = 2});
  feed(abc);
  fail(1, 0);
  EXPECT_EQ(machine_.stopped(), "");
  EXPECT_TRUE(machine_.wants_events());
  fail(1, 1);
  EXPECT_THAT(machine_.stopped(), HasSubstr("2 streams are held (2 of them parked) and there may be 2"));
  EXPECT_FALSE(machine_.wants_events());
  sent();
  feed({"d-1"});
  EXPECT_THAT(positions(), IsEmpty());
  // No third one can be held, so whoever fails it has to go, and nothing is lost.
  fail(1, 2);
  const auto stopped = stops();
  ASSERT_THAT(stopped, SizeIs(1));
  EXPECT_EQ(stopped.front().second.code, Code::resource_exhausted);
  EXPECT_EQ(machine_.cursor(), 2U);
  join(2);
  sent();
  machine_.set_policy({.attempts_max = 1, .parked_streams_max = 3});
  carry_out();
  EXPECT_EQ(machine_.stopped(), "");
  EXPECT_TRUE(machine_.wants_events());
  EXPECT_EQ(machine_.read_position(), 2U);
}

TEST_F(MachineTest, AHeldStreamCanFailAgainWhenNoFurtherOneCanBeHeld) {
  join(1);
  machine_.set_policy({.attempts_max = 2, .backoff_first = std::chrono::milliseconds(0), .parked_streams_max = 1});
  feed({"a-1"});
  fail(1, 0);
  tick(now);
  answer_one_read();
  EXPECT_EQ(positions(), (Positions{0, 0})) << "held streams go on";
  fail(1, 0);
  EXPECT_THAT(stops(), IsEmpty());
  EXPECT_EQ(held("a-1").state, HeldState::parked);
  EXPECT_THAT(machine_.stopped(), HasSubstr("1 stream is held (1 of them parked)"));
}

// --- retry and skip ---

TEST_F(MachineTest, RetryTriesOneOrAllHeldStreamsAtOnce) {
  join(1);
  machine_.set_policy({.attempts_max = 1});
  feed(abc);
  for (const GlobalPosition position : {0U, 1U, 2U}) fail(1, position);
  EXPECT_EQ(machine_.retry("d-1", now).error().code, Code::not_found);
  EXPECT_EQ(machine_.retry("b-1", now).value(), 1U);
  carry_out();
  auto reading = reads();
  ASSERT_THAT(reading, SizeIs(1));
  EXPECT_EQ(reading.front().stream, "b-1");
  EXPECT_EQ(reading.front().limit, 1U);
  EXPECT_EQ(held("b-1").state, HeldState::retrying);
  EXPECT_EQ(machine_.retry("", now + 5).value(), 3U) << "one of which is being tried already";
  carry_out();
  EXPECT_THAT(reads(), SizeIs(2));
  EXPECT_EQ(held("a-1").retry_at_ms, now + 5);
  EXPECT_EQ(held("b-1").retry_at_ms, now);
  machine_.reset(3);
  EXPECT_EQ(machine_.retry("", now).value(), 0U);
}

TEST_F(MachineTest, SkipDropsTheEventThatIsNamedAndNoOther) {
  join(1);
  machine_.set_policy({.attempts_max = 1});
  feed({"a-1", "b-1", "a-1"});
  fail(1, 0);
  sent();
  const auto refusal = [&](const char* stream, GlobalPosition position) {
    const auto skipped = machine_.skip(stream, position, now);
    return skipped ? base::Error{} : skipped.error();
  };
  EXPECT_EQ(refusal("b-1", 1).code, Code::not_found);
  EXPECT_THAT(refusal("a-1", 2).message, HasSubstr("is at global position 0, not 2"));
  EXPECT_TRUE(machine_.retry("a-1", now));
  carry_out();
  EXPECT_THAT(refusal("a-1", 0).message, HasSubstr("being tried right now"));
  answer_one_read();
  sent();
  fail(1, 0, "again", now + 10);
  EXPECT_TRUE(machine_.skip("a-1", 0, now + 20));
  carry_out();
  EXPECT_EQ(held("a-1").position, 1U);
  EXPECT_THAT(refusal("a-1", 1).message, HasSubstr("has not failed; retry the stream"));
  answer_one_read();
  EXPECT_EQ(positions(), Positions{2}) << "the next one comes at once";
  acknowledge(1, {}, 2);
  EXPECT_THAT(machine_.place().held, IsEmpty());
}

TEST_F(MachineTest, ASkipMakesRoomForWhatWaits) {
  join(1);
  machine_.set_policy({.attempts_max = 1, .parked_streams_max = 1});
  feed({"a-1"});
  fail(1, 0);
  sent();
  feed({"b-1"});
  EXPECT_THAT(positions(), IsEmpty());
  EXPECT_TRUE(machine_.skip("a-1", 0, now));
  carry_out();
  EXPECT_EQ(positions(), Positions{1});
}

// --- after a restart ---

TEST_F(MachineTest, AHeldStreamOfBeforeTheRestartGoesOnWithAllThatWaitsBehindIt) {
  store({"a-1", "b-1", "a-1", "b-1", "a-1"});
  ProjectionPlace place{.cursor = 3, .policy = policy};
  place.held = {{.stream = "a-1", .state = HeldState::retrying, .position = 0, .global_position = 0, .attempts = 1}};
  machine_ = ProjectionMachine(place);
  EXPECT_EQ(machine_.place(), place);
  join(1);
  EXPECT_TRUE(machine_.holds_until(0));
  EXPECT_EQ(machine_.next_tick_ms(), 0);
  tick(now);
  answer_one_read();
  EXPECT_EQ(positions(), Positions{0});
  acknowledge(1, {}, 0);
  answer_one_read();
  EXPECT_EQ(positions(), Positions{2}) << "not what is ahead of the cursor: that comes on the live lane";
  acknowledge(1, {}, 2);
  EXPECT_THAT(machine_.place().held, IsEmpty());
}

TEST_F(MachineTest, HeldStreamsAreShownInTheOrderOfTheEventsThatWait) {
  join(1);
  feed({"z-1", "a-1", "m-1"});
  for (const GlobalPosition position : {1U, 2U, 0U}) fail(1, position);
  std::vector<std::string> streams;
  for (const HeldStream& one : machine_.place().held) streams.push_back(one.stream);
  EXPECT_THAT(streams, ElementsAre("z-1", "a-1", "m-1"));
}

TEST_F(MachineTest, TheEventAtTheCursorIsKnown) {
  EXPECT_FALSE(machine_.first_unfinished());
  join(1, {.events = 1});
  feed(abc);
  EXPECT_EQ(machine_.first_unfinished()->global_position, 0U);
  acknowledge(1, 1, 0);
  EXPECT_EQ(machine_.first_unfinished()->global_position, 1U);
  acknowledge(1, {}, 1);
  acknowledge(1, {}, 2);
  EXPECT_FALSE(machine_.first_unfinished());
  EXPECT_EQ(machine_.cursor(), 3U);
}

TEST_F(MachineTest, AnEventThatIsPassedByAfterTheEndOfItsStreamWasReadIsNotForgotten) {
  join(1);
  feed({"a-1", "b-1"});
  fail(1, 0);
  acknowledge(1, {}, 1);
  machine_ = ProjectionMachine(machine_.place());  // which does not know how far the stream was passed by
  sent();
  join(1);
  tick(now + 100);
  answer_one_read();
  acknowledge(1, {}, 0);
  const auto wanted = reads();
  ASSERT_THAT(wanted, SizeIs(1));
  const StreamEvents none = answer_of(wanted.front());
  feed({"a-1"});
  EXPECT_EQ(positions(), Positions{0});
  machine_.take_stream_events(none);
  carry_out();
  EXPECT_TRUE(machine_.holds_until(2));
  answer_one_read();
  EXPECT_EQ(positions(), Positions{2});
}

}  // namespace
}  // namespace thalo::feed
