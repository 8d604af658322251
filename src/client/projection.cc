#include "client/projection.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

#include "client/channel.h"
#include "thalo/v1/projections.grpc.pb.h"

namespace thalo::client {
namespace {

using base::Code;

v1::ProjectRequest join_request(const ProjectionOptions& options) {
  v1::ProjectRequest request;
  auto& join = *request.mutable_join();
  join.set_name(options.name);
  for (const std::string& category : options.filter.categories) join.add_categories(category);
  for (const std::string& type : options.filter.types) join.add_types(type);
  for (const std::string& stream : options.filter.streams) join.add_streams(stream);
  join.set_from(options.from);
  join.set_window_events(options.window_events);
  if (options.policy) {
    auto& policy = *join.mutable_policy();
    policy.set_attempts_max(options.policy->attempts_max);
    policy.set_backoff_first_ms(static_cast<std::uint32_t>(options.policy->backoff_first.count()));
    policy.set_backoff_max_ms(static_cast<std::uint32_t>(options.policy->backoff_max.count()));
    policy.set_parked_streams_max(options.policy->parked_streams_max);
  }
  return request;
}

// What trying again does not mend.
bool is_final(Code code) {
  return code == Code::invalid_argument || code == Code::failed_precondition || code == Code::not_found ||
         code == Code::unimplemented || code == Code::data_loss;
}

// One call of Project, from joining to its end.
class Session {
 public:
  Session(v1::Projections::Stub& stub, const Channel& channel, const ProjectionOptions& options,
          ProjectionHandler& handler)
      : channel_(channel), handler_(handler), stream_(stub.Project(&context_)) {
    stream_->Write(join_request(options));
  }

  void cancel() { context_.TryCancel(); }
  bool joined() const { return joined_; }

  // Always with an error: a call of Project has no other end.
  base::Error run() {
    v1::ProjectResponse response;
    while (stream_->Read(&response)) {
      const auto handled = take(response);
      if (handled) continue;
      context_.TryCancel();
      stream_->Finish();
      ended_by_handler_ = true;
      return handled.error();
    }
    const auto status = stream_->Finish();
    if (status.ok()) return {Code::unavailable, "the server ended the call"};
    return channel_.failed(status, context_).error();
  }
  bool ended_by_handler() const { return ended_by_handler_; }

 private:
  base::Result<> take(v1::ProjectResponse& response) {
    if (response.has_resets()) {
      joined_ = true;
      withdrawn_.clear();
      if (auto joined = handler_.on_joined(response.cursor(), response.resets()); !joined) return joined;
    }
    if (!response.unseen().empty())
      handler_.on_unseen(std::vector<std::string>(response.unseen().begin(), response.unseen().end()));
    std::erase_if(withdrawn_, [&](const auto& stream) { return stream.second <= response.failures_seen(); });
    if (response.events().empty()) return {};
    const std::uint64_t batch = response.batch();
    const model::GlobalPosition last = response.events().rbegin()->global_position();
    events_.clear();
    for (v1::Event& event : *response.mutable_events()) {
      if (!withdrawn_.contains(event.stream())) events_.push_back(event_from_wire(event));
    }
    if (auto handled = handle(batch); !handled) return handled;
    acknowledge(batch, last);
    return {};
  }

  base::Result<> handle(std::uint64_t batch) {
    while (!events_.empty()) {
      const Handled handled = handler_.on_events(events_);
      if (!handled) return std::unexpected(handled.error());
      if (!handled->has_value()) return {};
      const std::size_t index = (*handled)->index;
      if (index >= events_.size())
        return base::fail(Code::invalid_argument, "the handler names event " + std::to_string(index) + " of " +
                                                      std::to_string(events_.size()) + " as failed");
      if (index > 0) acknowledge(batch, events_[index - 1].global_position);
      fail(batch, events_[index], (*handled)->reason);
      const std::string stream = events_[index].stream;
      events_.erase(events_.begin(), events_.begin() + static_cast<std::ptrdiff_t>(index) + 1);
      std::erase_if(events_, [&](const Event& event) { return event.stream == stream; });
    }
    return {};
  }

  // A failed write is the end of the call, which the next read tells.
  void acknowledge(std::uint64_t batch, model::GlobalPosition position) {
    v1::ProjectRequest request;
    request.mutable_acknowledge()->set_batch(batch);
    request.mutable_acknowledge()->set_global_position(position);
    stream_->Write(request);
  }

  // Events of the stream that are on their way are withdrawn; the server says when it has seen this failure, and what
  // it sends of the stream from then on is meant.
  void fail(std::uint64_t batch, const Event& event, const std::string& reason) {
    v1::ProjectRequest request;
    request.mutable_fail()->set_batch(batch);
    request.mutable_fail()->set_global_position(event.global_position);
    request.mutable_fail()->set_reason(reason);
    withdrawn_[event.stream] = ++failures_;
    stream_->Write(request);
  }

  const Channel& channel_;
  ProjectionHandler& handler_;
  ::grpc::ClientContext context_;
  const std::unique_ptr<::grpc::ClientReaderWriter<v1::ProjectRequest, v1::ProjectResponse>> stream_;
  std::vector<Event> events_;
  std::map<std::string, std::uint64_t> withdrawn_;  // the number of the failure, by stream
  std::uint64_t failures_ = 0;
  bool joined_ = false;
  bool ended_by_handler_ = false;
};

// False: stopped meanwhile.
bool rest(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wakened;
  std::unique_lock lock(mutex);
  wakened.wait_for(lock, stop, time, [] { return false; });
  return !stop.stop_requested();
}

}  // namespace

base::Result<> run_projection(const ProjectionOptions& options, ProjectionHandler& handler,
                              const std::stop_token& stop) {
  const auto channel = open_channel(options.url);
  if (!channel) return std::unexpected(channel.error());
  const auto stub = v1::Projections::NewStub(channel->grpc);
  auto pause = options.reconnect_first;
  while (!stop.stop_requested()) {
    Session session(*stub, *channel, options, handler);
    const std::stop_callback cancel(stop, [&] { session.cancel(); });
    const base::Error error = session.run();
    if (stop.stop_requested()) break;
    if (session.ended_by_handler() ? !error.retryable() : is_final(error.code)) return std::unexpected(error);
    handler.on_disconnected(error);
    if (session.joined()) pause = options.reconnect_first;
    if (!rest(pause, stop)) break;
    pause = std::min(pause * 2, options.reconnect_max);
  }
  return {};
}

Handled TransactionalHandler::on_events(std::span<const Event> events) {
  const auto known = static_cast<std::size_t>(
      std::ranges::count_if(events, [&](const Event& event) { return event.global_position < place_.next; }));
  events = events.subspan(known);  // events come in global order
  if (events.empty()) return {};
  const Place place{place_.resets, events.back().global_position + 1};
  if (auto stored = store(events, place); !stored) return std::unexpected(stored.error());
  place_ = place;
  return {};
}

base::Result<> TransactionalHandler::on_joined(model::GlobalPosition cursor, std::uint64_t resets) {
  auto loaded = load();
  if (!loaded) return std::unexpected(loaded.error());
  if (*loaded && (*loaded)->resets == resets) {
    place_ = **loaded;
    return {};
  }
  if (!*loaded && cursor > from_)
    return base::fail(Code::failed_precondition, "the projection is at global position " + std::to_string(cursor) +
                                                     ", but there is no data of it; to build it anew, reset the "
                                                     "projection: thalo projections NAME reset --to " +
                                                     std::to_string(from_));
  const Place place{resets, cursor};
  if (auto begun = begin_anew(place); !begun) return begun;
  place_ = place;
  return {};
}

}  // namespace thalo::client
