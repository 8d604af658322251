#include "client/client.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "client/channel.h"
#include "client/command_stream.h"
#include "client/wire.h"
#include "thalo/v1/admin.grpc.pb.h"
#include "thalo/v1/commands.grpc.pb.h"
#include "thalo/v1/entities.grpc.pb.h"
#include "thalo/v1/events.grpc.pb.h"
#include "thalo/v1/modules.grpc.pb.h"
#include "thalo/v1/subscriptions.grpc.pb.h"

namespace thalo::client {
namespace {

using base::Code;
using base::fail;
using client::from_wire;
using client::to_wire;

Module from_wire(v1::Module& module) {
  Module out{std::move(*module.mutable_name()),
             std::move(*module.mutable_category()),
             std::move(*module.mutable_digest()),
             module.size_bytes(),
             std::move(*module.mutable_world()),
             module.offers_snapshots(),
             module.version(),
             {}};
  for (v1::ModuleVersion& version : *module.mutable_versions()) {
    out.versions.push_back(
        {version.version(), std::move(*version.mutable_digest()), version.size_bytes(), version.published_ms()});
  }
  return out;
}

Backup from_wire(v1::Backup& backup) {
  return {backup.number(), backup.time_ms(), backup.size_bytes(), backup.events(),
          std::move(*backup.mutable_store_id())};
}

std::string state_name(v1::Relay::State state) {
  switch (state) {
    case v1::Relay::STATE_STARTING:
      return "starting";
    case v1::Relay::STATE_RUNNING:
      return "running";
    case v1::Relay::STATE_RETRYING:
      return "retrying";
    case v1::Relay::STATE_STOPPED:
      return "stopped";
    default:
      return "unknown";
  }
}

Relay from_wire(v1::Relay& relay) {
  return {std::move(*relay.mutable_name()),
          std::move(*relay.mutable_kind()),
          std::move(*relay.mutable_url()),
          state_name(relay.state()),
          relay.since_ms(),
          std::move(*relay.mutable_error()),
          relay.error_ms(),
          relay.failures(),
          relay.delivered(),
          std::move(*relay.mutable_projection()),
          relay.cursor(),
          relay.head(),
          relay.lag_events(),
          relay.lag_ms(),
          relay.paused()};
}

class GrpcClient final : public Client {
 public:
  explicit GrpcClient(Channel channel) { use(std::move(channel)); }

  void set_timeout(std::chrono::milliseconds timeout) override {
    timeout_ = timeout;
    // A connection has its time limit from the start. The URL was legal, so it is legal now.
    if (auto channel = open_channel(channel_.url, timeout)) use(*std::move(channel));
  }

  base::Result<Outcome> execute(const Command& command) override {
    auto response = call(*commands_, &v1::Commands::Stub::Execute, to_wire(command));
    if (!response) return std::unexpected(response.error());
    return from_wire(*response);
  }

  base::Result<> execute_all(CommandSource& source, std::size_t under_way_max,
                             const std::function<void(std::uint64_t, base::Result<Outcome>)>& answered) override {
    return run_command_stream(*commands_, channel_, timeout_, source, under_way_max, answered);
  }

  base::Result<Outcome> dry_run(const Command& command) override {
    auto response = call(*entities_, &v1::Entities::Stub::DryRun, to_wire(command));
    if (!response) return std::unexpected(response.error());
    return from_wire(*response);
  }

  base::Result<std::uint64_t> read_stream(const std::string& stream, const ReadOptions& options,
                                          const std::function<bool(const Event&)>& visit) override {
    v1::ReadStreamRequest request;
    request.set_stream(stream);
    if (options.from) request.set_from(*options.from);
    request.set_backwards(options.backwards);
    request.set_limit(options.limit);
    if (auto legal = check_texts(request); !legal) return std::unexpected(legal.error());
    ::grpc::ClientContext context;
    const auto reader = events_->ReadStream(&context, request);
    std::uint64_t shown = 0;
    v1::ReadStreamResponse response;
    while (reader->Read(&response)) {
      for (v1::Event& event : *response.mutable_events()) {
        ++shown;
        if (visit(event_from_wire(event))) continue;
        context.TryCancel();
        reader->Finish();
        return shown;
      }
    }
    if (const auto status = reader->Finish(); !status.ok()) return failed(status, context);
    return shown;
  }

  base::Result<model::GlobalPosition> read_all(const ReadAllOptions& options,
                                               const std::function<bool(const Event&)>& visit) override {
    v1::ReadAllRequest request;
    request.set_from(options.from);
    request.set_limit(options.limit);
    for (const std::string& category : options.categories) request.add_categories(category);
    for (const std::string& stream : options.streams) request.add_streams(stream);
    for (const std::string& type : options.types) request.add_types(type);
    if (auto legal = check_texts(request); !legal) return std::unexpected(legal.error());
    ::grpc::ClientContext context;
    const auto reader = events_->ReadAll(&context, request);
    model::GlobalPosition next = options.from;
    v1::ReadAllResponse response;
    while (reader->Read(&response)) {
      for (v1::Event& event : *response.mutable_events()) {
        next = event.global_position() + 1;
        if (visit(event_from_wire(event))) continue;
        context.TryCancel();
        reader->Finish();
        return next;
      }
      next = response.next();
    }
    if (const auto status = reader->Finish(); !status.ok()) return failed(status, context);
    return next;
  }

  base::Result<> subscribe(const SubscribeOptions& options,
                           const std::function<bool(const SubscriptionBatch&)>& visit) override {
    v1::SubscribeRequest request;
    if (options.from) {
      request.set_from(*options.from);
    } else {
      request.set_now(true);
    }
    for (const std::string& category : options.filter.categories) request.add_categories(category);
    for (const std::string& stream : options.filter.streams) request.add_streams(stream);
    for (const std::string& type : options.filter.types) request.add_types(type);
    request.set_heartbeat_interval_ms(static_cast<std::uint32_t>(options.heartbeat_interval.count()));
    ::grpc::ClientContext context;
    const std::stop_callback cancel(options.stop, [&] { context.TryCancel(); });
    const auto reader = subscriptions_->Subscribe(&context, request);
    v1::SubscribeResponse response;
    SubscriptionBatch batch;
    while (reader->Read(&response)) {
      batch.events.clear();
      for (v1::Event& event : *response.mutable_events()) batch.events.push_back(event_from_wire(event));
      batch.next = response.next();
      batch.skipped = response.skipped();
      batch.caught_up = response.caught_up();
      batch.head = response.head();
      batch.unseen.assign(response.unseen().begin(), response.unseen().end());
      if (visit(batch)) continue;
      context.TryCancel();
      reader->Finish();
      return {};
    }
    const auto status = reader->Finish();
    if (options.stop.stop_requested()) return {};
    if (status.ok()) return fail(Code::unavailable, "the server ended the subscription");
    return failed(status, context);
  }

  base::Result<Appended> append(const std::string& stream, const std::vector<model::NewEvent>& events,
                                const AppendOptions& options) override {
    v1::AppendRequest request;
    request.set_stream(stream);
    if (options.expected_version) request.set_expected_version(*options.expected_version);
    for (const model::NewEvent& event : events) {
      v1::NewEvent& message = *request.add_events();
      message.set_type(event.type);
      message.set_data(event.data);
      message.set_metadata(event.metadata);
      if (options.time_ms) message.set_time_ms(*options.time_ms);
    }
    auto response = call(*events_, &v1::Events::Stub::Append, request);
    if (!response) return std::unexpected(response.error());
    return Appended{response->first_position(), response->first_global_position(), response->version()};
  }

  base::Result<> list_streams(const std::string& category, std::uint64_t limit,
                              const std::function<bool(const StreamInfo&)>& visit) override {
    v1::ListStreamsRequest request;
    request.set_category(category);
    request.set_limit(limit);
    if (auto legal = check_texts(request); !legal) return std::unexpected(legal.error());
    ::grpc::ClientContext context;
    const auto reader = events_->ListStreams(&context, request);
    v1::ListStreamsResponse response;
    while (reader->Read(&response)) {
      for (auto& stream : *response.mutable_streams()) {
        if (visit({std::move(*stream.mutable_name()), stream.version()})) continue;
        context.TryCancel();
        reader->Finish();
        return {};
      }
    }
    if (const auto status = reader->Finish(); !status.ok()) return failed(status, context);
    return {};
  }

  base::Result<model::GlobalPosition> head() override {
    auto response = call(*events_, &v1::Events::Stub::Head, v1::HeadRequest());
    if (!response) return std::unexpected(response.error());
    return response->head();
  }

  base::Result<BackupMade> back_up(const std::string& folder,
                                   const std::function<void(std::uint64_t)>& progress) override {
    v1::BackupRequest request;
    request.set_folder(folder);
    if (auto legal = check_texts(request); !legal) return std::unexpected(legal.error());
    ::grpc::ClientContext context;
    const auto reader = admin_->Backup(&context, request);
    v1::BackupProgress response;
    BackupMade made;
    while (reader->Read(&response)) {
      progress(response.copied_bytes());
      if (!response.has_made()) continue;
      made = {from_wire(*response.mutable_made()->mutable_backup()), response.copied_bytes(), response.made().events()};
    }
    if (const auto status = reader->Finish(); !status.ok()) return failed(status, context);
    return made;
  }

  base::Result<std::vector<Backup>> backups(const std::string& folder) override {
    v1::ListBackupsRequest request;
    request.set_folder(folder);
    auto response = call(*admin_, &v1::Admin::Stub::ListBackups, request);
    if (!response) return std::unexpected(response.error());
    std::vector<Backup> out;
    for (v1::Backup& backup : *response->mutable_backups()) out.push_back(from_wire(backup));
    return out;
  }

  base::Result<std::vector<Relay>> relays() override {
    auto response = call(*admin_, &v1::Admin::Stub::ListRelays, v1::ListRelaysRequest());
    if (!response) return std::unexpected(response.error());
    std::vector<Relay> out;
    for (v1::Relay& relay : *response->mutable_relays()) out.push_back(from_wire(relay));
    return out;
  }

  base::Result<std::vector<Module>> modules() override {
    auto response = call(*modules_, &v1::Modules::Stub::List, v1::ListModulesRequest());
    if (!response) return std::unexpected(response.error());
    std::vector<Module> out;
    for (v1::Module& module : *response->mutable_modules()) out.push_back(from_wire(module));
    return out;
  }

  base::Result<Module> module(const std::string& name) override {
    v1::GetModuleRequest request;
    request.set_name(name);
    return module_of(call(*modules_, &v1::Modules::Stub::Get, request));
  }

  base::Result<Module> publish(const std::string& name, const std::string& component) override {
    v1::PublishRequest request;
    request.set_name(name);
    request.set_component(component);
    return module_of(call(*modules_, &v1::Modules::Stub::Publish, request));
  }

  base::Result<Module> rollback(const std::string& name, std::uint32_t version) override {
    v1::RollbackRequest request;
    request.set_name(name);
    request.set_version(version);
    return module_of(call(*modules_, &v1::Modules::Stub::Rollback, request));
  }

  base::Result<EntityDescription> describe(const std::string& category, const std::string& id) override {
    v1::DescribeEntityRequest request;
    request.set_category(category);
    request.set_id(id);
    auto response = call(*entities_, &v1::Entities::Stub::Describe, request);
    if (!response) return std::unexpected(response.error());
    EntityDescription out{response->stream(),   response->version(),           response->cached(),
                          response->instance(), response->instance_entities(), response->instance_memory_bytes(),
                          response->module(),   response->module_digest(),     std::nullopt};
    if (response->has_snapshot_version()) out.snapshot_version = response->snapshot_version();
    return out;
  }

  base::Result<State> state(const std::string& category, const std::string& id, std::optional<std::uint64_t> version,
                            std::optional<std::int64_t> time_ms) override {
    v1::StateAtRequest request;
    request.set_category(category);
    request.set_id(id);
    if (version) request.set_version(*version);
    if (time_ms) request.set_time_ms(*time_ms);
    auto response = call(*entities_, &v1::Entities::Stub::StateAt, request);
    if (!response) return std::unexpected(response.error());
    return State{response->version(), response->state()};
  }

 private:
  void use(Channel channel) {
    channel_ = std::move(channel);
    admin_ = v1::Admin::NewStub(channel_.grpc);
    commands_ = v1::Commands::NewStub(channel_.grpc);
    entities_ = v1::Entities::NewStub(channel_.grpc);
    events_ = v1::Events::NewStub(channel_.grpc);
    modules_ = v1::Modules::NewStub(channel_.grpc);
    subscriptions_ = v1::Subscriptions::NewStub(channel_.grpc);
  }

  template <class Stub, class Request, class Response>
  base::Result<Response> call(Stub& stub,
                              ::grpc::Status (Stub::*method)(::grpc::ClientContext*, const Request&, Response*),
                              const Request& request) const {
    if (auto legal = check_texts(request); !legal) return std::unexpected(legal.error());
    ::grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + timeout_);
    Response response;
    if (const auto status = (stub.*method)(&context, request, &response); !status.ok()) return failed(status, context);
    return response;
  }

  static base::Result<Module> module_of(base::Result<v1::Module> response) {
    if (!response) return std::unexpected(response.error());
    return from_wire(*response);
  }

  std::unexpected<base::Error> failed(const ::grpc::Status& status, const ::grpc::ClientContext& context) const {
    return channel_.failed(status, context);
  }

  Channel channel_;
  std::chrono::milliseconds timeout_ = default_timeout;
  std::unique_ptr<v1::Admin::Stub> admin_;
  std::unique_ptr<v1::Commands::Stub> commands_;
  std::unique_ptr<v1::Entities::Stub> entities_;
  std::unique_ptr<v1::Events::Stub> events_;
  std::unique_ptr<v1::Modules::Stub> modules_;
  std::unique_ptr<v1::Subscriptions::Stub> subscriptions_;
};

}  // namespace

base::Result<std::unique_ptr<Client>> Client::connect(std::string_view url) {
  auto channel = open_channel(url);
  if (!channel) return std::unexpected(channel.error());
  return std::make_unique<GrpcClient>(*std::move(channel));
}

}  // namespace thalo::client
