// What a ProjectionMachine sends to whom, and what of it is acknowledged: one promise a test.
#include "feed/testing/projection_machine_fixture.h"

namespace thalo::feed {
namespace {

// --- windows, deliveries, reading ahead ---

TEST_F(MachineTest, AWindowOfEventsIsFilledAndNoMore) {
  join(1, {.events = 2});
  feed(abc);
  EXPECT_EQ(positions(), (Positions{0, 1}));
  EXPECT_EQ(machine_.unacknowledged(1), 2U);
  EXPECT_EQ(machine_.unacknowledged(2), 0U);
  acknowledge(1, 1, 0);
  EXPECT_EQ(positions(), Positions{2});
  EXPECT_EQ(machine_.unacknowledged(1), 2U);
}

TEST_F(MachineTest, AWindowOfBytesIsFilledAndAnEventLargerThanItIsSentAlone) {
  for (const bool in_runs : {true, false}) {
    machine_ = ProjectionMachine(ProjectionPlace{.cursor = stored_.size(), .policy = policy});
    const GlobalPosition first = stored_.size();
    join(1, {.bytes = 1000});
    feed({"a-1", "a-1"}, 2000);
    feed({"a-1", "a-1", "a-1"}, 300);
    EXPECT_EQ(positions(), Positions{first}) << "of two that do not fit, one is sent";
    // An acknowledgement without a number spreads the runs.
    acknowledge(1, in_runs ? std::optional<std::uint64_t>(1) : std::nullopt, first);
    EXPECT_EQ(positions(), Positions{first + 1});
    acknowledge(1, in_runs ? std::optional<std::uint64_t>(2) : std::nullopt, first + 1);
    EXPECT_EQ(positions(), (Positions{first + 2, first + 3})) << "a third of 300 bytes and its own would be too much";
    leave(1);
  }
}

TEST_F(MachineTest, ADeliveryHasAtMostAThousandEventsOr128KiBAndOneMore) {
  for (const bool in_runs : {true, false}) {
    machine_ = ProjectionMachine(ProjectionPlace{.cursor = stored_.size(), .policy = policy});
    if (!in_runs) {
      // With another member's events behind, nothing is kept in runs.
      join(9);
      leave(9);
    }
    join(1);
    if (!in_runs) {
      feed({"a-1"});
      fail(1, stored_.size() - 1, "so that single events count", now);
      sent();
    }
    feed(std::vector<std::string>(2500, "b-1"));
    std::vector<std::size_t> sizes;
    for (const Sent& one : sent()) sizes.push_back(one.positions.size());
    EXPECT_THAT(sizes, ElementsAre(1000, 1000, 500));
    feed(std::vector<std::string>(8, "b-1"), 60'000);
    sizes.clear();
    for (const Sent& one : sent()) sizes.push_back(one.positions.size());
    EXPECT_THAT(sizes, ElementsAre(3, 3, 2));
    leave(1);
    reads();
  }
}

TEST_F(MachineTest, DeliveriesAreNumberedFromOneForEachMember) {
  join(1, {.events = 1});
  feed(abc);
  EXPECT_EQ(sent().front().number, 1U);
  acknowledge(1, 1, 0);
  EXPECT_EQ(sent().front().number, 2U);
  leave(1);
  join(2, {.events = 1});
  feed_again();
  const auto to_another = sent();
  ASSERT_THAT(to_another, SizeIs(1));
  EXPECT_EQ(to_another.front().number, 1U);
  EXPECT_EQ(to_another.front().positions, Positions{1});
}

TEST_F(MachineTest, ItReadsTenThousandEventsOrFourMegabytesAhead) {
  join(1, {.events = 1});
  EXPECT_TRUE(machine_.wants_events());
  feed(std::vector<std::string>(10'000, "a-1"));  // one of which is sent
  EXPECT_TRUE(machine_.wants_events());
  feed({"a-1"});
  EXPECT_FALSE(machine_.wants_events());
  acknowledge(1, 1, 0);
  EXPECT_TRUE(machine_.wants_events());

  machine_ = ProjectionMachine(ProjectionPlace{.cursor = stored_.size()});
  join(1, {.events = 1});
  feed(std::vector<std::string>(4, "a-1"), 1 << 20);  // one of which is sent
  EXPECT_TRUE(machine_.wants_events());
  feed({"a-1"}, 1 << 20);
  EXPECT_FALSE(machine_.wants_events());
  acknowledge(1, {}, machine_.cursor());
  EXPECT_TRUE(machine_.wants_events());
}

// Few events match, and each stands in a batch of a megabyte of which others want the rest.
TEST_F(MachineTest, ABatchOfWhichLittleMattersIsNotKept) {
  for (const bool in_runs : {true, false}) {
    machine_ = ProjectionMachine(ProjectionPlace{.cursor = stored_.size(), .policy = policy});
    join(1, {.events = 100});
    if (!in_runs) join(2, {.events = 100});
    Positions expected;
    for (int batch = 0; batch < 200; ++batch) {
      Selection selection = store(std::vector<std::string>(2'000, "a-1"), 500);
      selection.indexes = Indexes(7, 1);
      expected.push_back(selection.batch->position(7));
      const std::weak_ptr<const EventBatch> kept = selection.batch;
      machine_.take_events(std::move(selection), stored_.size());
      carry_out();
      ASSERT_TRUE(kept.expired());
      ASSERT_TRUE(machine_.wants_events()) << batch;
    }
    Positions seen;
    for (Positions some = positions(); !some.empty(); some = positions()) {
      seen.insert(seen.end(), some.begin(), some.end());
      acknowledge(in_runs || machine_.unacknowledged(1) > 0 ? 1 : 2, {}, some.back());
    }
    EXPECT_EQ(seen, expected);
    Selection dense = store(std::vector<std::string>(2'000, "a-1"), 500);
    dense.indexes = Indexes(7, 400);
    const std::weak_ptr<const EventBatch> kept = dense.batch;
    machine_.take_events(std::move(dense), stored_.size());
    carry_out();
    EXPECT_FALSE(kept.expired()) << "a batch of which much matters is shared";
    sent();
    leave(1);
    if (!in_runs) leave(2);
  }
}

TEST_F(MachineTest, BatchesOf64MiBBehindOneThatIsNotAcknowledgedStopItAndItSaysSo) {
  share_among({1, 2});
  const std::string slow = stream_of(1);
  const std::string fast = stream_of(2);
  join(1);
  join(2, {.events = window_events_max});
  const auto read_ahead = [&] {
    std::size_t kept = 0;
    while (kept < (std::size_t{64} << 20)) {
      ASSERT_TRUE(machine_.wants_events()) << kept;
      ASSERT_EQ(machine_.stopped(), "");
      std::vector<std::string> streams(1'000, fast);
      streams[500] = slow;
      Selection selection = store(streams, 1'000);
      kept += selection.batch->size_bytes();
      machine_.take_events(std::move(selection), stored_.size());
      carry_out();
      acknowledge(2, {}, stored_.size() - 1);
    }
    EXPECT_FALSE(machine_.wants_events());
    EXPECT_THAT(machine_.stopped(), HasSubstr("events wait for the acknowledgement of the event at global position " +
                                              std::to_string(machine_.cursor())));
  };
  read_ahead();
  acknowledge(1, {}, positions(1).back());
  EXPECT_EQ(machine_.cursor(), stored_.size());
  read_ahead();
  leave(1);
  const auto again = positions(2);
  acknowledge(2, {}, again.back());
  EXPECT_EQ(machine_.cursor(), stored_.size());
  EXPECT_TRUE(machine_.wants_events());
}

TEST_F(MachineTest, HalfAMillionEventsBehindOneThatIsNotAcknowledgedStopItAndItSaysSo) {
  share_among({1, 2});
  const std::string slow = stream_of(1);
  const std::string fast = stream_of(2);
  join(1, {.events = 1});
  join(2, {.events = window_events_max});
  feed({slow});
  for (int round = 0; round < 499; ++round) {
    feed(std::vector<std::string>(1000, fast));
    acknowledge(2, {}, stored_.size() - 1);
  }
  feed(std::vector<std::string>(998, fast));
  acknowledge(2, {}, stored_.size() - 1);
  EXPECT_TRUE(machine_.wants_events());
  EXPECT_EQ(machine_.stopped(), "");
  feed({fast});
  EXPECT_FALSE(machine_.wants_events());
  EXPECT_THAT(machine_.stopped(),
              HasSubstr("500000 events wait for the acknowledgement of the event at global position 0;"));
  acknowledge(1, {}, 0);
  EXPECT_TRUE(machine_.wants_events());
  EXPECT_EQ(machine_.stopped(), "");
}

TEST_F(MachineTest, NobodyReadsForAProjectionWithoutMembers) {
  EXPECT_FALSE(machine_.wants_events());
  EXPECT_FALSE(machine_.has_members());
  join(1);
  EXPECT_TRUE(machine_.wants_events());
  EXPECT_EQ(machine_.member_count(), 1U);
  feed(abc);
  acknowledge(1, 1, 0);
  leave(1);
  EXPECT_FALSE(machine_.wants_events());
  // It begins again with what was not acknowledged.
  EXPECT_EQ(machine_.cursor(), 1U);
  EXPECT_EQ(machine_.read_position(), 1U);
}

TEST_F(MachineTest, WhatMembersSayIsWaitedForOnlyWhenSomethingHangsOnIt) {
  join(1, {.events = 2});
  feed({"a-1", "a-1"});
  EXPECT_FALSE(machine_.waits_for_members()) << "everything was sent, and more can be read";
  feed({"a-1"});
  EXPECT_TRUE(machine_.waits_for_members()) << "there is no room for the third";
  acknowledge(1, {}, 1);
  EXPECT_FALSE(machine_.waits_for_members());
  fail(1, 2);
  EXPECT_FALSE(machine_.waits_for_members());
  tick(now + 100);
  EXPECT_TRUE(machine_.waits_for_members()) << "behind an event that is tried others wait";
}

// --- pause ---

TEST_F(MachineTest, WhilePausedNothingIsSentReadOrTried) {
  join(1, {.events = 1});
  feed({"a-1", "b-1"});
  fail(1, 0);
  EXPECT_EQ(positions(), (Positions{0, 1}));
  machine_.pause();
  EXPECT_TRUE(machine_.paused());
  EXPECT_FALSE(machine_.wants_events());
  EXPECT_EQ(machine_.next_tick_ms(), std::nullopt);
  tick(now + 1000);
  EXPECT_THAT(reads(), IsEmpty());
  feed({"c-1"});
  acknowledge(1, {}, 1);  // makes room
  join(2);
  leave(2);
  EXPECT_THAT(positions(), IsEmpty());
  machine_.resume();
  carry_out();
  EXPECT_FALSE(machine_.paused());
  EXPECT_EQ(positions(), Positions{2});
  EXPECT_EQ(machine_.next_tick_ms(), now + 100);
  EXPECT_TRUE(machine_.wants_events());
}

TEST_F(MachineTest, WhatWasReadOfAHeldStreamIsNotSentWhilePaused) {
  join(1);
  feed({"a-1"});
  fail(1, 0);
  sent();
  tick(now + 100);
  machine_.pause();
  answer_one_read();
  EXPECT_THAT(positions(), IsEmpty());
  machine_.resume();
  carry_out();
  EXPECT_EQ(positions(), Positions{0});
}

TEST_F(MachineTest, ARestartKeepsThePauseAndTheCountOfResets) {
  machine_ = ProjectionMachine(ProjectionPlace{.cursor = 7, .paused = true, .resets = 3});
  EXPECT_TRUE(machine_.paused());
  EXPECT_EQ(machine_.resets(), 3U);
  EXPECT_EQ(machine_.cursor(), 7U);
  EXPECT_EQ(machine_.read_position(), 7U);
  machine_.reset(2);
  EXPECT_EQ(machine_.place(), (ProjectionPlace{.cursor = 2, .paused = true, .resets = 4}));
}

// What has changed is saved by this count alone.
TEST_F(MachineTest, EveryChangeOfItsPlaceIsCounted) {
  auto changed = [&, before = std::uint64_t{0}]() mutable {
    return std::exchange(before, machine_.changes()) != machine_.changes();
  };
  auto act = [&](auto&& action) {
    action();
    carry_out();
    return changed();
  };
  changed();
  EXPECT_TRUE(act([&] { machine_.pause(); }));
  EXPECT_FALSE(act([&] { machine_.pause(); }));
  EXPECT_TRUE(act([&] { machine_.resume(); }));
  EXPECT_FALSE(act([&] { machine_.resume(); }));
  EXPECT_FALSE(act([&] { machine_.set_policy(policy); }));
  EXPECT_TRUE(act([&] { machine_.set_policy({.attempts_max = 2}); }));
  EXPECT_TRUE(act([&] { machine_.reset(0); }));
  join(1);
  feed({"a-1", "a-1", "a-1"});
  EXPECT_TRUE(act([&] { machine_.fail(1, {}, 0, "no", now); }));
  EXPECT_TRUE(act([&] { EXPECT_TRUE(machine_.retry("", now)); }));
  EXPECT_TRUE(act([&] { answer_one_read(); })) << "where the event is that waits";
  EXPECT_TRUE(act([&] { machine_.acknowledge(1, {}, 0); }));
  EXPECT_TRUE(act([&] { answer_one_read(); }));
  EXPECT_TRUE(act([&] { machine_.fail(1, {}, 2, "no", now); }));
  EXPECT_TRUE(act([&] { EXPECT_TRUE(machine_.skip("a-1", 2, now)); })) << "the stream is let go";
  EXPECT_THAT(machine_.place().held, IsEmpty());
}

// --- acknowledgements ---

TEST_F(MachineTest, AnAcknowledgementCoversEarlierDeliveriesAndTheEventsBeforeItsOwn) {
  for (const bool in_runs : {true, false}) {
    machine_ = ProjectionMachine(ProjectionPlace{.cursor = stored_.size(), .policy = policy});
    const GlobalPosition first = stored_.size();
    join(1);
    if (!in_runs) join(2), leave(2);
    feed(abc);
    feed(abc);
    feed(abc);
    sent();
    acknowledge(1, 2, first + 5);
    EXPECT_EQ(machine_.cursor(), first + 6);
    EXPECT_EQ(machine_.unacknowledged(1), 3U);
    acknowledge(1, 1, first + 2);  // again: changes nothing
    EXPECT_EQ(machine_.cursor(), first + 6);
    EXPECT_EQ(machine_.unacknowledged(1), 3U);
    acknowledge(1, 3, first + 7);
    EXPECT_EQ(machine_.cursor(), first + 8);
    EXPECT_EQ(machine_.unacknowledged(1), 1U);
    acknowledge(1, {}, first + 8);
    EXPECT_EQ(machine_.cursor(), first + 9);
    acknowledge(1, 3, first + 8);
    acknowledge(1, {}, first + 8);
    EXPECT_THAT(stops(), IsEmpty());
    leave(1);
  }
}

TEST_F(MachineTest, WhatWasNotSentToTheMemberEndsItAndNobodyElse) {
  const auto refusal_of = [&](std::optional<std::uint64_t> delivery, GlobalPosition position) {
    machine_ = ProjectionMachine(ProjectionPlace{.cursor = stored_.size(), .policy = policy});
    const GlobalPosition first = stored_.size();
    join(1);
    feed(abc);
    acknowledge(1, delivery, first + position);
    const auto stopped = stops();
    EXPECT_EQ(stopped.size(), 1U);
    EXPECT_FALSE(machine_.has_members());
    EXPECT_EQ(machine_.cursor(), first) << "nothing counts as done";
    return stopped.empty() ? base::Error{} : stopped.front().second;
  };
  EXPECT_THAT(refusal_of(2, 2).message, HasSubstr("batch 2 was not sent to this member, whose newest is batch 1"));
  EXPECT_THAT(refusal_of(0, 2).message, HasSubstr("batch 0 was not sent to this member"));
  EXPECT_THAT(refusal_of(1, 3).message, HasSubstr("was not sent to this member in batch 1"));
  const base::Error ahead = refusal_of({}, 3);
  EXPECT_EQ(ahead.code, Code::failed_precondition);
  EXPECT_THAT(ahead.message, HasSubstr("was not sent to this member yet; the newest is at"));
}

TEST_F(MachineTest, ItSaysThatNothingWasSentYet) {
  join(1);
  acknowledge(1, {}, 0);
  const auto stopped = stops();
  ASSERT_THAT(stopped, SizeIs(1));
  EXPECT_THAT(stopped.front().second.message, HasSubstr("was not sent to this member yet: nothing was"));
}

TEST_F(MachineTest, AnEventOfAnotherMemberIsNotAcknowledgedByThisOne) {
  share_among({1, 2});
  const std::string mine = stream_of(1);
  const std::string yours = stream_of(2);
  join(1);
  join(2);
  feed({mine, yours, mine});
  acknowledge(1, {}, 1);
  const auto stopped = stops();
  ASSERT_THAT(stopped, SizeIs(1));
  EXPECT_EQ(stopped.front().first, 1U);
  EXPECT_THAT(stopped.front().second.message, HasSubstr("global position 1 was sent to another member"));
  // The other one has its own still, and gets what the first had.
  EXPECT_EQ(positions(2), (Positions{1, 0, 2}));
  EXPECT_EQ(machine_.unacknowledged(2), 3U);
  acknowledge(2, {}, 1);
  EXPECT_EQ(machine_.cursor(), 0U);
}

// After a loss, what a member has is not in global order.
TEST_F(MachineTest, WithoutANumberTheNewestDeliveryThatHasTheEventIsMeant) {
  share_among({1, 2});
  const std::string mine = stream_of(1);
  const std::string yours = stream_of(2);
  join(1);
  join(2);
  feed({mine, yours, mine, yours});
  sent();
  leave(1);
  EXPECT_EQ(positions(2), (Positions{0, 2}));
  acknowledge(2, {}, 0);  // and with it the first delivery, of 1 and 3
  EXPECT_EQ(machine_.unacknowledged(2), 1U);
  EXPECT_EQ(machine_.cursor(), 2U);
  acknowledge(2, {}, 2);
  EXPECT_EQ(machine_.cursor(), 4U);
  EXPECT_THAT(stops(), IsEmpty());
}

// --- members ---

TEST_F(MachineTest, AStreamMovesToANewMemberOnlyWhenItsOldOneHasFinished) {
  join(1);
  share_among({1, 2});
  const std::string moving = stream_of(2);
  feed({moving, moving});
  EXPECT_EQ(positions(1), (Positions{0, 1}));
  join(2);
  feed({moving});
  EXPECT_THAT(positions(), IsEmpty());
  acknowledge(1, {}, 0);
  EXPECT_THAT(positions(), IsEmpty());
  acknowledge(1, {}, 1);
  EXPECT_EQ(positions(2), Positions{2});
}

TEST_F(MachineTest, WhatWasReadAndNotSentGoesToTheNewMemberAtOnce) {
  join(1, {.events = 1});
  share_among({1, 2});
  const std::string staying = stream_of(1);
  const std::string moving = stream_of(2);
  feed({staying, moving, staying, moving});
  EXPECT_EQ(positions(1), Positions{0});
  join(2);
  EXPECT_EQ(positions(2), (Positions{1, 3}));
  acknowledge(1, {}, 0);
  EXPECT_EQ(positions(1), Positions{2});
}

TEST_F(MachineTest, AMemberThatLeavesLeavesItsEventsToTheOthersInOrder) {
  share_among({1, 2});
  const std::string mine = stream_of(1);
  const std::string yours = stream_of(2);
  join(1, {.events = 2});
  join(2, {.events = 1});
  feed({yours, mine, mine, mine, yours});
  EXPECT_EQ(positions(), (Positions{1, 2, 0}));
  acknowledge(1, {}, 1);
  sent();
  leave(1);
  leave(7);  // nobody
  EXPECT_EQ(machine_.unacknowledged(2), 1U);
  for (const GlobalPosition next : {2U, 3U, 4U}) {
    EXPECT_THAT(positions(), IsEmpty());
    acknowledge(2, {}, next == 2 ? 0 : next - 1);
    EXPECT_EQ(machine_.unacknowledged(2), 1U);
    EXPECT_EQ(positions(2), Positions{next});
  }
  EXPECT_EQ(machine_.cursor(), 4U);
}

TEST_F(MachineTest, WhatIsSaidByWhoHasGoneChangesNothing) {
  join(1);
  feed(abc);
  leave(1);
  acknowledge(1, 1, 2);
  fail(1, 0);
  EXPECT_EQ(machine_.place(), (ProjectionPlace{.policy = policy}));
  EXPECT_THAT(stops(), IsEmpty());
}

TEST_F(MachineTest, AResetWithdrawsEverythingThatWasSent) {
  join(1, {.events = 2});
  feed({"a-1", "b-1", "c-1"});
  fail(1, 0);
  tick(now + 100);
  const auto stale = reads();
  sent();
  machine_.reset(1);
  carry_out();
  EXPECT_EQ(machine_.unacknowledged(1), 0U);
  EXPECT_EQ(machine_.read_position(), 1U);
  EXPECT_EQ(machine_.cursor(), 1U);
  EXPECT_EQ(machine_.next_tick_ms(), std::nullopt);
  EXPECT_FALSE(machine_.waits_for_members());
  EXPECT_EQ(machine_.resets(), 1U);
  ASSERT_THAT(stale, SizeIs(1));
  answer(stale.front());
  EXPECT_THAT(positions(), IsEmpty());
  acknowledge(1, 2, 2);  // was on its way
  EXPECT_THAT(stops(), IsEmpty());
  EXPECT_EQ(machine_.cursor(), 1U);
  feed({"d-1"});
  EXPECT_EQ(positions(), Positions{3});
}

TEST_F(MachineTest, AMemberThatHoldsUpTheOthersIsSaid) {
  share_among({1, 2});
  join(1, {.events = 1});
  join(2);
  feed({stream_of(2)});
  feed(std::vector<std::string>(10'001, stream_of(1)));
  EXPECT_FALSE(machine_.wants_events());
  EXPECT_EQ(machine_.stopped(), "") << "nobody is held up yet";
  acknowledge(2, {}, 0);
  EXPECT_THAT(machine_.stopped(),
              HasSubstr("10000 events wait for the acknowledgement of the event at global position 1"));
  machine_.pause();
  EXPECT_EQ(machine_.stopped(), "");
  machine_.resume();
  acknowledge(1, {}, 1);
  EXPECT_TRUE(machine_.wants_events());
  EXPECT_EQ(machine_.stopped(), "");
}

}  // namespace
}  // namespace thalo::feed
