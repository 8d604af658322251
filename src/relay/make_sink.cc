#include <algorithm>
#include <iterator>

#include "relay/sinks.h"

namespace thalo::relay {
namespace {

struct Kind {
  std::string_view name;
  NameAlphabet alphabet;
  std::string_view default_template;
  base::Result<std::unique_ptr<Sink>> (*make)(SinkParts);  // null: not built in
};

#ifndef THALO_RELAY_REDIS
constexpr auto* make_redis = static_cast<base::Result<std::unique_ptr<Sink>> (*)(SinkParts)>(nullptr);
#else
constexpr auto* make_redis = &make_redis_sink;
#endif
#ifndef THALO_RELAY_NATS
constexpr auto* make_nats = static_cast<base::Result<std::unique_ptr<Sink>> (*)(SinkParts)>(nullptr);
#else
constexpr auto* make_nats = &make_nats_sink;
#endif
#ifndef THALO_RELAY_KAFKA
constexpr auto* make_kafka = static_cast<base::Result<std::unique_ptr<Sink>> (*)(SinkParts)>(nullptr);
#else
constexpr auto* make_kafka = &make_kafka_sink;
#endif
#ifndef THALO_RELAY_HTTP
constexpr auto* make_http = static_cast<base::Result<std::unique_ptr<Sink>> (*)(SinkParts)>(nullptr);
#else
constexpr auto* make_http = &make_http_sink;
#endif

const Kind kinds[] = {
    {"redis", NameAlphabet::any, "{category}_events", make_redis},
    {"nats", NameAlphabet::nats_subject, "events.{category}.{id}", make_nats},
    {"kafka", NameAlphabet::kafka_topic, "{category}_events", make_kafka},
    {"http", NameAlphabet::uri_reference, "/{category}", make_http},
};

std::string joined(const std::vector<std::string_view>& words) {
  std::string out;
  for (const std::string_view word : words) out += (out.empty() ? "" : ", ") + std::string(word);
  return out.empty() ? "none" : out;
}

}  // namespace

std::vector<std::string_view> built_kinds() {
  std::vector<std::string_view> out;
  for (const Kind& kind : kinds) {
    if (kind.make != nullptr) out.push_back(kind.name);
  }
  return out;
}

base::Result<std::unique_ptr<Sink>> make_sink(const Settings& settings, const model::StoreId& store_id) {
  const std::string relay = "relay '" + settings.name + "': ";
  const auto* kind =
      std::find_if(std::begin(kinds), std::end(kinds), [&](const Kind& one) { return one.name == settings.kind; });
  if (kind == std::end(kinds)) {
    return base::fail(base::Code::invalid_argument,
                      relay + "kind: '" + settings.kind + "' is unknown; there are " + joined(built_kinds()));
  }
  if (kind->make == nullptr) {
    return base::fail(base::Code::unimplemented, relay + "kind: this program was built without '" + settings.kind +
                                                     "'; it was built with " + joined(built_kinds()));
  }
  auto names = NameTemplate::parse(settings.name_template.empty() ? kind->default_template : settings.name_template,
                                   kind->alphabet);
  if (!names) return base::fail(base::Code::invalid_argument, relay + "template: " + names.error().message);
  auto sink = kind->make({settings, *std::move(names), store_id});
  if (!sink) return base::fail(sink.error().code, relay + sink.error().message);
  return sink;
}

}  // namespace thalo::relay
