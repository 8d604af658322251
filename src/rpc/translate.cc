#include "rpc/translate.h"

namespace thalo::rpc {

std::string store_id_text(const model::StoreId& id) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : id) {
    out += hex[byte >> 4];
    out += hex[byte & 15];
  }
  return out;
}

void to_wire(const model::StoreId& store, const model::EventView& event, v1::Event& out) {
  out.set_id(model::event_id(store, event.global_position));
  out.set_global_position(event.global_position);
  out.set_position(event.position);
  out.set_stream(event.stream.data(), event.stream.size());
  out.set_type(event.type.data(), event.type.size());
  out.set_data(event.data.data(), event.data.size());
  out.set_metadata(event.metadata.data(), event.metadata.size());
  out.set_time_ms(event.time_ms);
}

void to_wire(const model::StoreId& store, model::Accepted&& accepted, v1::Accepted& out) {
  out.set_version(accepted.version);
  out.set_repeated_command(accepted.repeated);
  for (model::Event& event : accepted.events) {
    v1::Event& message = *out.add_events();
    message.set_id(model::event_id(store, event.global_position));
    message.set_global_position(event.global_position);
    message.set_position(event.position);
    message.set_stream(std::move(event.stream));
    message.set_type(std::move(event.type));
    message.set_data(std::move(event.data));
    message.set_metadata(std::move(event.metadata));
    message.set_time_ms(event.time_ms);
  }
}

void to_wire(const model::StoreId& store, command::ExecuteOutcome&& outcome, v1::ExecuteResponse& out) {
  if (auto* rejection = std::get_if<model::Rejection>(&outcome)) {
    out.mutable_rejected()->set_error(std::move(rejection->error));
  } else {
    to_wire(store, std::get<model::Accepted>(std::move(outcome)), *out.mutable_accepted());
  }
}

command::ExecuteRequest from_wire(v1::ExecuteRequest& request) {
  command::ExecuteRequest out;
  out.category = std::move(*request.mutable_category());
  out.id = std::move(*request.mutable_id());
  out.command = std::move(*request.mutable_command());
  out.payload = std::move(*request.mutable_payload());
  if (out.payload.empty()) out.payload = "{}";
  if (request.has_expected_version()) out.expected_version = request.expected_version();
  // Most requests have none of these, and mutable_…() would make them.
  if (!request.command_id().empty()) out.command_id = std::move(*request.mutable_command_id());
  if (!request.correlation_id().empty()) out.correlation_id = std::move(*request.mutable_correlation_id());
  if (!request.causation_id().empty()) out.causation_id = std::move(*request.mutable_causation_id());
  if (!request.metadata().empty()) out.metadata = std::move(*request.mutable_metadata());
  return out;
}

void to_wire(const model::EventView& event, ::thalo::Message& out) {
  out.set_id(event.global_position);
  out.set_global_id(event.global_position);
  out.set_position(event.position);
  out.set_stream_name(event.stream.data(), event.stream.size());
  out.set_msg_type(event.type.data(), event.type.size());
  out.set_data(event.data.data(), event.data.size());
  out.set_time(static_cast<std::uint64_t>(event.time_ms));
}

}  // namespace thalo::rpc
