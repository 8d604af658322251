// Drives the projection machine through random joins, departures, acknowledgements, failures, commands and restarts,
// and checks what it promises after each step.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "feed/projection_machine.h"

namespace thalo::feed {
namespace {

struct StoredEvent {
  std::string stream;
  model::Position position;
};

// A consumer that follows the rules: it handles what it is sent in order, may fail an event, and then drops the later
// ones of that stream until they are sent again.
struct ModelMember {
  struct Item {
    std::uint64_t delivery;
    model::GlobalPosition position;
  };
  std::vector<Item> inbox;  // sent and neither acknowledged nor failed
  std::set<std::string> dropped;
};

class Model {
 public:
  explicit Model(std::uint64_t seed) : random_(seed), machine_(place_of_new()) {}

  void run(int steps) {
    for (int step = 0; step < steps && !::testing::Test::HasFailure(); ++step) {
      act();
      settle();
    }
  }

  // Everything that can be done is done; then nothing may be missing.
  void finish() {
    if (machine_.paused()) machine_.resume();
    while (store_.size() < 20) append_some();
    for (int round = 0; round < 20'000 && !::testing::Test::HasFailure(); ++round) {
      if (members_.empty()) join();
      now_ms_ += 100'000;
      machine_.tick(now_ms_);
      (void)machine_.retry("", now_ms_);
      settle();
      for (auto& [id, member] : members_) acknowledge_all(id, member);
      settle();
      if (machine_.cursor() == store_.size() && machine_.place().held.empty()) break;
    }
    ASSERT_EQ(machine_.cursor(), store_.size());
    ASSERT_TRUE(machine_.place().held.empty());
    for (model::GlobalPosition position = begin_; position < store_.size(); ++position)
      ASSERT_TRUE(done_.contains(position)) << "the event at " << position << " was never done";
  }

 private:
  static ProjectionPlace place_of_new() {
    ProjectionPlace place;
    place.policy = {.attempts_max = 3,
                    .backoff_first = std::chrono::milliseconds(10),
                    .backoff_max = std::chrono::milliseconds(1000),
                    .parked_streams_max = 5};
    return place;
  }
  std::uint64_t pick(std::uint64_t below) { return below == 0 ? 0 : random_() % below; }

  void act() {
    now_ms_ += static_cast<std::int64_t>(pick(50));
    switch (pick(17)) {
      case 0:
      case 1:
      case 2:
        return append_some();
      case 3:
        if (members_.size() < 4) join();
        return;
      case 4:
        return leave();
      case 5:
      case 6:
      case 7:
      case 8:
        return acknowledge_some();
      case 9:
      case 10:
        return fail_one();
      case 11:
        return machine_.tick(now_ms_);
      case 12:
        return restart_or_reset();
      case 13:
        return pick(2) == 0 ? machine_.pause() : machine_.resume();
      case 14:
        return skip_or_retry();
      case 15:
        return quiet_time();
      default:
        return answer_reads();
    }
  }

  void append_some() {
    for (std::uint64_t left = 1 + pick(8); left > 0; --left) append("s-" + std::to_string(pick(6)));
  }
  void append(const std::string& stream) {
    const model::Position position = versions_[stream]++;
    store_.push_back({stream, position});
  }

  // Nobody writes, so that held streams are read to their ends; but one goes on just when it is read.
  void quiet_time() {
    if (pick(4) != 0) return;
    machine_.resume();
    for (std::uint64_t left = pick(40); left > 0 && !::testing::Test::HasFailure(); --left) {
      if (members_.empty()) join();
      now_ms_ += 1000;
      machine_.tick(now_ms_);
      settle();
      if (pick(4) == 0) fail_one();
      for (auto& [id, member] : members_) acknowledge_all(id, member);
      settle();
      if (pick(2) == 0) restart_or_reset();
      if (!reads_.empty() && pick(2) == 0) append(reads_[pick(reads_.size())].first.stream);
    }
  }

  void join() {
    const MemberId id = ++last_member_;
    members_[id];
    machine_.join(id, {.events = static_cast<std::uint32_t>(1 + pick(6))});
  }

  void leave() {
    if (members_.empty()) return;
    auto victim = std::next(members_.begin(), static_cast<std::ptrdiff_t>(pick(members_.size())));
    const MemberId id = victim->first;
    members_.erase(victim);
    machine_.leave(id);
    if (members_.empty()) may_repeat_ = true;  // the machine reads again from its cursor
  }

  void restart_or_reset() {
    if (pick(3) != 0) return;
    may_repeat_ = true;
    if (pick(3) == 0) {
      const model::GlobalPosition to = pick(store_.size() + 1);
      machine_.reset(to);
      begin_ = to;
      for (auto& [id, member] : members_) member = {};
      forget_from(to);
      for (auto& [stream, next] : next_of_stream_) next.reset();
      return;
    }
    // A kill: what is durable is an older place as often as the newest.
    if (pick(2) == 0) saved_ = machine_.place();
    machine_ = ProjectionMachine(saved_);
    reads_.clear();
    members_.clear();
    for (auto& [stream, next] : next_of_stream_) next.reset();
  }

  void forget_from(model::GlobalPosition position) {
    std::erase_if(done_, [&](model::GlobalPosition done) { return done >= position; });
    saved_ = machine_.place();
  }

  void acknowledge_all(MemberId id, ModelMember& member) {
    if (member.inbox.empty()) return;
    acknowledge(id, member, member.inbox.size() - 1);
  }
  void acknowledge_some() {
    if (members_.empty()) return;
    auto chosen = std::next(members_.begin(), static_cast<std::ptrdiff_t>(pick(members_.size())));
    if (chosen->second.inbox.empty()) return;
    acknowledge(chosen->first, chosen->second, pick(chosen->second.inbox.size()));
  }
  void acknowledge(MemberId id, ModelMember& member, std::size_t place) {
    const auto item = member.inbox[place];
    for (std::size_t index = 0; index <= place; ++index) handled(member.inbox[index].position);
    member.inbox.erase(member.inbox.begin(), member.inbox.begin() + static_cast<std::ptrdiff_t>(place) + 1);
    machine_.acknowledge(id, item.delivery, item.position);
  }

  void fail_one() {
    if (members_.empty()) return;
    auto chosen = std::next(members_.begin(), static_cast<std::ptrdiff_t>(pick(members_.size())));
    auto& [id, member] = *chosen;
    if (member.inbox.empty()) return;
    const auto item = member.inbox[pick(member.inbox.size())];
    const std::string& stream = store_[item.position].stream;
    // The earlier ones of the stream count as done; the later ones are dropped.
    for (const auto& other : member.inbox)
      if (store_[other.position].stream == stream && other.position < item.position) handled(other.position);
    std::erase_if(member.inbox, [&](const auto& other) { return store_[other.position].stream == stream; });
    next_of_stream_[stream].reset();
    machine_.fail(id, item.delivery, item.position, "no", now_ms_);
  }

  void skip_or_retry() {
    const auto held = machine_.place().held;
    if (held.empty()) return;
    const HeldStream& chosen = held[pick(held.size())];
    if (pick(2) == 0) {
      ASSERT_TRUE(machine_.retry(chosen.stream, now_ms_));
    } else if (machine_.skip(chosen.stream, chosen.global_position, now_ms_)) {
      done_.insert(chosen.global_position);
    }
  }

  // The disk reads for a held stream, in any order and as late as it likes, and its answer comes as late again: what is
  // stored in between is not in it.
  void answer_reads() {
    if (reads_.empty()) return;
    const auto chosen = reads_.begin() + static_cast<std::ptrdiff_t>(pick(reads_.size()));
    auto& [read, answer] = *chosen;
    if (!answer) {
      answer = read_stream(read);
      if (pick(2) == 0) return;
    }
    machine_.take_stream_events(*answer);
    reads_.erase(chosen);
  }
  StreamEvents read_stream(const StreamRead& read) const {
    auto batch = std::make_shared<EventBatch>(0);
    model::Position next = read.from;
    for (model::GlobalPosition at = 0; at < store_.size() && batch->size() < read.limit; ++at) {
      if (store_[at].stream != read.stream || store_[at].position < read.from) continue;
      add(*batch, at);
      next = store_[at].position + 1;
    }
    return {read.stream, read.token, batch, next, batch->size() < read.limit};
  }

  void add(EventBatch& batch, model::GlobalPosition at) const {
    model::EventView event;
    event.global_position = at;
    event.position = store_[at].position;
    event.stream = store_[at].stream;
    event.type = "T";
    event.data = "{}";
    batch.add(event);
  }

  void feed() {
    while (machine_.wants_events() && machine_.read_position() < store_.size()) {
      const model::GlobalPosition from = machine_.read_position();
      const model::GlobalPosition next = std::min<model::GlobalPosition>(store_.size(), from + 1 + pick(5));
      auto batch = std::make_shared<EventBatch>(from);
      Selection selection;
      for (model::GlobalPosition at = from; at < next; ++at) {
        selection.indexes.push_back(static_cast<std::uint32_t>(batch->size()));
        add(*batch, at);
      }
      batch->set_next(next);
      selection.batch = batch;
      machine_.take_events(std::move(selection), next);
    }
  }

  void settle() {
    for (bool more = true; more && !::testing::Test::HasFailure();) {
      feed();
      Actions actions = machine_.take_actions();
      more = !actions.deliveries.empty() || !actions.stops.empty() || !actions.reads.empty();
      for (auto& [id, delivery] : actions.deliveries) take(id, delivery);
      for (auto& [id, reason] : actions.stops) members_.erase(id);
      if (!actions.stops.empty()) may_repeat_ = true;
      for (StreamRead& read : actions.reads) reads_.emplace_back(std::move(read), std::nullopt);
      if (!reads_.empty() && pick(3) != 0) {
        answer_reads();
        more = true;
      }
    }
    check();
  }

  void take(MemberId id, const Delivery& delivery) {
    const auto found = members_.find(id);
    if (found == members_.end()) return;
    model::GlobalPosition last = 0;
    delivery.for_each([&](const model::EventView& event) {
      EXPECT_TRUE(last == 0 || event.global_position > last) << "a delivery is in global order";
      last = event.global_position;
      const std::string stream(event.stream);
      // Two members never have one stream.
      for (const auto& [other, member] : members_) {
        if (other == id) continue;
        for (const auto& item : member.inbox)
          EXPECT_NE(store_[item.position].stream, stream) << "at members " << other << " and " << id;
      }
      // A stream's events follow each other; after a loss it may go back, never ahead over one that is not done.
      for (model::GlobalPosition before = begin_; before < event.global_position; ++before) {
        if (store_[before].stream != stream || done_.contains(before)) continue;
        const auto& inbox = found->second.inbox;
        EXPECT_TRUE(std::ranges::any_of(inbox, [&](const auto& item) { return item.position == before; }))
            << "event " << event.global_position << " of " << stream << " was sent before " << before;
      }
      // What is in somebody's hands, or was acknowledged since the last loss, is not sent again.
      EXPECT_TRUE(may_repeat_ || !done_.contains(event.global_position))
          << "event " << event.global_position << " of " << stream << " was done and is sent again";
      found->second.inbox.push_back({delivery.number(), event.global_position});
    });
  }

  void handled(model::GlobalPosition position) {
    const std::string& stream = store_[position].stream;
    for (model::GlobalPosition before = begin_; before < position; ++before)
      EXPECT_TRUE(store_[before].stream != stream || done_.contains(before))
          << position << " of " << stream << " was handled before " << before;
    done_.insert(position);
  }

  void check() {
    const ProjectionPlace place = machine_.place();
    for (model::GlobalPosition position = begin_; position < place.cursor; ++position) {
      const bool waits = std::ranges::any_of(place.held, [&](const HeldStream& held) {
        return held.stream == store_[position].stream && held.global_position <= position;
      });
      EXPECT_TRUE(done_.contains(position) || waits)
          << "the cursor " << place.cursor << " passed " << position << ", which is neither done nor waits";
    }
    EXPECT_LE(place.held.size(), place.policy.parked_streams_max);
    for (const auto& [id, member] : members_) EXPECT_EQ(machine_.unacknowledged(id), member.inbox.size());
  }

  std::mt19937_64 random_;
  ProjectionMachine machine_;
  ProjectionPlace saved_ = place_of_new();
  std::int64_t now_ms_ = 1'000'000;
  std::vector<StoredEvent> store_;
  std::map<std::string, model::Position> versions_;
  std::map<std::string, std::optional<model::GlobalPosition>> next_of_stream_;
  std::map<MemberId, ModelMember> members_;
  MemberId last_member_ = 0;
  std::vector<std::pair<StreamRead, std::optional<StreamEvents>>> reads_;
  std::set<model::GlobalPosition> done_;
  model::GlobalPosition begin_ = 0;
  bool may_repeat_ = false;
};

class ProjectionModel : public ::testing::TestWithParam<int> {};

TEST_P(ProjectionModel, KeepsItsPromisesWhateverHappens) {
  const char* const given = std::getenv("THALO_TEST_SEED");
  const auto first =
      given != nullptr ? std::strtoull(given, nullptr, 10) : static_cast<std::uint64_t>(GetParam()) * 1000;
  for (std::uint64_t seed = first; seed < first + (given != nullptr ? 1 : 60) && !HasFailure(); ++seed) {
    SCOPED_TRACE("THALO_TEST_SEED=" + std::to_string(seed));
    Model model(seed);
    model.run(400);
    if (!HasFailure()) model.finish();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, ProjectionModel, ::testing::Range(0, 8));

}  // namespace
}  // namespace thalo::feed
