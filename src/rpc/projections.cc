#include "rpc/projections.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "rpc/projection_info.h"
#include "rpc/translate.h"

namespace thalo::rpc {
namespace {

constexpr std::chrono::seconds wait_default{30};
constexpr std::chrono::hours wait_max{1};

using Call = std::shared_ptr<net::UnaryCall>;

// Answers with an empty Response.
template <class Response>
feed::Answer<> done(Call call) {
  return [call = std::move(call)](base::Result<> result) {
    if (!result) return call->fail(std::move(result.error()));
    call->finish(Response().SerializeAsString());
  };
}

// A method whose request is a Request: act(call, request).
template <class Request, class Act>
void add(net::Router& methods, const std::string& name, Act act) {
  methods.unary("/thalo.v1.Projections/" + name, [act = std::move(act)](net::UnaryCall call) {
    auto request = parse<Request>(call.request());
    if (!request) return call.fail(std::move(request.error()));
    act(std::make_shared<net::UnaryCall>(std::move(call)), *request);
  });
}

void add_showing(net::Router& methods, feed::Projections& projections) {
  add<v1::ListProjectionsRequest>(methods, "List", [&projections](Call call, const auto&) {
    projections.list([call](base::Result<std::vector<feed::ProjectionDescription>> listed) {
      if (!listed) return call->fail(std::move(listed.error()));
      v1::ListProjectionsResponse response;
      for (auto& description : *listed) to_wire(std::move(description), *response.add_projections());
      call->finish(response.SerializeAsString());
    });
  });
  add<v1::GetProjectionRequest>(methods, "Get", [&projections](Call call, const auto& request) {
    projections.get(request.name(), [call](base::Result<feed::ProjectionDescription> found) {
      if (!found) return call->fail(std::move(found.error()));
      v1::ProjectionInfo response;
      to_wire(*std::move(found), response);
      call->finish(response.SerializeAsString());
    });
  });
  add<v1::WaitForRequest>(methods, "WaitFor", [&projections](Call call, const auto& request) {
    const auto now = std::chrono::steady_clock::now();
    const auto deadline =
        call->deadline() == net::no_deadline ? now + wait_default : std::min(call->deadline(), now + wait_max);
    projections.wait_for(
        request.name(), request.global_position(), deadline,
        [call](base::Result<feed::Projections::Passed> passed) {
          if (!passed) return call->fail(std::move(passed.error()));
          v1::WaitForResponse response;
          response.set_cursor(passed->cursor);
          response.set_held(passed->held);
          call->finish(response.SerializeAsString());
        },
        [call] { return call->cancelled(); });
  });
}

void add_changing(net::Router& methods, feed::Projections& projections) {
  add<v1::ResetProjectionRequest>(methods, "Reset", [&projections](Call call, const auto& request) {
    projections.reset(request.name(), {.at_head = request.now(), .from = request.position()},
                      done<v1::ResetProjectionResponse>(std::move(call)));
  });
  add<v1::PauseProjectionRequest>(methods, "Pause", [&projections](Call call, const auto& request) {
    projections.pause(request.name(), done<v1::PauseProjectionResponse>(std::move(call)));
  });
  add<v1::ResumeProjectionRequest>(methods, "Resume", [&projections](Call call, const auto& request) {
    projections.resume(request.name(), done<v1::ResumeProjectionResponse>(std::move(call)));
  });
  add<v1::DeleteProjectionRequest>(methods, "Delete", [&projections](Call call, const auto& request) {
    projections.remove(request.name(), done<v1::DeleteProjectionResponse>(std::move(call)));
  });
  add<v1::RetryProjectionRequest>(methods, "Retry", [&projections](Call call, const auto& request) {
    projections.retry(request.name(), request.stream(), [call](base::Result<std::uint64_t> tried) {
      if (!tried) return call->fail(std::move(tried.error()));
      v1::RetryProjectionResponse response;
      response.set_streams(*tried);
      call->finish(response.SerializeAsString());
    });
  });
  add<v1::SkipEventRequest>(methods, "Skip", [&projections](Call call, const auto& request) {
    projections.skip(request.name(), request.stream(), request.global_position(),
                     done<v1::SkipEventResponse>(std::move(call)));
  });
}

}  // namespace

void add_projections(net::Router& methods, feed::Projections& projections, store::Store& store,
                     env::Executor& readers) {
  methods.streaming("/thalo.v1.Projections/Project", [&projections, &store, &readers](net::Stream stream) {
    return make_project(std::move(stream), projections, store, readers);
  });
  add_showing(methods, projections);
  add_changing(methods, projections);
}

}  // namespace thalo::rpc
