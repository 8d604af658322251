#include "rpc/translate.h"

#include <google/protobuf/io/coded_stream.h>

namespace thalo::rpc {
namespace {

using google::protobuf::Descriptor;

// Takes what is found of fields, known or not, and of those of the messages in them, off `left` until none is left.
// Stops at bytes at which the parser would stop too.
void count_fields(std::string_view bytes, const Descriptor& type, std::size_t& left) {
  google::protobuf::io::CodedInputStream in(reinterpret_cast<const std::uint8_t*>(bytes.data()),
                                            static_cast<int>(bytes.size()));
  while (left > 0) {
    const std::uint32_t tag = in.ReadTag();
    if (tag == 0) return;
    --left;
    std::uint64_t number = 0;
    std::uint32_t size = 0;
    switch (tag & 7) {
      case 0:
        if (!in.ReadVarint64(&number)) return;
        break;
      case 1:
        size = 8;
        break;
      case 2: {
        if (!in.ReadVarint32(&size)) return;
        const auto* const field = type.FindFieldByNumber(static_cast<int>(tag >> 3));
        if (field == nullptr || field->message_type() == nullptr) break;
        count_fields(bytes.substr(static_cast<std::size_t>(in.CurrentPosition()), size), *field->message_type(), left);
        break;
      }
      case 5:
        size = 4;
        break;
      default:  // the begin or the end of a group, whose fields are counted here
        break;
    }
    if (!in.Skip(static_cast<int>(size))) return;
  }
}

}  // namespace

base::Result<> check_fields(std::string_view bytes, const Descriptor& type) {
  std::size_t left = request_fields_max + 1;
  count_fields(bytes, type, left);
  if (left > 0) return {};
  return base::fail(base::Code::invalid_argument, "the " + type.full_name() + " message has more than " +
                                                      std::to_string(request_fields_max) +
                                                      " fields, those of the messages in it included; split it");
}

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
