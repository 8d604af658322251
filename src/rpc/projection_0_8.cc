// thalo.Projection: SubscribeToEvents and AcknowledgeEvent of Thalo 0.8.
//
// There one event is under way at a time: the next is sent when the one before it is acknowledged, by a call of its
// own. So the window is one event.
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "rpc/message_queue.h"
#include "rpc/projection_info.h"
#include "rpc/projections.h"
#include "rpc/translate.h"

namespace thalo::rpc {
namespace {

using base::Code;

class Subscriber08;

// Which calls are open, by the projection's name, so that acknowledgements find them. Any thread.
class OpenCalls {
 public:
  void add(const std::string& name, Subscriber08* subscriber);
  void remove(const std::string& name, Subscriber08* subscriber);
  // Acknowledges at the call that has sent the event and waits for it. False: there is none.
  bool acknowledge(const std::string& name, model::GlobalPosition position);

 private:
  std::mutex mutex_;
  std::multimap<std::string, Subscriber08*> calls_;
};

class Subscriber08 final : public feed::Consumer {
 public:
  explicit Subscriber08(net::Stream stream) : queue_(std::move(stream)) {}

  MessageQueue& queue() { return queue_; }

  void join(feed::Projections& projections, feed::JoinRequest request, const std::shared_ptr<Subscriber08>& self) {
    base::Result<std::unique_ptr<feed::Membership>> joined;
    {
      // An event may be acknowledged, by another connection, before join() has returned: that waits here.
      const std::lock_guard lock(mutex_);
      joined = projections.join(std::move(request), self);
      if (joined) membership_ = *std::move(joined);
    }
    if (!joined) on_stopped(joined.error());
  }
  void leave() {
    std::unique_ptr<feed::Membership> membership;
    const std::lock_guard lock(mutex_);
    membership_.swap(membership);
  }

  void on_events(const feed::Delivery& delivery) override {
    {
      const std::lock_guard lock(mutex_);
      delivery_ = delivery.number();
      position_ = delivery.last_position();
    }
    delivery.for_each([&](const model::EventView& event) {
      ::thalo::Message message;
      to_wire(event, message);
      if (!queue_.send(message.SerializeAsString())) leave();
    });
  }
  void on_stopped(const base::Error& reason) override { queue_.stream().finish(net::Status::from(reason)); }

  bool acknowledge(model::GlobalPosition position) {
    const std::lock_guard lock(mutex_);
    if (membership_ == nullptr || position_ != position) return false;
    membership_->acknowledge(delivery_, position);
    return true;
  }

 private:
  MessageQueue queue_;
  std::mutex mutex_;
  std::unique_ptr<feed::Membership> membership_;
  std::uint64_t delivery_ = 0;
  std::optional<model::GlobalPosition> position_;  // of the newest event sent
};

void OpenCalls::add(const std::string& name, Subscriber08* subscriber) {
  const std::lock_guard lock(mutex_);
  calls_.emplace(name, subscriber);
}

void OpenCalls::remove(const std::string& name, Subscriber08* subscriber) {
  const std::lock_guard lock(mutex_);
  const auto [begin, end] = calls_.equal_range(name);
  for (auto call = begin; call != end; ++call) {
    if (call->second != subscriber) continue;
    calls_.erase(call);
    return;
  }
}

bool OpenCalls::acknowledge(const std::string& name, model::GlobalPosition position) {
  const std::lock_guard lock(mutex_);
  const auto [begin, end] = calls_.equal_range(name);
  for (auto call = begin; call != end; ++call)
    if (call->second->acknowledge(position)) return true;
  return false;
}

// Empty, or `*`: any.
feed::Filter filter_of(const ::thalo::SubscriptionRequest& request) {
  const auto is_any = [](const std::string& text) { return text.empty() || text == "*"; };
  feed::Filter filter;
  for (const auto& interest : request.events()) {
    store::Filter part;
    if (!is_any(interest.category())) part.categories.push_back(interest.category());
    if (!is_any(interest.event())) part.types.push_back(interest.event());
    filter.push_back(std::move(part));
  }
  return filter;
}

class SubscribeToEventsHandler final : public net::StreamHandler {
 public:
  SubscribeToEventsHandler(net::Stream stream, feed::Projections& projections, std::shared_ptr<OpenCalls> calls)
      : peer_(stream.peer()),
        subscriber_(std::make_shared<Subscriber08>(std::move(stream))),
        projections_(projections),
        calls_(std::move(calls)) {}
  ~SubscribeToEventsHandler() override {
    if (!name_.empty()) calls_->remove(name_, subscriber_.get());
    subscriber_->leave();
  }

  void on_message(std::string_view message) override {
    auto request = parse<::thalo::SubscriptionRequest>(message);
    if (!request) return subscriber_->on_stopped(request.error());
    if (!name_.empty()) return subscriber_->on_stopped({Code::invalid_argument, "the method takes one request"});
    if (auto legal = check_joined_name(request->name()); !legal) return subscriber_->on_stopped(legal.error());
    name_ = request->name();
    if (!name_.empty()) calls_->add(name_, subscriber_.get());
    subscriber_->join(projections_,
                      {.name = name_, .filter = filter_of(*request), .window = {.events = 1}, .member = peer_},
                      subscriber_);
  }
  void on_half_close() override {}
  void on_writable() override { subscriber_->queue().flush(); }
  void on_draining() override {
    subscriber_->on_stopped({Code::unavailable, "the server is shutting down; subscribe again at the next one"});
  }

 private:
  const std::string peer_;
  const std::shared_ptr<Subscriber08> subscriber_;
  feed::Projections& projections_;
  const std::shared_ptr<OpenCalls> calls_;
  std::string name_;
};

void answer(net::UnaryCall& call, bool success, std::string message) {
  ::thalo::AckResponse response;
  response.set_success(success);
  response.set_message(std::move(message));
  call.finish(response.SerializeAsString());
}

void acknowledge(net::UnaryCall call, feed::Projections& projections, OpenCalls& calls) {
  const auto request = parse<::thalo::Acknowledgement>(call.request());
  if (!request) return call.fail(request.error());
  const model::GlobalPosition position = request->global_id();
  if (calls.acknowledge(request->name(), position)) return answer(call, true, "ok");
  // Nobody waits for it: it is done already, or has not been sent.
  auto shared = std::make_shared<net::UnaryCall>(std::move(call));
  projections.get(request->name(), [shared, position](const base::Result<feed::ProjectionDescription>& found) {
    if (!found) return answer(*shared, false, found.error().message);
    if (found->cursor > position) return answer(*shared, true, "ok");
    answer(*shared, false,
           "no subscriber of projection " + found->name + " waits for the event with global id " +
               std::to_string(position) + " to be acknowledged; subscribe, and acknowledge each event once");
  });
}

}  // namespace

void add_projection_0_8(net::Router& methods, feed::Projections& projections) {
  auto calls = std::make_shared<OpenCalls>();
  methods.streaming("/thalo.Projection/SubscribeToEvents", [&projections, calls](net::Stream stream) {
    return std::make_unique<SubscribeToEventsHandler>(std::move(stream), projections, calls);
  });
  methods.unary("/thalo.Projection/AcknowledgeEvent",
                [&projections, calls](net::UnaryCall call) { acknowledge(std::move(call), projections, *calls); });
}

}  // namespace thalo::rpc
