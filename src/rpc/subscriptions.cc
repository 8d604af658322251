#include "rpc/subscriptions.h"

#include <chrono>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "rpc/event_slices.h"
#include "rpc/message_queue.h"
#include "rpc/translate.h"
#include "thalo/v1/subscriptions.pb.h"

namespace thalo::rpc {
namespace {

using base::Code;

// What the feed talks to. Shared by the handler and the subscription.
class Follower final : public feed::Subscriber {
 public:
  Follower(net::Stream stream, const model::StoreId& store) : queue_(std::move(stream)), store_(store) {}

  bool is_ready() override { return queue_.is_ready(); }

  void on_progress(const feed::Progress& progress) override {
    collect_selection(store_, progress.selection, parts_);
    v1::SubscribeResponse rest;
    rest.set_next(progress.next);
    rest.set_skipped(progress.skipped);
    rest.set_caught_up(progress.caught_up);
    rest.set_head(progress.head);
    for (const std::string& part : progress.unseen) rest.add_unseen(part);
    const std::string last = rest.SerializeAsString();
    parts_.push_back({last});
    queue_.send(parts_);
    parts_.clear();
  }

  void on_stopped(const base::Error& reason) override { queue_.stream().finish(net::Status::from(reason)); }

  MessageQueue& queue() { return queue_; }

 private:
  MessageQueue queue_;
  const model::StoreId store_;
  std::vector<net::BytesPart> parts_;  // of the message being made
};

base::Result<feed::SubscribeRequest> from_wire(v1::SubscribeRequest& request) {
  feed::SubscribeRequest out;
  store::Filter filter;
  filter.categories.assign(request.categories().begin(), request.categories().end());
  filter.types.assign(request.types().begin(), request.types().end());
  filter.streams.assign(request.streams().begin(), request.streams().end());
  out.filter.push_back(std::move(filter));
  if (request.start_case() == v1::SubscribeRequest::kAfter) {
    if (request.after() == UINT64_MAX) return base::fail(Code::invalid_argument, "after: no event is at that position");
    out.start.from = request.after() + 1;
  } else if (request.start_case() == v1::SubscribeRequest::kNow) {
    out.start.at_head = request.now();
  } else {
    out.start.from = request.from();
  }
  if (request.heartbeat_interval_ms() != 0) out.heartbeat = std::chrono::milliseconds(request.heartbeat_interval_ms());
  return out;
}

class SubscribeHandler final : public net::StreamHandler {
 public:
  SubscribeHandler(net::Stream stream, feed::Subscriptions& subscriptions, const model::StoreId& store)
      : follower_(std::make_shared<Follower>(std::move(stream), store)), subscriptions_(subscriptions), store_(store) {}

  void on_message(std::string_view message) override {
    if (has_request_) return finish({Code::invalid_argument, "the method takes one request"});
    has_request_ = true;
    auto request = parse<v1::SubscribeRequest>(message);
    if (!request) return finish(std::move(request.error()));
    auto wanted = from_wire(*request);
    if (!wanted) return finish(std::move(wanted.error()));
    wanted->prepare = [store = store_](const feed::EventBatch& batch) { encode_events(store, batch); };
    auto subscribed = subscriptions_.subscribe(*std::move(wanted), follower_);
    if (!subscribed) return finish(std::move(subscribed.error()));
    subscription_ = *std::move(subscribed);
  }
  void on_half_close() override {
    if (!has_request_) finish({Code::invalid_argument, "the method needs a request"});
  }
  void on_writable() override {
    follower_->queue().flush();
    if (subscription_) subscription_->wake();
  }
  void on_draining() override {
    finish({Code::unavailable, "the server is shutting down; go on with the last `next` at the next one"});
  }

 private:
  void finish(base::Error error) { follower_->queue().stream().finish(net::Status::from(std::move(error))); }

  const std::shared_ptr<Follower> follower_;
  feed::Subscriptions& subscriptions_;
  const model::StoreId store_;
  bool has_request_ = false;
  std::unique_ptr<feed::Subscription> subscription_;
};

}  // namespace

void add_subscriptions(net::Router& methods, feed::Subscriptions& subscriptions, const store::Store& store) {
  methods.streaming("/thalo.v1.Subscriptions/Subscribe", [&subscriptions, &store](net::Stream stream) {
    return std::make_unique<SubscribeHandler>(std::move(stream), subscriptions, store.id());
  });
}

}  // namespace thalo::rpc
