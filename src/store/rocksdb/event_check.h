// Checks events as they come, in global order, against I3 to I6, and their index against I8 and I9.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "store/record.h"
#include "store/rocksdb/database.h"
#include "store/rocksdb/stretch.h"
#include "store/rocksdb/verify_report.h"
#include "store/stream_versions.h"

namespace thalo::store {

class EventCheck {
 public:
  // `stretch_events` 0: the index is not checked, for its stretches are not known. Both must outlive it.
  EventCheck(Database& database, std::uint32_t stretch_events, model::GlobalPosition checkpoint, VerifyReport& report);

  // The next entry of the column.
  void see(std::string_view key, std::string_view value);
  // The events up to `end` are not there; reports that.
  void miss_to(model::GlobalPosition end);
  // The events up to `end` cannot be read; that has been reported.
  void skip_to(model::GlobalPosition end);
  void finish();

  model::GlobalPosition next() const { return next_; }
  StreamVersions& versions() { return versions_; }
  // How many events could not be read or are not there: so much may be unknown about versions.
  std::uint64_t lost() const { return lost_; }

 private:
  void check_position(const Record& record, std::uint64_t hash);
  void check_command(const Record& record);
  void lose(std::uint64_t count);
  void advance(std::uint64_t count);
  void check_stretch();
  void check_chunk(const Stretch::Run& run, std::size_t begin, std::size_t count);

  Database& database_;
  const std::uint32_t stretch_events_;
  const model::GlobalPosition checkpoint_;
  VerifyReport& report_;

  model::GlobalPosition next_ = 0;
  StreamVersions versions_;
  std::uint64_t lost_ = 0;
  std::uint64_t unexplained_ = 0;  // lost events that have not yet explained a jump in a stream's positions

  // The command that goes on with the next event.
  std::uint32_t remaining_ = 0;
  std::string stream_;
  model::Position position_ = 0;

  std::unique_ptr<Stretch> stretch_;
  bool is_stretch_known_ = true;  // false: events in it are lost or out of order, and its chunks cannot be told
};

}  // namespace thalo::store
