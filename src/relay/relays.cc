#include "relay/relays.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "relay/sinks.h"
#include "relay/target_url.h"

namespace thalo::relay {

base::Result<std::unique_ptr<Relays>> Relays::start(const std::vector<Settings>& settings,
                                                    const model::StoreId& store_id, feed::Projections& projections,
                                                    const env::Clock& clock) {
  if (auto checked = check_settings(settings); !checked) return std::unexpected(checked.error());
  std::vector<std::unique_ptr<Sink>> sinks;
  for (const Settings& one : settings) {
    auto sink = make_sink(one, store_id);
    if (!sink) return std::unexpected(sink.error());
    sinks.push_back(*std::move(sink));
  }
  std::unique_ptr<Relays> relays(new Relays(projections));
  for (std::size_t i = 0; i < settings.size(); ++i) {
    base::log::info(
        "relaying",
        {{"relay", settings[i].name}, {"kind", settings[i].kind}, {"url", without_credentials(settings[i].url)}});
    relays->relays_.push_back(std::make_shared<Relay>(settings[i], std::move(sinks[i]), projections, clock));
  }
  return relays;
}

void Relays::list(feed::Answer<std::vector<Description>> answer) const {
  projections_.list([relays = relays_,
                     answer = std::move(answer)](base::Result<std::vector<feed::ProjectionDescription>> projections) {
    if (!projections) return answer(std::unexpected(projections.error()));
    std::vector<Description> out;
    for (const auto& relay : relays) {
      Description description{.settings = relay->settings(), .health = relay->health()};
      const auto projection = std::find_if(
          projections->begin(), projections->end(),
          [&](const feed::ProjectionDescription& one) { return one.name == projection_name(relay->settings().name); });
      if (projection != projections->end()) {
        description.cursor = projection->cursor;
        description.head = projection->head;
        description.lag_events = projection->lag_events;
        description.lag_ms = projection->lag_ms;
        description.paused = projection->paused;
      }
      out.push_back(std::move(description));
    }
    answer(std::move(out));
  });
}

void Relays::stop(std::chrono::steady_clock::time_point deadline) {
  for (const auto& relay : relays_) relay->begin_stop();
  for (const auto& relay : relays_) relay->stop(deadline);
}

}  // namespace thalo::relay
