// The kinds of sinks. Each function checks what the settings say about its kind (INVALID_ARGUMENT names the field) and
// touches no network. Only those of the kinds that were built in exist (`built_kinds`).
#pragma once

#include <memory>

#include "base/result.h"
#include "model/event.h"
#include "relay/name_template.h"
#include "relay/settings.h"
#include "relay/sink.h"
#include "relay/target_url.h"

namespace thalo::relay {

// What every sink is made of.
struct SinkParts {
  Settings settings;
  NameTemplate names;
  model::StoreId store_id;
};

// The sink of `settings.kind`. UNIMPLEMENTED when this program was built without it.
base::Result<std::unique_ptr<Sink>> make_sink(const Settings& settings, const model::StoreId& store_id);

base::Result<std::unique_ptr<Sink>> make_redis_sink(SinkParts parts);
base::Result<std::unique_ptr<Sink>> make_nats_sink(SinkParts parts);
base::Result<std::unique_ptr<Sink>> make_kafka_sink(SinkParts parts);
base::Result<std::unique_ptr<Sink>> make_http_sink(SinkParts parts);

}  // namespace thalo::relay
