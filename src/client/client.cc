#include "client/client.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "thalo.grpc.pb.h"
#include "thalo/v1/commands.grpc.pb.h"
#include "thalo/v1/events.grpc.pb.h"

namespace thalo::client {
namespace {

using base::Code;
using base::fail;

// "host:port" of a URL.
base::Result<std::string> target_of(std::string_view url) {
  std::string_view rest = url;
  if (rest.starts_with("http://")) rest.remove_prefix(7);
  if (rest.ends_with('/')) rest.remove_suffix(1);
  const auto colon = rest.rfind(':');
  const bool bad = rest.empty() || colon == std::string_view::npos || colon == 0 || colon + 1 == rest.size() ||
                   rest.substr(colon + 1).find_first_not_of("0123456789") != std::string_view::npos ||
                   rest.find('/') != std::string_view::npos;
  if (bad)
    return fail(Code::invalid_argument,
                "url '" + std::string(url) + "' is not of the form http://host:port, e.g. http://localhost:4433");
  return "dns:///" + std::string(rest);
}

Event from_wire(v1::Event& event) {
  return {std::move(*event.mutable_id()),
          event.global_position(),
          event.position(),
          event.time_ms(),
          std::move(*event.mutable_stream()),
          std::move(*event.mutable_type()),
          std::move(*event.mutable_data()),
          std::move(*event.mutable_metadata())};
}

class GrpcClient final : public Client {
 public:
  GrpcClient(std::string url, const std::string& target) : url_(std::move(url)) {
    ::grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetMaxSendMessageSize(-1);
    auto channel = ::grpc::CreateCustomChannel(target, ::grpc::InsecureChannelCredentials(), arguments);
    commands_ = v1::Commands::NewStub(channel);
    events_ = v1::Events::NewStub(channel);
    command_center_ = ::thalo::CommandCenter::NewStub(channel);
  }

  base::Result<Outcome> execute(const Command& command, std::chrono::milliseconds timeout) override {
    v1::ExecuteRequest request;
    request.set_category(command.category);
    request.set_id(command.id);
    request.set_command(command.name);
    request.set_payload(command.payload);
    if (command.expected_version) request.set_expected_version(*command.expected_version);
    request.set_command_id(command.command_id);
    request.set_correlation_id(command.correlation_id);
    request.set_causation_id(command.causation_id);
    request.set_metadata(command.metadata);
    ::grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    v1::ExecuteResponse response;
    if (const auto status = commands_->Execute(&context, request, &response); !status.ok()) return failed(status);
    if (response.has_rejected()) return model::Rejection{std::move(*response.mutable_rejected()->mutable_error())};
    Accepted accepted;
    accepted.version = response.accepted().version();
    accepted.repeated = response.accepted().repeated_command();
    for (v1::Event& event : *response.mutable_accepted()->mutable_events()) accepted.events.push_back(from_wire(event));
    return accepted;
  }

  base::Result<std::uint64_t> read_stream(const std::string& stream, const ReadOptions& options,
                                          const std::function<bool(const Event&)>& visit) override {
    v1::ReadStreamRequest request;
    request.set_stream(stream);
    if (options.from) request.set_from(*options.from);
    request.set_backwards(options.backwards);
    request.set_limit(options.limit);
    ::grpc::ClientContext context;
    const auto reader = events_->ReadStream(&context, request);
    std::uint64_t shown = 0;
    v1::ReadStreamResponse response;
    while (reader->Read(&response)) {
      for (v1::Event& event : *response.mutable_events()) {
        ++shown;
        if (visit(from_wire(event))) continue;
        context.TryCancel();
        reader->Finish();
        return shown;
      }
    }
    if (const auto status = reader->Finish(); !status.ok()) return failed(status);
    return shown;
  }

  base::Result<> publish(const std::string& name, const std::string& component,
                         std::chrono::milliseconds timeout) override {
    ::thalo::PublishModule request;
    request.set_name(name);
    request.set_module(component);
    ::grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout);
    ::thalo::PublishResponse response;
    if (const auto status = command_center_->Publish(&context, request, &response); !status.ok()) return failed(status);
    if (!response.success()) return fail(Code::failed_precondition, response.message());
    return {};
  }

 private:
  std::unexpected<base::Error> failed(const ::grpc::Status& status) const {
    const int code = status.error_code();
    std::string message = status.error_message();
    // grpc++ words a refused connection in its own terms; what the server says itself is passed on as it is.
    if (code == ::grpc::StatusCode::UNAVAILABLE && message.find("failed to connect") != std::string::npos) {
      message = "cannot reach " + url_ + "; is thalo-runtime running there? (" + message + ")";
    }
    return fail(code >= 1 && code <= 15 ? static_cast<Code>(code) : Code::unknown, std::move(message));
  }

  const std::string url_;
  std::unique_ptr<v1::Commands::Stub> commands_;
  std::unique_ptr<v1::Events::Stub> events_;
  std::unique_ptr<::thalo::CommandCenter::Stub> command_center_;
};

}  // namespace

base::Result<std::unique_ptr<Client>> Client::connect(std::string_view url) {
  auto target = target_of(url);
  if (!target) return std::unexpected(target.error());
  return std::make_unique<GrpcClient>(std::string(url), *target);
}

}  // namespace thalo::client
