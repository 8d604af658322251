// One projection on the loop: its machine, the reader that feeds it, its members' consumers and whoever waits for it.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "feed/membership.h"
#include "feed/projection_machine.h"
#include "feed/projection_record.h"
#include "feed/tail.h"

namespace thalo::feed {

// What a projection needs of the feed.
class ProjectionHost {
 public:
  virtual ~ProjectionHost() = default;
  // Reads for a held stream; take_stream_events or read_failed follows on the loop.
  virtual void read_stream(const std::string& projection, const Matcher& matcher, StreamRead read) = 0;
  // What survives a restart has changed.
  virtual void note_changed(const std::string& projection) = 0;
};

class HostedProjection final : private Reader {
 public:
  HostedProjection(std::string name, ProjectionRecord record, Tail& tail, Loop& loop, ProjectionHost& host);

  const std::string& name() const { return name_; }
  const Filter& filter() const { return filter_; }
  // Expires with this one; another may have its name by then.
  std::weak_ptr<char> alive() const { return alive_; }

  void join(const std::shared_ptr<MemberOutbox>& outbox, Window window, std::string description,
            std::shared_ptr<Consumer> consumer);
  void leave(MemberId member);
  void acknowledge(MemberId member, std::optional<std::uint64_t> delivery, model::GlobalPosition position);
  void fail(MemberId member, std::optional<std::uint64_t> delivery, model::GlobalPosition position, std::string reason);
  void take_stream_events(const StreamEvents& events);
  void stop_member(MemberId member, const base::Error& reason);
  void stop_members(const base::Error& reason);
  void send_heartbeats();
  std::size_t member_count() const { return members_.size(); }
  // Whether it belongs to something of the runtime itself, a relay, and not to a client.
  bool is_internal() const { return name_.starts_with('$'); }

  void set_policy(const FailurePolicy& policy);
  void pause();
  void resume();
  void reset(model::GlobalPosition position);
  base::Result<std::uint64_t> retry(std::string_view stream);
  base::Result<> skip(std::string_view stream, model::GlobalPosition position);

  struct Waiting {
    model::GlobalPosition position;
    Loop::Time deadline;
    Answer<Projections::Passed> answer;
    std::function<bool()> is_gone;  // may be empty
  };
  void wait_for(Waiting waiting);
  // Answers those for whom it has come, or is too late, or who have gone.
  void answer_waiting();
  void stop_waiting(const base::Error& reason);

  model::GlobalPosition cursor();
  ProjectionRecord record();
  // Without lag_ms when the event at the cursor is not in memory, and without categories and streams in `unseen`.
  ProjectionDescription describe();

 private:
  struct Link {
    std::string description;
    std::shared_ptr<Consumer> consumer;
    std::shared_ptr<MemberOutbox> outbox;
    bool sent_since_heartbeat = false;
    bool told_unseen = false;
  };

  void on_stretch(Stretch stretch) override;
  void on_unreadable(const base::Error& error) override;
  void take(Selection selection, model::GlobalPosition next);
  void note_seen(const Selection& selection);
  void tell_unseen();
  void follow_reader();
  void settle();
  void carry_out(Actions actions);
  void tell_patience();
  base::Result<> skip_at_cursor(std::string_view stream, model::GlobalPosition position);
  void schedule_tick();
  std::int64_t now_ms() const { return loop_.clock().now_ms(); }

  const std::string name_;
  const Filter filter_;
  Loop& loop_;
  Tail& tail_;
  ProjectionHost& host_;
  ProjectionMachine machine_;
  std::map<MemberId, Link> members_;
  std::vector<Waiting> waiting_;
  std::string unreadable_;
  std::set<std::string, std::less<>> unseen_types_;
  bool reached_end_ = false;
  std::uint64_t delivered_ = 0;
  std::uint64_t failures_ = 0;
  std::uint64_t skipped_ = 0;
  bool patient_ = false;                 // as the members' outboxes were told
  std::optional<std::int64_t> tick_ms_;  // the earliest one scheduled
  std::pair<model::GlobalPosition, std::uint64_t> noted_;
  const std::shared_ptr<char> alive_ = std::make_shared<char>();  // for timers
};

}  // namespace thalo::feed
