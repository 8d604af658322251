#include "client/wire.h"

#include <string>
#include <utility>
#include <vector>

#include "base/json.h"
#include "client/channel.h"

namespace thalo::client {

using base::Code;

v1::ExecuteRequest to_wire(const Command& command) {
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
  return request;
}

Outcome from_wire(v1::ExecuteResponse& response) {
  if (response.has_rejected()) return model::Rejection{std::move(*response.mutable_rejected()->mutable_error())};
  Accepted accepted;
  accepted.version = response.accepted().version();
  accepted.repeated = response.accepted().repeated_command();
  for (v1::Event& event : *response.mutable_accepted()->mutable_events())
    accepted.events.push_back(event_from_wire(event));
  return accepted;
}

base::Result<> check_texts(const google::protobuf::Message& message) {
  using google::protobuf::FieldDescriptor;
  const auto& reflection = *message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection.ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    const int count = field->is_repeated() ? reflection.FieldSize(message, field) : 1;
    for (int i = 0; i < count; ++i) {
      if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
        const auto& part = field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                                : reflection.GetMessage(message, field);
        if (auto legal = check_texts(part); !legal) return legal;
      }
      if (field->type() != FieldDescriptor::TYPE_STRING) continue;
      std::string buffer;
      const auto& text = field->is_repeated() ? reflection.GetRepeatedStringReference(message, field, i, &buffer)
                                              : reflection.GetStringReference(message, field, &buffer);
      if (!base::is_utf8(text)) {
        return base::fail(Code::invalid_argument, std::string(field->name()) + " is not valid UTF-8: " +
                                                      base::json_quote(std::string_view(text).substr(0, 100)));
      }
    }
  }
  return {};
}

}  // namespace thalo::client
