// One subscription, on the loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "feed/subscriptions.h"
#include "feed/tail.h"

namespace thalo::feed {

class HostedSubscription final : private Reader {
 public:
  // `on_end` is called when it has stopped by itself; it may destroy the subscription.
  HostedSubscription(Tail& tail, Loop& loop, SubscribeRequest request, model::GlobalPosition from,
                     std::shared_ptr<Subscriber> subscriber, std::function<void()> on_end);

  ~HostedSubscription() override;

  void start();
  void wake();  // the subscriber may be ready
  void stop(const base::Error& reason) { subscriber_->on_stopped(reason); }

 private:
  void schedule_heartbeat();
  void heartbeat();
  void on_stretch(Stretch stretch) override;
  void on_unreadable(const base::Error& error) override;
  void send(Stretch stretch);
  void note_seen(const Selection& selection);
  std::vector<std::string> unseen() const;

  Tail& tail_;
  Loop& loop_;
  const std::chrono::milliseconds heartbeat_;
  Loop::Timer next_heartbeat_;
  const std::shared_ptr<Subscriber> subscriber_;
  const std::function<void()> on_end_;
  std::optional<Stretch> held_;  // for a subscriber that is not ready
  bool caught_up_ = false;
  bool sent_since_heartbeat_ = false;
  model::GlobalPosition told_;  // the last `next`
  std::set<std::string, std::less<>> unseen_categories_;
  std::set<std::string, std::less<>> unseen_types_;
  std::set<std::string, std::less<>> unseen_streams_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();  // for timers
};

}  // namespace thalo::feed
