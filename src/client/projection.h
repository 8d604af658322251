// Taking part in a projection: a program that handles events as they are stored, at least once and in order per stream.
//
//   struct Counts : client::ProjectionHandler {
//     client::Handled on_events(std::span<const client::Event> events) override { …; return {}; }
//   } counts;
//   client::run_projection({.name = "counts", .filter = {.categories = {"counter"}}}, counts, stop);
//
// The server keeps the projection's place: what on_events has returned from is acknowledged, what was not is shown
// again after a crash, a lost connection or a restart of either side. Several programs that run the same projection
// share its streams. A program that keeps its place together with its data derives from TransactionalHandler, and sees
// every event exactly once.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "client/projections.h"
#include "client/types.h"

namespace thalo::client {

struct ProjectionOptions {
  std::string url = "http://localhost:4433";
  std::string name;
  // All who run a projection give the same filter, for good.
  Filter filter = {};
  // Where a new projection begins; one that exists goes on where it was.
  model::GlobalPosition from = 0;
  std::uint32_t window_events = 0;  // the most events under way; 0: the server's own, 10,000
  std::optional<FailurePolicy> policy = {};
  // The pause after a lost connection, doubled each time until the server is there again.
  std::chrono::milliseconds reconnect_first{100};
  std::chrono::milliseconds reconnect_max{5000};
};

// An event that could not be handled.
struct EventFailure {
  std::size_t index = 0;  // in the events shown
  std::string reason;     // for people: `thalo projections NAME` shows it
};

// What came of handling events. Nothing: all are done. A failure: those before it are done; the server shows the event
// again after a pause, with those of its stream behind it, and the rest is shown now, without that stream. An error:
// none of them can be handled now; all are shown again after a pause when it is retryable (a database that is away),
// and the run ends with it otherwise.
using Handled = base::Result<std::optional<EventFailure>>;

// Called on the thread that runs the projection.
class ProjectionHandler {
 public:
  virtual ~ProjectionHandler() = default;

  // Handles events, in global order; at least one. They live until this returns.
  virtual Handled on_events(std::span<const Event> events) = 0;

  // Before the first events, after every connect: everything before `cursor` is done. `resets` counts how often the
  // projection was reset; another number than last time says that what was built should be built anew, from `cursor`
  // on. Also called when that happens while connected. An error is treated as one of on_events.
  virtual base::Result<> on_joined(model::GlobalPosition cursor, std::uint64_t resets) {
    (void)cursor, (void)resets;
    return {};
  }
  // When there are any: parts of the filter ("category countr") that have no event so far. They are early, or misspelt.
  // Categories and streams come after joining, types when the projection has read everything that is stored.
  virtual void on_unseen(std::span<const std::string> parts) { (void)parts; }
  // The connection is lost; the run goes on after a pause.
  virtual void on_disconnected(const base::Error& reason) { (void)reason; }
};

// Runs a projection until `stop` is requested (then: no error), or until an error that trying again does not mend:
// INVALID_ARGUMENT, FAILED_PRECONDITION (another filter), NOT_FOUND (it was deleted), UNIMPLEMENTED, or the handler's
// own. Blocks.
base::Result<> run_projection(const ProjectionOptions& options, ProjectionHandler& handler,
                              const std::stop_token& stop);

// Where a consumer stands that keeps its place with its data.
struct Place {
  std::uint64_t resets = 0;
  model::GlobalPosition next = 0;  // every event before it is in the data
  friend bool operator==(const Place&, const Place&) = default;
};

// A consumer whose data and place change in one transaction, which makes it see every event exactly once: after a crash
// the server shows again what was not acknowledged, and what is in the data already is left out. One program at a time
// may run such a projection. A program that goes back to older data (from a backup) resets the projection, too.
class TransactionalHandler : public ProjectionHandler {
 public:
  // `from`: where the projection begins, as in ProjectionOptions.
  explicit TransactionalHandler(model::GlobalPosition from = 0) : from_(from) {}

  // The place in the data; nothing: there is no data yet.
  virtual base::Result<std::optional<Place>> load() = 0;
  // The projection begins, or was reset: removes what was built and stores `place`, in one transaction. A projection
  // that is under way already while there is no data is an error (FAILED_PRECONDITION): the data was lost.
  virtual base::Result<> begin_anew(const Place& place) = 0;
  // Changes the data by `events` and stores `place`, in one transaction.
  virtual base::Result<> store(std::span<const Event> events, const Place& place) = 0;

  Handled on_events(std::span<const Event> events) final;
  base::Result<> on_joined(model::GlobalPosition cursor, std::uint64_t resets) final;

 private:
  const model::GlobalPosition from_;
  Place place_;
};

}  // namespace thalo::client
