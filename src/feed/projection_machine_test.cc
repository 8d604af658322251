// ProjectionMachine by hand, one promise a test. Random histories are in projection_model_test.cc.
#include "feed/projection_machine.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "store/stream_hash.h"

namespace thalo::feed {
namespace {

using base::Code;
using model::GlobalPosition;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Positions = std::vector<GlobalPosition>;

constexpr std::int64_t now = 1'000'000;
const FailurePolicy policy{.attempts_max = 3,
                           .backoff_first = std::chrono::milliseconds(100),
                           .backoff_max = std::chrono::milliseconds(300),
                           .parked_streams_max = 100};

struct Sent {
  MemberId member;
  std::uint64_t number;
  std::uint64_t failures_seen;
  Positions positions;
};

class MachineTest : public ::testing::Test {
 protected:
  // The next stretch of the store, which the machine is fed.
  void feed(const std::vector<std::string>& streams, std::size_t data_bytes = 2) {
    Selection selection = store(streams, data_bytes);
    machine_.take_events(std::move(selection), stored_.size());
    carry_out();
  }
  Selection store(const std::vector<std::string>& streams, std::size_t data_bytes = 2) {
    auto batch = std::make_shared<EventBatch>(stored_.size());
    Selection selection;
    for (const std::string& stream : streams) {
      selection.indexes.push_back(static_cast<std::uint32_t>(selection.indexes.size()));
      stored_.push_back({stream, versions_[stream]++, std::string(data_bytes, 'x')});
      add(*batch, stored_.size() - 1);
    }
    batch->set_next(stored_.size());
    selection.batch = std::move(batch);
    return selection;
  }
  // What is stored from where the machine reads on.
  void feed_again() {
    auto batch = std::make_shared<EventBatch>(machine_.read_position());
    Selection selection;
    for (GlobalPosition at = machine_.read_position(); at < stored_.size(); ++at) {
      selection.indexes.push_back(static_cast<std::uint32_t>(selection.indexes.size()));
      add(*batch, at);
    }
    batch->set_next(stored_.size());
    selection.batch = std::move(batch);
    machine_.take_events(std::move(selection), stored_.size());
    carry_out();
  }
  void add(EventBatch& batch, GlobalPosition at) const {
    model::EventView event;
    event.global_position = at;
    event.position = stored_[at].position;
    event.stream = stored_[at].stream;
    event.data = stored_[at].data;
    batch.add(event);
  }

  void join(MemberId member, Window window = {}) {
    machine_.join(member, window);
    carry_out();
  }
  void leave(MemberId member) {
    machine_.leave(member);
    carry_out();
  }
  void acknowledge(MemberId member, std::optional<std::uint64_t> delivery, GlobalPosition position) {
    machine_.acknowledge(member, delivery, position);
    carry_out();
  }
  void fail(MemberId member, GlobalPosition position, std::string reason = "no", std::int64_t at = now) {
    machine_.fail(member, {}, position, std::move(reason), at);
    carry_out();
  }
  void tick(std::int64_t at) {
    machine_.tick(at);
    carry_out();
  }
  void carry_out() {
    Actions actions = machine_.take_actions();
    for (auto& [member, delivery] : actions.deliveries) {
      Sent& sent = sent_.emplace_back(Sent{member, delivery.number(), delivery.failures_seen(), {}});
      delivery.for_each([&](const model::EventView& event) { sent.positions.push_back(event.global_position); });
    }
    for (auto& stop : actions.stops) stops_.push_back(std::move(stop));
    for (StreamRead& read : actions.reads) reads_.push_back(std::move(read));
  }

  // What was sent since the last call.
  std::vector<Sent> sent() { return std::exchange(sent_, {}); }
  Positions positions(std::optional<MemberId> member = {}) {
    Positions out;
    for (const Sent& one : sent())
      if (!member || one.member == *member) out.insert(out.end(), one.positions.begin(), one.positions.end());
    return out;
  }
  std::vector<StreamRead> reads() { return std::exchange(reads_, {}); }
  std::vector<std::pair<MemberId, base::Error>> stops() { return std::exchange(stops_, {}); }

  // What the disk has for a read.
  StreamEvents answer_of(const StreamRead& read) const {
    auto batch = std::make_shared<EventBatch>(0);
    StreamEvents out{.stream = read.stream, .token = read.token, .next = read.from};
    for (GlobalPosition at = 0; at < stored_.size() && batch->size() < read.limit; ++at) {
      if (stored_[at].stream != read.stream || stored_[at].position < read.from) continue;
      add(*batch, at);
      out.next = stored_[at].position + 1;
    }
    out.at_end = batch->size() < read.limit;
    out.events = std::move(batch);
    return out;
  }
  void answer(const StreamRead& read) {
    machine_.take_stream_events(answer_of(read));
    carry_out();
  }
  void answer_one_read() {
    const auto wanted = reads();
    ASSERT_THAT(wanted, SizeIs(1));
    answer(wanted.front());
  }
  HeldStream held(const std::string& stream) const {
    for (const HeldStream& one : machine_.place().held)
      if (one.stream == stream) return one;
    return {};
  }
  // Streams "name-N" that go to either of two members that have joined.
  std::string stream_of(MemberId member) {
    for (int number = 0;; ++number) {
      std::string stream = "probe-" + std::to_string(number);
      if (slots_.receiver(slot_of(store::stream_hash(stream))) == member) return stream;
    }
  }
  // As when they join one after the other.
  void share_among(std::vector<MemberId> members) {
    for (std::size_t joined = 1; joined <= members.size(); ++joined)
      slots_.share_among(std::span(members).first(joined));
  }

  struct Stored {
    std::string stream;
    model::Position position;
    std::string data;
  };
  ProjectionMachine machine_{ProjectionPlace{.policy = policy}};
  Slots slots_;  // as the machine's, to know whom a stream goes to
  std::vector<Stored> stored_;
  std::map<std::string, model::Position> versions_;
  std::vector<Sent> sent_;
  std::vector<StreamRead> reads_;
  std::vector<std::pair<MemberId, base::Error>> stops_;
};

const std::vector<std::string> abc = {"a-1", "b-1", "c-1"};

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

}  // namespace
}  // namespace thalo::feed
