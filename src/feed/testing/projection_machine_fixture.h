// A ProjectionMachine that is driven by hand, and what it has said. Random histories are in projection_model_test.cc.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "feed/projection_machine.h"
#include "store/stream_hash.h"

namespace thalo::feed {

using base::Code;
using model::GlobalPosition;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using Positions = std::vector<GlobalPosition>;

inline constexpr std::int64_t now = 1'000'000;
inline const FailurePolicy policy{.attempts_max = 3,
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
      if (slots_.receiver(slot_of(store::share_hash(stream))) == member) return stream;
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

}  // namespace thalo::feed
