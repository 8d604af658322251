#include "rpc/commands.h"

#include <memory>
#include <utility>

#include "rpc/execute_stream.h"
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
    to_wire(store_, *std::move(outcome), response);
    call_.finish(response.SerializeAsString());
  }

 private:
  net::UnaryCall call_;
  const model::StoreId& store_;
};

void execute(net::UnaryCall call, command::Router& commands, const store::Store& store) {
  auto request = parse<v1::ExecuteRequest>(call.request());
  if (!request) return call.fail(std::move(request.error()));
  auto command = from_wire(*request);
  command.deadline = call.deadline();
  commands.execute(std::move(command), std::make_unique<ExecuteCaller>(std::move(call), store.id()));
}

}  // namespace

void add_commands(net::Router& methods, command::Router& commands, const store::Store& store) {
  methods.unary("/thalo.v1.Commands/Execute",
                [&commands, &store](net::UnaryCall call) { execute(std::move(call), commands, store); });
  methods.streaming("/thalo.v1.Commands/ExecuteStream", [&commands, &store](net::Stream stream) {
    return make_execute_stream(std::move(stream), commands, store);
  });
}

}  // namespace thalo::rpc
