#include "wasm/wasmtime_instance.h"

#include "base/json.h"

namespace thalo::wasm {
namespace {

using base::Code;
using base::fail;

// Wasmtime gives a store 100,000 handles; an instance retires long before, and also gives back what its guest leaks
// with every entity.
constexpr std::uint64_t creations_max = 50'000;
constexpr std::uint32_t slot_bits = 20;
constexpr std::uint32_t generation_mask = (1u << (32 - slot_bits)) - 1;
// Argument buffers larger than this are not kept.
constexpr std::size_t events_kept_max = 4096;

base::Result<> check_utf8(std::string_view what, std::string_view text) {
  if (base::is_utf8(text)) return {};
  return fail(Code::invalid_argument, std::string(what) + " is not valid UTF-8");
}

RawField field(std::string_view name, RawValue value = string_argument("")) { return {borrow(name), value}; }

}  // namespace

base::Result<std::unique_ptr<WasmtimeInstance>> WasmtimeInstance::make(std::shared_ptr<const LoadedComponent> component,
                                                                       const Limits& limits) {
  auto store = GuestStore::make(std::move(component), limits);
  if (!store) return std::unexpected(store.error());
  std::unique_ptr<WasmtimeInstance> instance(new WasmtimeInstance(std::move(*store)));
  if (auto ok = instance->find_functions(); !ok) return std::unexpected(ok.error());
  return instance;
}

WasmtimeInstance::WasmtimeInstance(std::unique_ptr<GuestStore> store) : store_(std::move(store)) {
  command_fields_ = {field("command"), field("payload")};
  if (store_->component().contract.world == World::v0_8) return;
  context_fields_ = {field("command-id"),
                     field("time-ms", u64_argument(0)),
                     field("version", u64_argument(0)),
                     field("correlation-id"),
                     field("causation-id"),
                     field("metadata")};
  command_fields_.push_back(field("context", record_argument(context_fields_)));
}

base::Result<> WasmtimeInstance::find_functions() {
  const ContractFunctions& indices = store_->component().functions;
  const auto find = [this](GuestStore::Function& function, const ExportIndexHandle& index,
                           std::string_view name) -> base::Result<> {
    auto found = store_->find(index, name);
    if (!found) return std::unexpected(found.error());
    function = *found;
    return {};
  };
  if (auto ok = find(functions_.constructor, indices.constructor, "constructor"); !ok) return ok;
  if (auto ok = find(functions_.apply, indices.apply, "apply"); !ok) return ok;
  if (auto ok = find(functions_.handle, indices.handle, "handle"); !ok) return ok;
  if (store_->component().contract.world == World::v0_8) return {};
  if (auto ok = find(functions_.snapshot, indices.snapshot, "snapshot"); !ok) return ok;
  return find(functions_.restore, indices.restore, "restore");
}

base::Result<EntityHandle> WasmtimeInstance::create(const model::StreamName& stream) {
  if (store_->lost()) return store_->lost_error();
  if (worn_out()) {
    return fail(Code::resource_exhausted,
                "module '" + store_->component().name + "': the instance is worn out; new entities go to another one");
  }
  if (alive_ >= store_->limits().entities_per_instance) {
    return fail(Code::resource_exhausted, "module '" + store_->component().name + "': the instance has " +
                                              std::to_string(alive_) + " entities, the most it may have");
  }
  const RawValue id = string_argument(stream.id());
  Value result;
  const GuestStore::Call about{.function = "constructor", .stream = stream.text()};
  if (auto ok = store_->call(functions_.constructor, {&id, 1}, {result.get(), 1}, about); !ok)
    return std::unexpected(ok.error());
  if (result.raw().kind != WASMTIME_COMPONENT_RESOURCE) {
    return store_->lose({Code::failed_precondition,
                         "module '" + store_->component().name + "': its constructor did not answer with an entity"});
  }
  ++created_;
  return put(ResourceHandle(wasmtime_component_resource_any_clone(result.raw().of.resource)), stream.text());
}

EntityHandle WasmtimeInstance::put(ResourceHandle resource, const std::string& stream) {
  std::uint32_t index = 0;
  if (free_slots_.empty()) {
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  } else {
    index = free_slots_.back();
    free_slots_.pop_back();
  }
  Slot& slot = slots_[index];
  slot.resource = std::move(resource);
  slot.stream = stream;
  ++alive_;
  return EntityHandle{(slot.generation << slot_bits) | index};
}

base::Result<WasmtimeInstance::Slot*> WasmtimeInstance::find(EntityHandle entity) {
  if (store_->lost()) return store_->lost_error();
  const std::uint32_t index = entity.value & ((1u << slot_bits) - 1);
  if (index >= slots_.size() || slots_[index].resource == nullptr ||
      slots_[index].generation != entity.value >> slot_bits) {
    return fail(Code::internal, "module '" + store_->component().name + "': the entity handle " +
                                    std::to_string(entity.value) + " is of no entity of this instance");
  }
  return &slots_[index];
}

void WasmtimeInstance::drop(EntityHandle entity) {
  auto slot = find(entity);
  if (!slot) return;
  const ResourceHandle resource = std::move((*slot)->resource);
  (*slot)->generation = ((*slot)->generation + 1) & generation_mask;
  free_slots_.push_back(entity.value & ((1u << slot_bits) - 1));
  --alive_;
  // A failing destructor loses the store, which broken() tells; the entity is gone either way.
  if (auto ok = store_->drop(*resource, (*slot)->stream); !ok) base::log::warn(ok.error().message);
}

bool WasmtimeInstance::worn_out() const {
  return created_ >= creations_max || store_->memory_bytes() > store_->limits().memory_retire_bytes;
}

std::unexpected<base::Error> WasmtimeInstance::give_up(BadAnswer bad) {
  if (bad.breaks_instance) return store_->lose(std::move(bad.error));
  return std::unexpected(std::move(bad.error));
}

void WasmtimeInstance::fill_events(std::span<const model::EventView> events) {
  event_values_.resize(events.size());
  event_fields_.resize(events.size() * 2);
  for (std::size_t i = 0; i < events.size(); ++i) {
    event_fields_[2 * i] = field("event", string_argument(events[i].type));
    event_fields_[2 * i + 1] = field("payload", string_argument(events[i].data));
    event_values_[i] = record_argument({&event_fields_[2 * i], 2});
  }
}

base::Result<> WasmtimeInstance::apply(EntityHandle entity, std::span<const model::EventView> events) {
  auto slot = find(entity);
  if (!slot) return std::unexpected(slot.error());
  if (events.empty()) return {};
  for (const auto& event : events) {
    if (check_utf8("", event.type) && check_utf8("", event.data)) continue;
    return fail(Code::data_loss, "the event at position " + std::to_string(event.position) + " of " + (*slot)->stream +
                                     " is not valid UTF-8");
  }
  fill_events(events);
  const RawValue arguments[] = {resource_argument((*slot)->resource.get()), list_argument(event_values_)};
  Value result;
  const GuestStore::Call about{.function = "apply", .stream = (*slot)->stream, .version = events.front().position};
  const auto called = store_->call(functions_.apply, arguments, {result.get(), 1}, about);
  if (events.size() > events_kept_max) {
    event_values_ = {};
    event_fields_ = {};
  }
  if (!called) return called;
  auto answer = read_apply_answer(result.raw(), store_->name_of(about), events);
  if (!answer) return give_up(std::move(answer.error()));
  return {};
}

base::Result<> WasmtimeInstance::fill_command(const model::Command& command, std::uint64_t version) {
  const auto set = [](RawField& target, std::string_view what, std::string_view text) {
    target.val = string_argument(text);
    return check_utf8(what, text);
  };
  if (auto ok = set(command_fields_[0], "command name", command.name); !ok) return ok;
  if (auto ok = set(command_fields_[1], "payload", command.payload); !ok) return ok;
  if (context_fields_.empty()) return {};
  if (auto ok = set(context_fields_[0], "command id", command.id); !ok) return ok;
  context_fields_[1].val = u64_argument(static_cast<std::uint64_t>(command.time_ms < 0 ? 0 : command.time_ms));
  context_fields_[2].val = u64_argument(version);
  if (auto ok = set(context_fields_[3], "correlation id", command.correlation_id); !ok) return ok;
  if (auto ok = set(context_fields_[4], "causation id", command.causation_id); !ok) return ok;
  return set(context_fields_[5], "metadata", command.metadata);
}

base::Result<HandleOutcome> WasmtimeInstance::handle(EntityHandle entity, const model::Command& command,
                                                     std::uint64_t version) {
  auto slot = find(entity);
  if (!slot) return std::unexpected(slot.error());
  if (auto ok = fill_command(command, version); !ok) return std::unexpected(ok.error());
  const RawValue arguments[] = {resource_argument((*slot)->resource.get()), record_argument(command_fields_)};
  Value result;
  const GuestStore::Call about{
      .function = "handle", .stream = (*slot)->stream, .version = version, .time_ms = command.time_ms};
  if (auto ok = store_->call(functions_.handle, arguments, {result.get(), 1}, about); !ok)
    return std::unexpected(ok.error());
  auto answer = read_handle_answer(result.raw(), store_->limits(), store_->name_of(about), command.name);
  if (!answer) return give_up(std::move(answer.error()));
  return std::move(*answer);
}

base::Result<> WasmtimeInstance::snapshots_offered() const {
  if (store_->component().snapshot_format) return {};
  return fail(Code::unimplemented, "module '" + store_->component().name + "' offers no snapshots");
}

base::Result<std::string> WasmtimeInstance::snapshot(EntityHandle entity) {
  auto slot = find(entity);
  if (!slot) return std::unexpected(slot.error());
  if (auto ok = snapshots_offered(); !ok) return std::unexpected(ok.error());
  const RawValue self = resource_argument((*slot)->resource.get());
  Value result;
  const GuestStore::Call about{.function = "snapshot", .stream = (*slot)->stream};
  if (auto ok = store_->call(functions_.snapshot, {&self, 1}, {result.get(), 1}, about); !ok)
    return std::unexpected(ok.error());
  auto answer = read_snapshot_answer(result.raw(), store_->name_of(about));
  if (!answer) return give_up(std::move(answer.error()));
  return std::move(*answer);
}

base::Result<> WasmtimeInstance::restore(EntityHandle entity, std::string_view snapshot) {
  auto slot = find(entity);
  if (!slot) return std::unexpected(slot.error());
  if (auto ok = snapshots_offered(); !ok) return ok;
  if (!check_utf8("", snapshot))
    return fail(Code::data_loss, "the snapshot of " + (*slot)->stream + " is not valid UTF-8");
  const RawValue arguments[] = {resource_argument((*slot)->resource.get()), string_argument(snapshot)};
  Value result;
  const GuestStore::Call about{.function = "restore", .stream = (*slot)->stream};
  if (auto ok = store_->call(functions_.restore, arguments, {result.get(), 1}, about); !ok) return ok;
  auto answer = read_restore_answer(result.raw(), store_->name_of(about));
  if (!answer) return give_up(std::move(answer.error()));
  return {};
}

}  // namespace thalo::wasm
