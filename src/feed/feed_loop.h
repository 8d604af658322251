// The Feed: what is behind its interface.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "env/executor.h"
#include "feed/cursor_saver.h"
#include "feed/feed.h"
#include "feed/hosted_projection.h"
#include "feed/hosted_subscription.h"
#include "feed/membership.h"

namespace thalo::feed {

class LoopFeed final : public Feed, public ProjectionHost {
 public:
  LoopFeed(store::Store& store, const env::Clock& clock, const FeedOptions& options);
  ~LoopFeed() override { stop(); }

  // Before start: reads what is known of projections.
  base::Result<> load();
  void start() { loop_.start(); }
  void stop() override;

  base::Result<std::unique_ptr<Membership>> join(JoinRequest request, std::shared_ptr<Consumer> consumer) override;
  void list(Answer<std::vector<ProjectionDescription>> answer) override;
  void get(const std::string& name, Answer<ProjectionDescription> answer) override;
  void reset(const std::string& name, Start to, Answer<> answer) override;
  void pause(const std::string& name, Answer<> answer) override;
  void resume(const std::string& name, Answer<> answer) override;
  void remove(const std::string& name, Answer<> answer) override;
  void retry(const std::string& name, const std::string& stream, Answer<std::uint64_t> answer) override;
  void skip(const std::string& name, const std::string& stream, model::GlobalPosition position,
            Answer<> answer) override;
  void wait_for(const std::string& name, model::GlobalPosition position, Loop::Time deadline, Answer<Passed> answer,
                std::function<bool()> is_gone) override;
  base::Result<std::unique_ptr<Subscription>> subscribe(SubscribeRequest request,
                                                        std::shared_ptr<Subscriber> subscriber) override;

 private:
  class HostedHandle;

  // Runs `act` on the loop with the projection; NOT_FOUND, or that the loop takes no more, goes to `answer`.
  template <class T, class Act>
  void with(const std::string& name, const Answer<T>& answer, Act act);
  HostedProjection* find(const std::string& name);

  using Outbox = std::shared_ptr<MemberOutbox>;
  void take_join(const JoinRequest& request, const Outbox& outbox, const std::shared_ptr<Consumer>& consumer);
  void finish_join(const JoinRequest& request, const Outbox& outbox, const std::shared_ptr<Consumer>& consumer,
                   const base::Result<>& saved);
  base::Result<HostedProjection*> find_or_make(const JoinRequest& request, bool& is_new);
  void hear(const Outbox& outbox);
  void note_left(const Outbox& outbox);
  void take_subscription(std::uint64_t id, SubscribeRequest request, std::shared_ptr<Subscriber> subscriber);
  void complete(std::vector<ProjectionDescription> descriptions,
                const Answer<std::vector<ProjectionDescription>>& answer);
  void save_idle();
  void send_heartbeats();
  void answer_waiting();
  void watch_waiting();
  void fail_all(const base::Error& reason);
  base::Result<model::GlobalPosition> position_of(const Start& start) const;

  void read_stream(const std::string& projection, const Matcher& matcher, StreamRead read) override;
  void note_changed(const std::string& projection) override { saver_.note_changed(projection); }

  store::Store& store_;
  const env::Clock& clock_;
  const FeedOptions options_;
  Loop loop_;
  env::Executor readers_;
  env::Executor writer_;
  Tail tail_;
  CursorSaver saver_;
  std::atomic<std::uint64_t> last_id_ = 0;  // of members and subscriptions
  std::atomic<bool> stopped_ = false;
  std::mutex stop_mutex_;

  // Of the loop alone.
  std::map<std::string, std::unique_ptr<HostedProjection>> projections_;
  std::map<std::string, model::GlobalPosition> saved_cursors_;
  std::set<std::string> new_;  // projections that are not durable yet
  // Members that left before their projection was durable.
  std::unordered_map<MemberId, bool> joining_;
  std::unordered_map<std::uint64_t, std::unique_ptr<HostedSubscription>> subscriptions_;
  std::size_t waiting_ = 0;
  bool watching_ = false;
};

}  // namespace thalo::feed
