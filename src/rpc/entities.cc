#include "rpc/entities.h"

#include <memory>
#include <utility>

#include "command/state_at.h"
#include "rpc/blocking_call.h"
#include "rpc/translate.h"
#include "thalo/v1/entities.pb.h"

namespace thalo::rpc {
namespace {

using base::Code;

class DryRunCaller final : public command::Caller {
 public:
  explicit DryRunCaller(net::UnaryCall call) : call_(std::move(call)) {}
  bool gone() const override { return call_.cancelled(); }
  void answer(base::Result<command::ExecuteOutcome> outcome) override {
    if (!outcome) return call_.fail(std::move(outcome.error()));
    v1::ExecuteResponse response;
    to_wire(model::StoreId{}, *std::move(outcome), response);
    if (response.has_accepted()) {
      // These events are not stored: what only a stored event has is not shown.
      for (v1::Event& event : *response.mutable_accepted()->mutable_events()) {
        event.clear_id();
        event.clear_global_position();
      }
    }
    call_.finish(response.SerializeAsString());
  }

 private:
  net::UnaryCall call_;
};

void dry_run(net::UnaryCall call, command::Router& commands) {
  auto request = parse<v1::ExecuteRequest>(call.request());
  if (!request) return call.fail(std::move(request.error()));
  auto command = from_wire(*request);
  command.deadline = call.deadline();
  commands.dry_run(std::move(command), std::make_unique<DryRunCaller>(std::move(call)));
}

base::Result<std::pair<model::StreamName, std::shared_ptr<const wasm::Module>>> find_entity(
    const EntitiesContext& context, const std::string& category, const std::string& id) {
  auto stream = model::StreamName::make(category, id);
  if (!stream) return std::unexpected(stream.error());
  auto module = context.catalog.find(category);
  if (module == nullptr) return base::fail(Code::not_found, "no aggregate named '" + category + "'");
  return std::pair(*std::move(stream), std::move(module));
}

void describe(const std::shared_ptr<net::UnaryCall>& call, const EntitiesContext& context) {
  auto request = parse<v1::DescribeEntityRequest>(call->request());
  if (!request) return call->fail(std::move(request.error()));
  auto entity = find_entity(context, request->category(), request->id());
  if (!entity) return call->fail(std::move(entity.error()));
  const auto& [stream, module] = *entity;
  auto version = context.store.stream_version(stream.view());
  if (!version) return call->fail(std::move(version.error()));
  auto snapshot = context.store.load_snapshot(stream.view());
  if (!snapshot) return call->fail(std::move(snapshot.error()));

  v1::DescribeEntityResponse response;
  response.set_stream(stream.text());
  response.set_version(*version);
  response.set_module(module->name());
  response.set_module_digest(module->digest());
  if (*snapshot) response.set_snapshot_version((*snapshot)->version);
  auto asked =
      context.commands.describe(stream, [call, response](const command::EntityDescription& description) mutable {
        response.set_cached(description.cached);
        if (description.cached) {
          response.set_instance(description.instance);
          response.set_instance_entities(description.instance_entities);
          response.set_instance_memory_bytes(description.instance_memory_bytes);
          response.set_module(description.module);
          response.set_module_digest(description.module_digest);
        }
        call->finish(response.SerializeAsString());
      });
  if (!asked) call->fail(std::move(asked.error()));
}

void state_at(const std::shared_ptr<net::UnaryCall>& call, const EntitiesContext& context) {
  auto request = parse<v1::StateAtRequest>(call->request());
  if (!request) return call->fail(std::move(request.error()));
  auto entity = find_entity(context, request->category(), request->id());
  if (!entity) return call->fail(std::move(entity.error()));
  command::StateLimits until;
  if (request->has_version()) until.version = request->version();
  if (request->has_time_ms()) until.time_ms = request->time_ms();
  auto state = command::state_at(context.store, *entity->second, context.limits, entity->first, until,
                                 [&call] { return call->cancelled(); });
  if (!state) return call->fail(std::move(state.error()));
  v1::StateAtResponse response;
  response.set_version(state->version);
  response.set_state(std::move(state->state));
  call->finish(response.SerializeAsString());
}

}  // namespace

void add_entities(net::Router& methods, const EntitiesContext& context) {
  methods.unary("/thalo.v1.Entities/DryRun",
                [&commands = context.commands](net::UnaryCall call) { dry_run(std::move(call), commands); });
  methods.unary(
      "/thalo.v1.Entities/Describe",
      blocking(context.executor, [context](const std::shared_ptr<net::UnaryCall>& call) { describe(call, context); }));
  methods.unary(
      "/thalo.v1.Entities/StateAt",
      blocking(context.executor, [context](const std::shared_ptr<net::UnaryCall>& call) { state_at(call, context); }));
}

}  // namespace thalo::rpc
