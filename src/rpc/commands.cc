#include "rpc/commands.h"

#include <memory>
#include <utility>

#include "rpc/translate.h"

namespace thalo::rpc {
namespace {

class ExecuteCaller final : public command::Caller {
 public:
  ExecuteCaller(net::UnaryCall call, const model::StoreId& store) : call_(std::move(call)), store_(store) {}

  bool gone() const override { return call_.cancelled(); }

  void answer(base::Result<command::ExecuteOutcome> outcome) override {
    if (!outcome) return call_.fail(std::move(outcome.error()));
    v1::ExecuteResponse response;
    if (auto* rejection = std::get_if<model::Rejection>(&*outcome)) {
      response.mutable_rejected()->set_error(std::move(rejection->error));
    } else {
      to_wire(store_, std::get<model::Accepted>(*std::move(outcome)), *response.mutable_accepted());
    }
    call_.finish(response.SerializeAsString());
  }

 private:
  net::UnaryCall call_;
  const model::StoreId& store_;
};

void execute(net::UnaryCall call, command::Router& commands, const store::Store& store) {
  auto request = parse<v1::ExecuteRequest>(call.request());
  if (!request) return call.fail(std::move(request.error()));
  command::ExecuteRequest command{
      .category = std::move(*request->mutable_category()),
      .id = std::move(*request->mutable_id()),
      .command = std::move(*request->mutable_command()),
      .payload = std::move(*request->mutable_payload()),
      .expected_version = std::nullopt,
      .command_id = std::move(*request->mutable_command_id()),
      .correlation_id = std::move(*request->mutable_correlation_id()),
      .causation_id = std::move(*request->mutable_causation_id()),
      .metadata = std::move(*request->mutable_metadata()),
      .deadline = call.deadline(),
  };
  if (request->has_expected_version()) command.expected_version = request->expected_version();
  if (command.payload.empty()) command.payload = "{}";
  commands.execute(std::move(command), std::make_unique<ExecuteCaller>(std::move(call), store.id()));
}

}  // namespace

void add_commands(net::Router& methods, command::Router& commands, const store::Store& store) {
  methods.unary("/thalo.v1.Commands/Execute",
                [&commands, &store](net::UnaryCall call) { execute(std::move(call), commands, store); });
}

}  // namespace thalo::rpc
