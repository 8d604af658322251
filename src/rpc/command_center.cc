#include "rpc/command_center.h"

#include <memory>
#include <utility>

#include "rpc/blocking_call.h"
#include "rpc/translate.h"

namespace thalo::rpc {
namespace {

// In 0.8 a rejected command is an answer like an accepted one: success=false with the domain's error in `message`.
class ExecuteCaller final : public command::Caller {
 public:
  explicit ExecuteCaller(net::UnaryCall call) : call_(std::move(call)) {}

  bool gone() const override { return call_.cancelled(); }

  void answer(base::Result<command::ExecuteOutcome> outcome) override {
    if (!outcome) return call_.fail(std::move(outcome.error()));
    ::thalo::ExecuteResponse response;
    if (auto* rejection = std::get_if<model::Rejection>(&*outcome)) {
      response.set_success(false);
      response.set_message(std::move(rejection->error));
    } else {
      response.set_success(true);
      response.set_message("ok");
      for (const model::Event& event : std::get<model::Accepted>(*outcome).events)
        to_wire(event.view(), *response.add_events());
    }
    call_.finish(response.SerializeAsString());
  }

 private:
  net::UnaryCall call_;
};

void execute(net::UnaryCall call, command::Router& commands) {
  auto request = parse<::thalo::ExecuteCommand>(call.request());
  if (!request) return call.fail(std::move(request.error()));
  command::ExecuteRequest command;
  command.category = std::move(*request->mutable_name());
  command.id = std::move(*request->mutable_id());
  command.command = std::move(*request->mutable_command());
  command.payload = std::move(*request->mutable_payload());
  command.deadline = call.deadline();
  commands.execute(std::move(command), std::make_unique<ExecuteCaller>(std::move(call)));
}

void publish(const std::shared_ptr<net::UnaryCall>& call, command::ModuleFolder& modules) {
  auto request = parse<::thalo::PublishModule>(call->request());
  if (!request) return call->fail(std::move(request.error()));
  auto published = modules.publish(request->name(), request->module());
  if (!published) return call->fail(std::move(published.error()));
  ::thalo::PublishResponse response;
  response.set_success(true);
  response.set_message("ok");
  call->finish(response.SerializeAsString());
}

}  // namespace

void add_command_center(net::Router& methods, command::Router& commands, command::ModuleFolder& modules,
                        env::Executor& executor) {
  methods.unary("/thalo.CommandCenter/Execute",
                [&commands](net::UnaryCall call) { execute(std::move(call), commands); });
  methods.unary(
      "/thalo.CommandCenter/Publish",
      blocking(executor, [&modules](const std::shared_ptr<net::UnaryCall>& call) { publish(call, modules); }));
}

}  // namespace thalo::rpc
