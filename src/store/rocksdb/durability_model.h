// What a store that keeps its promises holds, for the randomised test of durability.
//
// Nearly everything is known exactly. Not known is only whether what was being written when a write failed is there:
// one batch of events, one cursor, one snapshot; and of snapshots, which a power cut may take back to an older one, how
// far. The next opening shows it, and then it is known for good.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "store/store.h"

namespace thalo::store {

// Ends a property that does not hold. Also says so at once: shrinking runs a history again, and where threads race it
// may then pass.
[[noreturn]] void broken(const std::string& promise);

class DurabilityModel {
 public:
  struct Event {
    std::string stream;
    model::Position position = 0;
    std::string data;
    friend bool operator==(const Event&, const Event&) = default;
  };

  // --- appends: queued in order, answered in batches ---

  void queued(const Append& append);
  bool has_unanswered() const { return !unanswered_.empty(); }
  std::uint64_t version(const std::string& stream) const;
  // The version after the unanswered appends, if all of them are stored.
  std::uint64_t version_to_be(const std::string& stream) const;
  // Checks the answers of one batch; true when it was stored.
  bool answered(std::span<const AppendOutcome> outcomes);

  // --- cursors and snapshots: what was called and whether it worked ---

  void cursor_written(const std::string& name, std::optional<Cursor> cursor, bool worked);
  void snapshot_written(const std::string& stream, std::optional<Snapshot> snapshot, bool worked);

  // --- what happens to the store ---

  void opened();
  // Everything that a call said it wrote is on the disk.
  void all_synced();

  // Compares with an open store whose appends are all answered. After an opening it learns what was not known.
  void check(Store& store);

  std::size_t events() const { return events_.size(); }

 private:
  struct Unanswered {
    Append append;
    std::shared_ptr<bool> broken_chain;
  };
  struct Versions {
    std::optional<Snapshot> last() const { return written.back(); }
    std::vector<std::optional<Snapshot>> written = {std::nullopt};  // the first is synced, unless one behind it is
    std::optional<std::optional<Snapshot>> failed = {};
  };

  bool take(const Unanswered& unanswered, std::vector<Event>& events) const;
  void add(const std::vector<Event>& events);
  void check_events(Store& store);
  void check_streams(Store& store) const;
  void check_cursors(Store& store);
  void check_snapshots(Store& store);

  std::vector<Event> events_;                                // in global order
  std::map<std::string, std::vector<std::size_t>> streams_;  // places in events_
  std::deque<Unanswered> unanswered_;
  std::map<Chain*, std::shared_ptr<bool>> chains_;
  // The first batch that failed since the store was opened: there as a whole or not at all.
  std::vector<Event> uncertain_;
  bool has_failed_ = false;
  bool is_fresh_ = false;                                              // opened and not checked yet
  std::map<std::string, std::vector<std::optional<Cursor>>> cursors_;  // what they may be
  std::map<std::string, Versions> snapshots_;
};

}  // namespace thalo::store
