// Events of the feed's shared batches as bytes of messages: each is encoded once, however many clients get it.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "feed/delivery.h"
#include "model/event.h"
#include "net/byte_queue.h"

namespace thalo::rpc {

// Appends `event` as an element of `repeated thalo.v1.Event events = 1`, which is where every message that carries
// events has them.
void append_event(const model::StoreId& store, const model::EventView& event, std::string& out);

// The bytes of such an element without its head.
std::size_t event_size(const model::EventView& event);

// Encodes the events of a batch ahead of collect_selection.
void encode_events(const model::StoreId& store, const feed::EventBatch& batch);

// The selected events in the same form, as pieces of the batch, in which they have a share.
void collect_selection(const model::StoreId& store, const feed::Selection& selection,
                       std::vector<net::BytesPart>& parts);

}  // namespace thalo::rpc
