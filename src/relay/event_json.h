// Events as the JSON that targets get. Data and metadata are JSON already and go in as they are.
#pragma once

#include <string>

#include "model/event.h"

namespace thalo::relay {

// The message of Thalo 0.8: {"id", "global_id", "position", "stream_name", "msg_type", "data", "time"}; id and
// global_id are the global position, time is in milliseconds. Appends to `out`.
void append_message_json(std::string& out, const model::EventView& event);

// A CloudEvent 1.0 in JSON format: id is `event_id`, subject the stream, and the extensions `globalposition` and
// `streamposition` (decimal strings: a CloudEvents integer has 32 bits). Appends to `out`.
void append_cloud_event_json(std::string& out, const model::EventView& event, std::string_view event_id,
                             std::string_view source);

// RFC 3339 in UTC with milliseconds.
std::string rfc3339_of(std::int64_t time_ms);

}  // namespace thalo::relay
