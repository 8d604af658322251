// Between the values of the model and the messages on the wire.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "command/router.h"
#include "model/command.h"
#include "model/event.h"
#include "thalo.pb.h"
#include "thalo/v1/commands.pb.h"
#include "thalo/v1/events.pb.h"

namespace thalo::rpc {

// 32 hexadecimal digits.
std::string store_id_text(const model::StoreId& id);
void to_wire(const model::StoreId& store, const model::EventView& event, v1::Event& out);
void to_wire(const model::StoreId& store, model::Accepted&& accepted, v1::Accepted& out);
void to_wire(const model::StoreId& store, command::ExecuteOutcome&& outcome, v1::ExecuteResponse& out);
// The texts are moved out of `request`. An empty payload becomes {}.
command::ExecuteRequest from_wire(v1::ExecuteRequest& request);
// The message of Thalo 0.8. Its `id` is unique, as there: the global position.
void to_wire(const model::EventView& event, ::thalo::Message& out);

// Of one request, those of its commands, events and so on included. Two bytes may be a field, which takes a hundred
// times as much when it is parsed.
inline constexpr std::size_t request_fields_max = 200'000;

// A field has two bytes or more.
inline bool may_have_too_many_fields(std::string_view bytes) { return bytes.size() / 2 > request_fields_max; }
// INVALID_ARGUMENT: the bytes have more fields than a request may have.
base::Result<> check_fields(std::string_view bytes, const google::protobuf::Descriptor& type);

// Parses a request; INVALID_ARGUMENT when the bytes are no message of that type, or have too many fields.
template <class Message>
base::Result<> parse_into(Message& message, std::string_view bytes) {
  if (may_have_too_many_fields(bytes)) {
    if (auto legal = check_fields(bytes, *Message::descriptor()); !legal) return legal;
  }
  if (message.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return {};
  return base::fail(
      base::Code::invalid_argument,
      "the request is not a " + message.GetTypeName() +
          " message (or one of its strings is not UTF-8); compile the client from the server's .proto files");
}
template <class Message>
base::Result<Message> parse(std::string_view bytes) {
  Message message;
  if (auto parsed = parse_into(message, bytes); !parsed) return std::unexpected(std::move(parsed.error()));
  return message;
}

}  // namespace thalo::rpc
