#include "feed/feed_loop.h"

#include <algorithm>
#include <utility>

#include "base/counted.h"
#include "base/json.h"
#include "base/log.h"

namespace thalo::feed {
namespace {

using base::Code;
using base::fail;

constexpr std::size_t name_bytes_max = 128;
constexpr std::size_t waiting_reads_max = 20'000;
constexpr std::size_t waiting_writes_max = 20'000;
constexpr std::size_t spare_messages_max = 1024;
constexpr std::chrono::milliseconds backoff_longest = std::chrono::hours{24};

base::Result<> check_name(const std::string& name) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (!name.empty() && name.size() <= name_bytes_max && std::ranges::none_of(name, is_control) && base::is_utf8(name))
    return {};
  return fail(Code::invalid_argument, "name: a projection's name is 1 to " + std::to_string(name_bytes_max) +
                                          " bytes of UTF-8 without control characters");
}

base::Result<> check_policy(const FailurePolicy& policy) {
  if (policy.backoff_first.count() < 0 || policy.backoff_first > policy.backoff_max ||
      policy.backoff_max > backoff_longest) {
    return fail(Code::invalid_argument,
                "policy: backoff_first must not be greater than backoff_max, and that at most 24 hours");
  }
  if (policy.parked_streams_max == 0 || policy.parked_streams_max > held_streams_max) {
    return fail(Code::invalid_argument, "policy.parked_streams_max: must be 1 to " + std::to_string(held_streams_max));
  }
  return {};
}

base::Result<> check(const JoinRequest& request) {
  if (auto legal = check_name(request.name); !legal) return legal;
  if (auto legal = check_filter(request.filter); !legal) return legal;
  if (request.policy) {
    if (auto legal = check_policy(*request.policy); !legal) return legal;
  }
  if (request.window.events == 0 || request.window.events > window_events_max) {
    return fail(Code::invalid_argument, "window_events: must be 1 to " + std::to_string(window_events_max));
  }
  return {};
}

}  // namespace

LoopFeed::LoopFeed(store::Store& store, const env::Clock& clock, const FeedOptions& options)
    : store_(store),
      clock_(clock),
      options_(options),
      loop_(clock),
      readers_("feed-read", options.read_threads, waiting_reads_max),
      writer_("cursors", 1, waiting_writes_max),
      tail_(store, loop_, readers_, options.tail),
      saver_(
          store, loop_, writer_, options.save_interval,
          [this](const std::string& name) -> std::optional<store::Cursor> {
            HostedProjection* const projection = find(name);
            if (projection == nullptr) return std::nullopt;
            const ProjectionRecord record = projection->record();
            saved_cursors_[name] = record.place.cursor;
            return encode_record(record);
          },
          [this](const base::Error& reason) { fail_all(reason); }) {
  tail_.set_on_moved([this] { answer_waiting(); });
  tail_.set_hold_wake_ups(options_.hold_wake_ups);
}

base::Result<> LoopFeed::load() {
  auto cursors = store_.list_cursors();
  if (!cursors) return std::unexpected(cursors.error());
  for (const auto& [name, cursor] : *cursors) {
    auto record = decode_record(name, cursor);
    if (!record) return std::unexpected(record.error());
    saved_cursors_[name] = record->place.cursor;
    if (const model::GlobalPosition head = store_.head(); record->place.cursor > head) {
      base::log::warn("a projection was further than the store is, and goes on at its head",
                      {{"projection", name}, {"cursor", record->place.cursor}, {"head", head}});
      record->place.cursor = head;
    }
    projections_.emplace(name, std::make_unique<HostedProjection>(name, *std::move(record), tail_, loop_, *this));
  }
  loop_.after(options_.save_idle_interval, [this] { save_idle(); });
  loop_.after(options_.heartbeat, [this] { send_heartbeats(); });
  return {};
}

void LoopFeed::stop() {
  const std::lock_guard lock(stop_mutex_);
  if (stopped_.exchange(true)) return;
  std::vector<std::pair<std::string, store::Cursor>> cursors;
  const auto end = [&] {
    const base::Error reason{Code::unavailable, "the server is shutting down; go on at the next one"};
    for (auto& [name, projection] : projections_) {
      projection->stop_members(reason);
      projection->stop_waiting(reason);
      cursors.emplace_back(name, encode_record(projection->record()));
    }
    for (auto& [id, subscription] : subscriptions_) subscription->stop(reason);
    subscriptions_.clear();
  };
  loop_.post(end);
  loop_.stop();
  readers_.stop();
  writer_.stop();
  if (cursors.empty()) return;
  if (auto saved = store_.save_cursors(cursors); !saved)
    base::log::warn("the cursors of projections could not be saved", {{"reason", saved.error().message}});
}

HostedProjection* LoopFeed::find(const std::string& name) {
  const auto found = projections_.find(name);
  return found == projections_.end() ? nullptr : found->second.get();
}

void LoopFeed::fail_all(const base::Error& reason) {
  for (auto& [name, projection] : projections_) {
    projection->stop_members(reason);
    projection->stop_waiting(reason);
  }
}

base::Result<model::GlobalPosition> LoopFeed::position_of(const Start& start) const {
  const model::GlobalPosition head = store_.head();
  if (start.at_head) return head;
  if (start.from <= head) return start.from;
  return fail(Code::out_of_range, "global position " + std::to_string(start.from) + " is beyond the head, " +
                                      std::to_string(head) + "; is it a place in another store?");
}

// --- members ---

base::Result<std::unique_ptr<Membership>> LoopFeed::join(JoinRequest request, std::shared_ptr<Consumer> consumer) {
  request.filter = normalized(std::move(request.filter));
  if (auto legal = check(request); !legal) return std::unexpected(legal.error());
  const MemberId member = ++last_id_;
  auto outbox =
      std::make_shared<MemberOutbox>(request.name, member, std::size_t{2} * request.window.events + spare_messages_max);
  auto posted = loop_.request([this, request = std::move(request), outbox, consumer] {
    joining_.emplace(outbox->member(), true);
    take_join(request, outbox, consumer);
  });
  if (!posted) return std::unexpected(posted.error());
  return std::make_unique<HostedMembership>(loop_, std::move(outbox), [this](const Outbox& said) { hear(said); });
}

base::Result<HostedProjection*> LoopFeed::find_or_make(const JoinRequest& request, bool& is_new) {
  is_new = false;
  if (HostedProjection* const known = find(request.name)) {
    if (normalized(known->filter()) == request.filter) return known;
    return fail(Code::failed_precondition, "projection " + request.name + " has the filter \"" +
                                               describe(known->filter()) + "\" and was asked for with \"" +
                                               describe(request.filter) +
                                               "\"; use another name, or delete the projection to begin anew");
  }
  if (projections_.size() >= options_.projections_max) {
    return fail(Code::resource_exhausted, (projections_.size() == 1 ? "there is " : "there are ") +
                                              base::counted(projections_.size(), "projection") +
                                              " already; delete some");
  }
  const auto start = position_of(request.start);
  if (!start) return std::unexpected(start.error());
  is_new = true;
  ProjectionRecord record{
      request.filter, {.cursor = *start, .policy = request.policy.value_or(FailurePolicy{})}, types_of(request.filter)};
  auto made = std::make_unique<HostedProjection>(request.name, std::move(record), tail_, loop_, *this);
  return projections_.emplace(request.name, std::move(made)).first->second.get();
}

void LoopFeed::take_join(const JoinRequest& request, const Outbox& outbox, const std::shared_ptr<Consumer>& consumer) {
  bool is_new = false;
  auto projection = find_or_make(request, is_new);
  if (!projection) {
    joining_.erase(outbox->member());
    return consumer->on_stopped(projection.error());
  }
  // It must not be forgotten again once somebody has had events of it. Joins behind it wait for the same save.
  if (is_new) new_.insert(request.name);
  if (new_.contains(request.name)) {
    return saver_.save(request.name, [this, request, outbox, consumer, made = (*projection)->alive()](auto saved) {
      if (saved && made.expired()) saved = fail(Code::not_found, "projection " + request.name + " was deleted");
      if (saved) new_.erase(request.name);
      finish_join(request, outbox, consumer, saved);
    });
  }
  finish_join(request, outbox, consumer, {});
}

void LoopFeed::finish_join(const JoinRequest& request, const Outbox& outbox, const std::shared_ptr<Consumer>& consumer,
                           const base::Result<>& saved) {
  const MemberId member = outbox->member();
  const auto joining = joining_.find(member);
  const bool has_left = joining == joining_.end() || !joining->second;
  joining_.erase(member);
  if (has_left) return;
  if (!saved) return consumer->on_stopped(saved.error());
  if (stopped_) return;
  HostedProjection* const projection = find(request.name);
  if (projection->member_count() >= options_.members_max) {
    return consumer->on_stopped({Code::resource_exhausted, "projection " + request.name + " has " +
                                                               base::counted(projection->member_count(), "member") +
                                                               " already; retry when one has left"});
  }
  if (request.policy) projection->set_policy(*request.policy);
  projection->join(outbox, request.window, request.member, consumer);
}

void LoopFeed::note_left(const Outbox& outbox) {
  if (const auto joining = joining_.find(outbox->member()); joining != joining_.end()) joining->second = false;
  if (HostedProjection* const projection = find(outbox->projection())) projection->leave(outbox->member());
}

void LoopFeed::hear(const Outbox& outbox) {
  MemberOutbox::Said said = outbox->take();
  if (said.too_much) {
    base::log::warn("a member says more than its window can explain, and is let go",
                    {{"projection", outbox->projection()}});
    if (said.messages.back().kind == MemberOutbox::Message::Kind::leave) return note_left(outbox);
    if (HostedProjection* const projection = find(outbox->projection()))
      projection->stop_member(outbox->member(), {Code::resource_exhausted,
                                                 "this member says more than its window can explain, and is let go; "
                                                 "say something about an event once, and join again"});
    return;
  }
  for (MemberOutbox::Message& message : said.messages) {
    HostedProjection* const projection = find(outbox->projection());
    if (message.kind == MemberOutbox::Message::Kind::leave) {
      note_left(outbox);
    } else if (projection == nullptr) {
      return;
    } else if (message.kind == MemberOutbox::Message::Kind::acknowledge) {
      projection->acknowledge(outbox->member(), message.delivery, message.position);
    } else {
      projection->fail(outbox->member(), message.delivery, message.position, std::move(message.reason));
    }
  }
}

// --- the place of projections ---

void LoopFeed::save_idle() {
  for (auto& [name, projection] : projections_)
    if (const auto saved = saved_cursors_.find(name);
        saved != saved_cursors_.end() && saved->second != projection->cursor())
      saver_.note_changed(name);
  loop_.after(options_.save_idle_interval, [this] { save_idle(); });
}

void LoopFeed::send_heartbeats() {
  for (auto& [name, projection] : projections_) projection->send_heartbeats();
  loop_.after(options_.heartbeat, [this] { send_heartbeats(); });
}

void LoopFeed::answer_waiting() {
  if (waiting_ == 0) return;
  for (auto& [name, projection] : projections_) projection->answer_waiting();
}

void LoopFeed::read_stream(const std::string& projection, const Matcher& matcher, StreamRead read) {
  auto work = [this, projection, matcher, read = std::move(read)] {
    StreamEvents out{.stream = read.stream, .token = read.token, .next = read.from};
    auto batch = std::make_shared<EventBatch>(0);
    bool stopped_early = false;
    std::uint64_t looked_at = 0;
    const auto shown = store_.read_stream({.stream = read.stream, .from = read.from}, [&](const auto& event) {
      if (matcher.matches(event)) batch->add(event);
      out.next = event.position + 1;
      stopped_early = batch->size() >= read.limit || batch->size_bytes() >= options_.tail.batch_bytes ||
                      ++looked_at >= options_.tail.scan_events_max;
      return !stopped_early;
    });
    out.at_end = shown.has_value() && !stopped_early;
    out.events = std::move(batch);
    const bool failed = !shown && out.events->size() == 0;
    loop_.post([this, projection, out = std::move(out), failed, error = shown ? base::Error{} : shown.error()] {
      HostedProjection* const reader = find(projection);
      if (reader == nullptr) return;
      if (failed) return reader->stop_members(error);
      reader->take_stream_events(out);
    });
  };
  if (auto posted = readers_.post(std::move(work)); !posted) {
    loop_.post([this, projection, error = posted.error()] {
      if (HostedProjection* const reader = find(projection)) reader->stop_members(error);
    });
  }
}

// --- subscriptions ---

class LoopFeed::HostedHandle final : public Subscription {
 public:
  HostedHandle(LoopFeed& feed, std::uint64_t id) : feed_(feed), id_(id) {}
  ~HostedHandle() override {
    feed_.loop_.post([&feed = feed_, id = id_] { feed.subscriptions_.erase(id); });
  }
  void wake() override {
    feed_.loop_.post([&feed = feed_, id = id_] {
      if (const auto found = feed.subscriptions_.find(id); found != feed.subscriptions_.end()) found->second->wake();
    });
  }

 private:
  LoopFeed& feed_;
  const std::uint64_t id_;
};

base::Result<std::unique_ptr<Subscription>> LoopFeed::subscribe(SubscribeRequest request,
                                                                std::shared_ptr<Subscriber> subscriber) {
  if (auto legal = check_filter(request.filter); !legal) return std::unexpected(legal.error());
  if (request.heartbeat < std::chrono::milliseconds(100) || request.heartbeat > std::chrono::hours(1))
    return fail(Code::invalid_argument, "heartbeat_interval_ms: must be 100 to 3,600,000");
  request.filter = normalized(std::move(request.filter));
  const std::uint64_t id = ++last_id_;
  auto posted = loop_.request([this, id, request = std::move(request), subscriber = std::move(subscriber)]() mutable {
    take_subscription(id, std::move(request), std::move(subscriber));
  });
  if (!posted) return std::unexpected(posted.error());
  return std::make_unique<HostedHandle>(*this, id);
}

void LoopFeed::take_subscription(std::uint64_t id, SubscribeRequest request, std::shared_ptr<Subscriber> subscriber) {
  if (subscriptions_.size() >= options_.subscriptions_max) {
    return subscriber->on_stopped(
        {Code::resource_exhausted, "there are " + std::to_string(subscriptions_.size()) +
                                       " subscriptions already; retry later or at another server"});
  }
  const auto from = position_of(request.start);
  if (!from) return subscriber->on_stopped(from.error());
  auto made = std::make_unique<HostedSubscription>(tail_, loop_, std::move(request), *from, std::move(subscriber),
                                                   [this, id] { subscriptions_.erase(id); });
  made->start();
  subscriptions_.emplace(id, std::move(made));
}

base::Result<std::unique_ptr<Feed>> Feed::start(store::Store& store, const env::Clock& clock,
                                                const FeedOptions& options) {
  auto feed = std::make_unique<LoopFeed>(store, clock, options);
  if (auto loaded = feed->load(); !loaded) return std::unexpected(loaded.error());
  feed->start();
  return feed;
}

}  // namespace thalo::feed
