// Events of the feed's shared batches as bytes of messages: each is encoded once, however many clients get it.
#pragma once

#include <string>

#include "feed/delivery.h"
#include "model/event.h"

namespace thalo::rpc {

// Appends `event` as an element of `repeated thalo.v1.Event events = 1`, which is where every message that carries
// events has them.
void append_event(const model::StoreId& store, const model::EventView& event, std::string& out);

// Encodes the events of a batch ahead of append_selection.
void encode_events(const model::StoreId& store, const feed::EventBatch& batch);

// Appends the selected events in the same form.
void append_selection(const model::StoreId& store, const feed::Selection& selection, std::string& out);

}  // namespace thalo::rpc
