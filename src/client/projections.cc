#include "client/projections.h"

#include <utility>

#include "client/channel.h"
#include "thalo/v1/projections.grpc.pb.h"

namespace thalo::client {
namespace {

using std::chrono::milliseconds;
using Stub = v1::Projections::Stub;

std::vector<std::string> texts(const google::protobuf::RepeatedPtrField<std::string>& from) {
  return {from.begin(), from.end()};
}

HeldStream from_wire(const v1::ProjectionInfo::HeldStream& held) {
  return {held.stream(), held.parked(),          held.position(),       held.global_position(), held.attempts(),
          held.error(),  held.first_failed_ms(), held.last_failed_ms(), held.retry_at_ms()};
}

Projection from_wire(const v1::ProjectionInfo& info) {
  Projection out;
  out.name = info.name();
  for (const auto& filter : info.filters())
    out.filters.push_back({texts(filter.categories()), texts(filter.streams()), texts(filter.types())});
  out.policy = {info.policy().attempts_max(), milliseconds(info.policy().backoff_first_ms()),
                milliseconds(info.policy().backoff_max_ms()), info.policy().parked_streams_max()};
  out.cursor = info.cursor();
  out.head = info.head();
  out.lag_events = info.lag_events();
  out.lag = milliseconds(info.lag_ms());
  out.paused = info.paused();
  out.stopped = info.stopped();
  for (const auto& member : info.members()) out.members.push_back({member.member(), member.unacknowledged()});
  for (const auto& held : info.held()) out.held.push_back(from_wire(held));
  out.unseen = texts(info.unseen());
  out.delivered = info.delivered();
  out.failures = info.failures();
  out.skipped = info.skipped();
  return out;
}

template <class Request>
Request named(const std::string& name) {
  Request request;
  request.set_name(name);
  return request;
}

class GrpcProjections final : public Projections {
 public:
  explicit GrpcProjections(Channel channel) { use(std::move(channel)); }

  void set_timeout(milliseconds timeout) override {
    timeout_ = timeout;
    // A connection has its time limit from the start. The URL was legal, so it is legal now.
    if (auto channel = open_channel(channel_.url, timeout)) use(*std::move(channel));
  }

  base::Result<std::vector<Projection>> list() override {
    auto response = call(&Stub::List, v1::ListProjectionsRequest());
    if (!response) return std::unexpected(response.error());
    std::vector<Projection> out;
    for (const auto& info : response->projections()) out.push_back(from_wire(info));
    return out;
  }

  base::Result<Projection> get(const std::string& name) override {
    auto response = call(&Stub::Get, named<v1::GetProjectionRequest>(name));
    if (!response) return std::unexpected(response.error());
    return from_wire(*response);
  }

  base::Result<> reset(const std::string& name, std::optional<model::GlobalPosition> position) override {
    auto request = named<v1::ResetProjectionRequest>(name);
    if (position) {
      request.set_position(*position);
    } else {
      request.set_now(true);
    }
    return done(call(&Stub::Reset, request));
  }

  base::Result<> pause(const std::string& name) override {
    return done(call(&Stub::Pause, named<v1::PauseProjectionRequest>(name)));
  }
  base::Result<> resume(const std::string& name) override {
    return done(call(&Stub::Resume, named<v1::ResumeProjectionRequest>(name)));
  }
  base::Result<> remove(const std::string& name) override {
    return done(call(&Stub::Delete, named<v1::DeleteProjectionRequest>(name)));
  }

  base::Result<std::uint64_t> retry(const std::string& name, const std::string& stream) override {
    auto request = named<v1::RetryProjectionRequest>(name);
    request.set_stream(stream);
    auto response = call(&Stub::Retry, request);
    if (!response) return std::unexpected(response.error());
    return response->streams();
  }

  base::Result<> skip(const std::string& name, const std::string& stream,
                      model::GlobalPosition global_position) override {
    auto request = named<v1::SkipEventRequest>(name);
    request.set_stream(stream);
    request.set_global_position(global_position);
    return done(call(&Stub::Skip, request));
  }

  base::Result<Passed> wait_for(const std::string& name, model::GlobalPosition global_position) override {
    auto request = named<v1::WaitForRequest>(name);
    request.set_global_position(global_position);
    auto response = call(&Stub::WaitFor, request);
    if (!response) return std::unexpected(response.error());
    return Passed{response->cursor(), response->held()};
  }

 private:
  void use(Channel channel) {
    channel_ = std::move(channel);
    stub_ = v1::Projections::NewStub(channel_.grpc);
  }

  template <class Request, class Response>
  base::Result<Response> call(::grpc::Status (Stub::*method)(::grpc::ClientContext*, const Request&, Response*),
                              const Request& request) const {
    ::grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout_);
    Response response;
    if (const auto status = (stub_.get()->*method)(&context, request, &response); !status.ok())
      return channel_.failed(status, context);
    return response;
  }

  template <class Response>
  static base::Result<> done(const base::Result<Response>& response) {
    if (!response) return std::unexpected(response.error());
    return {};
  }

  Channel channel_;
  std::unique_ptr<Stub> stub_;
  milliseconds timeout_ = default_timeout;
};

}  // namespace

base::Result<std::unique_ptr<Projections>> Projections::connect(std::string_view url) {
  auto channel = open_channel(url);
  if (!channel) return std::unexpected(channel.error());
  return std::make_unique<GrpcProjections>(*std::move(channel));
}

}  // namespace thalo::client
