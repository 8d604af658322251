#include "rpc/admin.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "relay/target_url.h"
#include "rpc/blocking_call.h"
#include "rpc/translate.h"
#include "thalo/v1/admin.pb.h"

namespace thalo::rpc {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::fail;

constexpr std::size_t folder_size_max = 64;

// A client names a folder, never a path: nothing outside the backup path can be reached.
base::Result<fs::path> folder_of(const fs::path& backup_path, const std::string& name) {
  if (backup_path.empty())
    return fail(Code::failed_precondition,
                "this server makes no backups for clients; start thalo-runtime with --backup-path FOLDER");
  const auto is_legal = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.';
  };
  if (name.empty() || name.size() > folder_size_max || name.front() == '.' || !std::ranges::all_of(name, is_legal)) {
    return fail(Code::invalid_argument,
                "folder: must be a name of 1 to 64 letters, digits, '_', '-' and '.' that does not begin with '.'; it "
                "is a folder below the server's --backup-path");
  }
  const fs::path folder = backup_path / name;
  std::error_code error;
  if (fs::is_symlink(fs::symlink_status(folder, error)))
    return fail(Code::failed_precondition, "folder: " + name + " is a symbolic link; backups do not follow it");
  return folder;
}

void to_wire(const store::Backup& backup, v1::Backup& out) {
  out.set_number(backup.number);
  out.set_time_ms(backup.time_ms);
  out.set_size_bytes(backup.size_bytes);
  out.set_events(backup.events);
  out.set_store_id(store_id_text(backup.store_id));
}

void make_backup(net::Stream stream, store::Store& store, const fs::path& folder) {
  if (stream.cancelled()) return;
  const auto made = store.back_up(folder, [&](std::uint64_t copied_bytes) {
    if (stream.cancelled()) return false;
    v1::BackupProgress progress;
    progress.set_copied_bytes(copied_bytes);
    // A client that does not read misses progress and nothing else.
    if (stream.writable() && !stream.write(progress.SerializeAsString())) return false;
    return true;
  });
  if (!made) return stream.finish(net::Status::from(made.error()));
  v1::BackupProgress done;
  done.set_copied_bytes(made->copied_bytes);
  to_wire(made->backup, *done.mutable_made()->mutable_backup());
  done.mutable_made()->set_events(made->events);
  if (auto written = stream.write(done.SerializeAsString()); !written)
    return stream.finish(net::Status::from(std::move(written.error())));
  stream.finish(net::Status::ok());
}

class BackupHandler final : public net::StreamHandler {
 public:
  BackupHandler(net::Stream stream, const AdminParts& parts) : stream_(std::move(stream)), parts_(parts) {}

  void on_message(std::string_view message) override {
    if (has_request_) return finish({Code::invalid_argument, "the method takes one request"});
    has_request_ = true;
    auto request = parse<v1::BackupRequest>(message);
    if (!request) return finish(std::move(request.error()));
    auto folder = folder_of(parts_.backup_path, request->folder());
    if (!folder) return finish(std::move(folder.error()));
    auto posted = parts_.backups.post(
        [stream = stream_, &store = parts_.store, folder = *std::move(folder)] { make_backup(stream, store, folder); });
    if (!posted) finish(std::move(posted.error()));
  }
  void on_half_close() override {
    if (!has_request_) finish({Code::invalid_argument, "the method needs a request"});
  }

 private:
  void finish(base::Error error) { stream_.finish(net::Status::from(std::move(error))); }

  net::Stream stream_;
  const AdminParts parts_;
  bool has_request_ = false;
};

void list(const std::shared_ptr<net::UnaryCall>& call, const fs::path& backup_path) {
  const auto request = parse<v1::ListBackupsRequest>(call->request());
  if (!request) return call->fail(request.error());
  const auto folder = folder_of(backup_path, request->folder());
  if (!folder) return call->fail(folder.error());
  const auto backups = store::list_backups(*folder);
  if (!backups) return call->fail(backups.error());
  v1::ListBackupsResponse response;
  for (const store::Backup& backup : *backups) to_wire(backup, *response.add_backups());
  call->finish(response.SerializeAsString());
}

v1::Relay::State to_wire(relay::State state) {
  switch (state) {
    case relay::State::starting:
      return v1::Relay::STATE_STARTING;
    case relay::State::running:
      return v1::Relay::STATE_RUNNING;
    case relay::State::retrying:
      return v1::Relay::STATE_RETRYING;
    case relay::State::stopped:
      return v1::Relay::STATE_STOPPED;
  }
  return v1::Relay::STATE_UNSPECIFIED;
}

void to_wire(relay::Description& relay, v1::Relay& out) {
  out.set_url(relay::without_credentials(relay.settings.url));
  out.set_projection(relay::projection_name(relay.settings.name));
  out.set_name(std::move(relay.settings.name));
  out.set_kind(std::move(relay.settings.kind));
  out.set_state(to_wire(relay.health.state));
  out.set_since_ms(relay.health.since_ms);
  out.set_error(std::move(relay.health.error));
  out.set_error_ms(relay.health.error_ms);
  out.set_failures(relay.health.failures);
  out.set_delivered(relay.health.delivered);
  out.set_cursor(relay.cursor);
  out.set_head(relay.head);
  out.set_lag_events(relay.lag_events);
  out.set_lag_ms(relay.lag_ms);
  out.set_paused(relay.paused);
}

void list_relays(net::UnaryCall call, const relay::Relays& relays) {
  if (auto request = parse<v1::ListRelaysRequest>(call.request()); !request)
    return call.fail(std::move(request.error()));
  // std::function copies what it holds, and a call has one owner.
  const auto shared = std::make_shared<net::UnaryCall>(std::move(call));
  relays.list([shared](base::Result<std::vector<relay::Description>> described) {
    if (!described) return shared->fail(std::move(described.error()));
    v1::ListRelaysResponse response;
    for (relay::Description& relay : *described) to_wire(relay, *response.add_relays());
    shared->finish(response.SerializeAsString());
  });
}

}  // namespace

void add_admin(net::Router& methods, const AdminParts& parts) {
  methods.streaming("/thalo.v1.Admin/Backup",
                    [parts](net::Stream stream) { return std::make_unique<BackupHandler>(std::move(stream), parts); });
  methods.unary("/thalo.v1.Admin/ListBackups",
                blocking(parts.readers, [path = parts.backup_path](const std::shared_ptr<net::UnaryCall>& call) {
                  list(call, path);
                }));
  methods.unary("/thalo.v1.Admin/ListRelays",
                [&relays = parts.relays](net::UnaryCall call) { list_relays(std::move(call), relays); });
}

}  // namespace thalo::rpc
