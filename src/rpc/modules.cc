#include "rpc/modules.h"

#include <memory>
#include <utility>

#include "rpc/blocking_call.h"
#include "rpc/translate.h"
#include "thalo/v1/modules.pb.h"

namespace thalo::rpc {
namespace {

using Call = std::shared_ptr<net::UnaryCall>;

void to_wire(const command::ModuleInfo& info, bool with_versions, v1::Module& out) {
  out.set_name(info.module->name());
  out.set_category(info.category);
  out.set_digest(info.module->digest());
  out.set_size_bytes(info.module->size_bytes());
  out.set_world(info.module->world() == wasm::World::v1 ? "thalo:aggregate@1" : "thalo 0.8");
  out.set_offers_snapshots(info.module->snapshot_format().has_value());
  out.set_version(info.version);
  if (!with_versions) return;
  for (const command::ModuleVersion& version : info.versions) {
    v1::ModuleVersion& message = *out.add_versions();
    message.set_version(version.version);
    message.set_digest(version.digest);
    message.set_size_bytes(version.size_bytes);
    message.set_published_ms(version.published_ms);
  }
}

void finish(const Call& call, base::Result<command::ModuleInfo> info) {
  if (!info) return call->fail(std::move(info.error()));
  v1::Module response;
  to_wire(*info, true, response);
  call->finish(response.SerializeAsString());
}

void list(const Call& call, const command::ModuleFolder& modules) {
  v1::ListModulesResponse response;
  for (const command::ModuleInfo& info : modules.list()) to_wire(info, false, *response.add_modules());
  call->finish(response.SerializeAsString());
}

}  // namespace

void add_modules(net::Router& methods, command::ModuleFolder& modules, env::Executor& executor) {
  methods.unary("/thalo.v1.Modules/List", blocking(executor, [&modules](const Call& call) { list(call, modules); }));
  methods.unary("/thalo.v1.Modules/Get", blocking(executor, [&modules](const Call& call) {
                  auto request = parse<v1::GetModuleRequest>(call->request());
                  if (!request) return call->fail(std::move(request.error()));
                  finish(call, modules.get(request->name()));
                }));
  methods.unary("/thalo.v1.Modules/Publish", blocking(executor, [&modules](const Call& call) {
                  auto request = parse<v1::PublishRequest>(call->request());
                  if (!request) return call->fail(std::move(request.error()));
                  finish(call, modules.publish(request->name(), request->component()));
                }));
  methods.unary("/thalo.v1.Modules/Rollback", blocking(executor, [&modules](const Call& call) {
                  auto request = parse<v1::RollbackRequest>(call->request());
                  if (!request) return call->fail(std::move(request.error()));
                  finish(call, modules.rollback(request->name(), request->version()));
                }));
}

}  // namespace thalo::rpc
