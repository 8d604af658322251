// All relays of a runtime.
#pragma once

#include <chrono>
#include <memory>
#include <vector>

#include "base/result.h"
#include "env/clock.h"
#include "feed/projections.h"
#include "model/event.h"
#include "relay/relay.h"
#include "relay/settings.h"

namespace thalo::relay {

// A relay and how far it is.
struct Description {
  Settings settings;
  Health health;
  model::GlobalPosition cursor = 0;  // everything before is at the target, or does not pass the filter
  model::GlobalPosition head = 0;
  std::uint64_t lag_events = 0;
  std::int64_t lag_ms = 0;
  bool paused = false;
};

// Any thread, but for stop.
class Relays {
 public:
  // Starts them. INVALID_ARGUMENT names the relay and the field. `projections` and `clock` outlive the relays.
  static base::Result<std::unique_ptr<Relays>> start(const std::vector<Settings>& settings,
                                                     const model::StoreId& store_id, feed::Projections& projections,
                                                     const env::Clock& clock);

  // In the order of the settings. Answers on the feed's thread.
  void list(feed::Answer<std::vector<Description>> answer) const;

  // Waits for what is in flight, until `deadline`. Idempotent; to be called before the feed stops.
  void stop(std::chrono::steady_clock::time_point deadline);

 private:
  explicit Relays(feed::Projections& projections) : projections_(projections) {}

  feed::Projections& projections_;
  std::vector<std::shared_ptr<Relay>> relays_;
};

}  // namespace thalo::relay
