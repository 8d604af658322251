#include "feed/hosted_subscription.h"

#include <utility>

#include "model/stream_name.h"

namespace thalo::feed {
namespace {

constexpr std::chrono::milliseconds read_again_after{100};

void add_unseen(std::vector<std::string>& out, std::string_view what, const std::set<std::string, std::less<>>& texts) {
  for (const std::string& text : texts) out.push_back(std::string(what) + " " + text);
}

}  // namespace

HostedSubscription::HostedSubscription(Tail& tail, Loop& loop, SubscribeRequest request, model::GlobalPosition from,
                                       std::shared_ptr<Subscriber> subscriber, std::function<void()> on_end)
    : Reader(tail, request.filter, from, std::move(request.prepare)),
      tail_(tail),
      loop_(loop),
      heartbeat_(request.heartbeat),
      subscriber_(std::move(subscriber)),
      on_end_(std::move(on_end)),
      told_(from) {
  for (const store::Filter& part : request.filter) {
    unseen_categories_.insert(part.categories.begin(), part.categories.end());
    unseen_types_.insert(part.types.begin(), part.types.end());
    unseen_streams_.insert(part.streams.begin(), part.streams.end());
  }
  schedule_heartbeat();
}

HostedSubscription::~HostedSubscription() { loop_.cancel(next_heartbeat_); }

void HostedSubscription::start() { want(); }

void HostedSubscription::schedule_heartbeat() {
  next_heartbeat_ = loop_.after(heartbeat_, [this] {
    schedule_heartbeat();
    heartbeat();
  });
}

void HostedSubscription::wake() {
  if (!held_ || !subscriber_->is_ready()) return;
  send(*std::exchange(held_, std::nullopt));
}

void HostedSubscription::on_stretch(Stretch stretch) {
  if (!subscriber_->is_ready()) {
    held_ = std::move(stretch);
    return;
  }
  send(std::move(stretch));
}

void HostedSubscription::on_unreadable(const base::Error& error) {
  if (!error.retryable()) {
    subscriber_->on_stopped(error);
    return on_end_();
  }
  loop_.after(read_again_after, [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) want();
  });
}

void HostedSubscription::send(Stretch stretch) {
  const bool reaches_end = stretch.at_end;
  const std::size_t shown = stretch.selection.indexes.size();
  note_seen(stretch.selection);
  Progress progress{.selection = std::move(stretch.selection), .next = stretch.next};
  progress.skipped = stretch.next - told_ - shown;
  progress.caught_up = reaches_end && !caught_up_;
  progress.head = tail_.head();
  if (progress.caught_up) progress.unseen = unseen();
  caught_up_ = reaches_end;
  told_ = stretch.next;
  sent_since_heartbeat_ = true;
  subscriber_->on_progress(progress);
  want();
}

void HostedSubscription::heartbeat() {
  if (std::exchange(sent_since_heartbeat_, false) || held_ || !subscriber_->is_ready()) return;
  Progress progress{.next = position()};
  progress.skipped = progress.next - told_;
  progress.head = tail_.head();
  told_ = progress.next;
  subscriber_->on_progress(progress);
}

void HostedSubscription::note_seen(const Selection& selection) {
  if (unseen_categories_.empty() && unseen_types_.empty() && unseen_streams_.empty()) return;
  const auto see = [](auto& unseen, std::string_view text) {
    if (unseen.empty()) return;
    if (const auto found = unseen.find(text); found != unseen.end()) unseen.erase(found);
  };
  selection.indexes.for_each([&](std::uint32_t index) {
    const model::EventView event = selection.batch->event(index);
    see(unseen_categories_, model::category_of(event.stream));
    see(unseen_types_, event.type);
    see(unseen_streams_, event.stream);
  });
}

std::vector<std::string> HostedSubscription::unseen() const {
  std::vector<std::string> out;
  add_unseen(out, "category", unseen_categories_);
  add_unseen(out, "type", unseen_types_);
  add_unseen(out, "stream", unseen_streams_);
  return out;
}

}  // namespace thalo::feed
