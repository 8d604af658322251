#include "rpc/commands.h"

#include <memory>
#include <string>
#include <utility>

#include "rpc/execute_response.h"
#include "rpc/execute_stream.h"
#include "rpc/translate.h"

namespace thalo::rpc {
namespace {

constexpr std::size_t kept_request_bytes_max = 16 << 10;

class ExecuteCaller final : public command::Caller {
 public:
  ExecuteCaller(net::UnaryCall call, const model::StoreId& store) : call_(std::move(call)), store_(store) {}

  bool gone() const override { return call_.cancelled(); }

  void answer(base::Result<command::ExecuteOutcome> outcome) override {
    if (!outcome) return call_.fail(std::move(outcome.error()));
    std::string response;
    append_execute_response(response, store_, *outcome);
    call_.finish(std::move(response));
  }

 private:
  net::UnaryCall call_;
  const model::StoreId& store_;
};

void execute(net::UnaryCall call, command::Router& commands, const store::Store& store) {
  // One message a thread, used again for its memory, unless it might keep much of it.
  thread_local v1::ExecuteRequest kept;
  v1::ExecuteRequest large;
  v1::ExecuteRequest& request = call.request().size() <= kept_request_bytes_max ? kept : large;
  if (auto parsed = parse_into(request, call.request()); !parsed) return call.fail(std::move(parsed.error()));
  auto command = from_wire(request);
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
