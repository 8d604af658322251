// Projections.Project: one member of a projection.
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "rpc/event_slices.h"
#include "rpc/message_queue.h"
#include "rpc/projection_info.h"
#include "rpc/projections.h"
#include "rpc/translate.h"
#include "thalo/v1/projections.pb.h"

namespace thalo::rpc {
namespace {

using base::Code;

// Shared by the handler (loop thread), the feed (its thread) and the read under way when it joins.
class Member final : public feed::Consumer {
 public:
  Member(net::Stream stream, store::Store& store) : queue_(std::move(stream)), store_(store) {}

  MessageQueue& queue() { return queue_; }

  // On a reading thread.
  void join(feed::JoinRequest request, feed::Projections& projections) {
    if (queue_.stream().cancelled()) return;
    unseen_ = feed::unseen_names(store_, request.filter);
    base::Result<std::unique_ptr<feed::Membership>> joined;
    {
      // The client may be told, and answer, before join() has returned: what it says waits here.
      const std::lock_guard lock(mutex_);
      joined = projections.join(std::move(request), self_.lock());
      if (joined && !gone_) membership_ = *std::move(joined);
    }
    if (!joined) finish(std::move(joined.error()));
  }
  void remember(const std::shared_ptr<Member>& self) { self_ = self; }

  // The client has gone, or says no more.
  void leave() {
    std::unique_ptr<feed::Membership> membership;
    const std::lock_guard lock(mutex_);
    gone_ = true;
    membership_.swap(membership);
  }

  // Calls act(feed::Membership&); false when the client has not been told yet that it has joined.
  template <class Act>
  bool with_membership(Act&& act) {
    const std::lock_guard lock(mutex_);
    if (membership_ == nullptr) return false;
    act(*membership_);
    return true;
  }

  void on_resets(std::uint64_t resets, model::GlobalPosition cursor) override {
    v1::ProjectResponse response;
    response.set_resets(resets);
    response.set_cursor(cursor);
    response.set_head(store_.head());
    for (const std::string& part : std::exchange(unseen_, {})) response.add_unseen(part);
    send(response.SerializeAsString());
  }
  void on_unseen(const std::vector<std::string>& types, model::GlobalPosition cursor) override {
    v1::ProjectResponse response;
    response.set_cursor(cursor);
    response.set_head(store_.head());
    for (const std::string& type : types) response.add_unseen("type " + type);
    send(response.SerializeAsString());
  }
  void on_events(const feed::Delivery& delivery) override {
    for (const feed::Selection& selection : delivery.selections()) collect_selection(store_.id(), selection, parts_);
    v1::ProjectResponse rest;
    rest.set_batch(delivery.number());
    rest.set_failures_seen(delivery.failures_seen());
    const std::string last = rest.SerializeAsString();
    parts_.push_back({last});
    send(parts_);
    parts_.clear();
  }
  void on_heartbeat(model::GlobalPosition cursor, model::GlobalPosition head) override {
    if (!queue_.is_ready()) return;
    v1::ProjectResponse response;
    response.set_cursor(cursor);
    response.set_head(head);
    send(response.SerializeAsString());
  }
  void on_stopped(const base::Error& reason) override { finish(reason); }

  void finish(base::Error error) { queue_.stream().finish(net::Status::from(std::move(error))); }

 private:
  // What a client does not read goes to another member.
  template <class Message>
  void send(const Message& message) {
    if (!queue_.send(message)) leave();
  }

  MessageQueue queue_;
  store::Store& store_;
  std::weak_ptr<Member> self_;
  std::vector<std::string> unseen_;
  std::vector<net::BytesPart> parts_;  // of the message being made
  std::mutex mutex_;
  bool gone_ = false;
  std::unique_ptr<feed::Membership> membership_;
};

base::Result<feed::JoinRequest> from_wire(v1::ProjectRequest::Join& join, std::string_view peer) {
  if (auto legal = check_joined_name(join.name()); !legal) return std::unexpected(legal.error());
  feed::JoinRequest out{.name = std::move(*join.mutable_name()), .member = std::string(peer)};
  store::Filter filter;
  filter.categories.assign(join.categories().begin(), join.categories().end());
  filter.types.assign(join.types().begin(), join.types().end());
  filter.streams.assign(join.streams().begin(), join.streams().end());
  out.filter.push_back(std::move(filter));
  if (auto legal = feed::check_filter(out.filter); !legal) return std::unexpected(legal.error());
  out.start = {.at_head = join.now(), .from = join.from()};
  if (join.window_events() != 0) out.window.events = join.window_events();
  if (join.has_policy()) out.policy = policy_from_wire(join.policy());
  return out;
}

class ProjectHandler final : public net::StreamHandler {
 public:
  ProjectHandler(net::Stream stream, feed::Projections& projections, store::Store& store, env::Executor& readers)
      : peer_(stream.peer()),
        member_(std::make_shared<Member>(std::move(stream), store)),
        projections_(projections),
        readers_(readers) {
    member_->remember(member_);
  }
  ~ProjectHandler() override { member_->leave(); }

  void on_message(std::string_view message) override {
    auto request = parse<v1::ProjectRequest>(message);
    if (!request) return member_->finish(std::move(request.error()));
    if (!has_joined_) return join(*request);
    const bool is_member = member_->with_membership([&](feed::Membership& membership) { say(*request, membership); });
    if (!is_member)
      member_->finish(
          {Code::invalid_argument, "nothing has been sent yet: read the first message before writing more"});
  }
  // No acknowledgement can come any more.
  void on_half_close() override {
    if (!has_joined_) return member_->finish({Code::invalid_argument, "the first message must be `join`"});
    member_->leave();
    member_->queue().stream().finish(net::Status::ok());
  }
  void on_writable() override { member_->queue().flush(); }
  void on_draining() override {
    member_->leave();
    member_->finish({Code::unavailable, "the server is shutting down; join again at the next one"});
  }

 private:
  void join(v1::ProjectRequest& request) {
    if (request.message_case() != v1::ProjectRequest::kJoin)
      return member_->finish({Code::invalid_argument, "the first message must be `join`"});
    auto wanted = from_wire(*request.mutable_join(), peer_);
    if (!wanted) return member_->finish(std::move(wanted.error()));
    has_joined_ = true;
    auto posted = readers_.post([member = member_, &projections = projections_, wanted = *std::move(wanted)] {
      member->join(wanted, projections);
    });
    if (!posted) member_->finish(std::move(posted.error()));
  }

  void say(v1::ProjectRequest& request, feed::Membership& membership) {
    if (request.has_acknowledge()) {
      const auto& acknowledge = request.acknowledge();
      membership.acknowledge(acknowledge.has_batch() ? std::optional(acknowledge.batch()) : std::nullopt,
                             acknowledge.global_position());
    } else if (request.has_fail()) {
      auto& fail = *request.mutable_fail();
      membership.fail(fail.has_batch() ? std::optional(fail.batch()) : std::nullopt, fail.global_position(),
                      std::move(*fail.mutable_reason()));
    } else {
      member_->finish({Code::invalid_argument, "a message after the first must be `acknowledge` or `fail`"});
    }
  }

  const std::string peer_;
  const std::shared_ptr<Member> member_;
  feed::Projections& projections_;
  env::Executor& readers_;
  bool has_joined_ = false;
};

}  // namespace

std::unique_ptr<net::StreamHandler> make_project(net::Stream stream, feed::Projections& projections,
                                                 store::Store& store, env::Executor& readers) {
  return std::make_unique<ProjectHandler>(std::move(stream), projections, store, readers);
}

}  // namespace thalo::rpc
