#include "store/rocksdb/verify.h"

#include <rocksdb/metadata.h>
#include <rocksdb/sst_file_reader.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "env/files.h"
#include "store/rocksdb/chunk.h"
#include "store/rocksdb/event_check.h"
#include "store/rocksdb/event_walk.h"
#include "store/rocksdb/index_check.h"
#include "store/rocksdb/small_values.h"
#include "store/varint.h"

namespace thalo::store {
namespace {

using base::Code;

constexpr int description = 1;
constexpr int same_id = 2;
constexpr int sound_checkpoint = 7;
constexpr int known_small_values = 10;

// Every block of every file against its checksum: also those that no key is in.
void check_files(Database& database, VerifyReport& report) {
  std::vector<rocksdb::LiveFileMetaData> files;
  database.db().GetLiveFilesMetaData(&files);
  std::uint64_t total = 0;
  std::uint64_t done = 0;
  for (const auto& file : files) total += file.size;
  for (const auto& file : files) {
    report.progress("bytes of files", done, total);
    const std::string path = file.db_path + file.name;
    rocksdb::Options options;
    options.env = database.db().GetEnv();
    rocksdb::SstFileReader reader(options);
    auto status = reader.Open(path);
    rocksdb::ReadOptions read;
    read.readahead_size = std::size_t{2} << 20;
    if (status.ok()) status = reader.VerifyChecksum(read);
    if (!status.ok()) {
      report.add({.invariant = intact_files,
                  .what = "a file of the column " + file.column_family_name + " is damaged: " + status.ToString(),
                  .file = path});
    }
    ++report.summary.files;
    done += file.size;
  }
}

// The number of events in a stretch; 0 when the database does not say.
std::uint32_t check_meta(Database& database, const std::optional<model::StoreId>& id, VerifyReport& report) {
  std::string value;
  auto status = database.db().Get({}, database.meta(), slice(id_key), &value);
  if (!status.ok()) {
    report.add(same_id, "the column default does not say the store's id: " + status.ToString());
  } else if (id && value != std::string_view(reinterpret_cast<const char*>(id->data()), id->size())) {
    report.add(same_id, "the column default holds another id than STORE: the database is that of another store");
  }
  status = database.db().Get({}, database.meta(), slice(stretch_events_key), &value);
  std::string_view rest = value;
  std::uint64_t stretch_events = 0;
  if (status.ok() && take_varint(rest, stretch_events) && rest.empty() && stretch_events != 0 &&
      stretch_events <= UINT32_MAX) {
    return static_cast<std::uint32_t>(stretch_events);
  }
  report.add(same_id, "the column default does not say the length of a stretch" +
                          (status.ok() ? std::string() : ": " + status.ToString()) + "; the index was not checked");
  return 0;
}

// 0 when there is none, or it cannot be used.
model::GlobalPosition read_checkpoint(Database& database, std::uint32_t stretch_events, VerifyReport& report) {
  std::string value;
  const auto status = database.db().Get({}, database.index(), slice(checkpoint_key), &value);
  if (status.IsNotFound()) return 0;
  std::string_view rest = value;
  model::GlobalPosition checkpoint = 0;
  if (!status.ok() || !take_varint(rest, checkpoint) || !rest.empty()) {
    report.add(sound_checkpoint,
               "the checkpoint of the index cannot be read" + (status.ok() ? std::string() : ": " + status.ToString()));
    return 0;
  }
  if (checkpoint % stretch_events != 0) {
    report.add(sound_checkpoint, "the checkpoint of the index, " + std::to_string(checkpoint) +
                                     ", is not a multiple of the stretch, " + std::to_string(stretch_events));
  }
  return checkpoint;
}

void check_events_and_index(Database& database, std::uint32_t stretch_events, VerifyReport& report) {
  const auto checkpoint = stretch_events == 0 ? 0 : read_checkpoint(database, stretch_events, report);
  report.summary.indexed = checkpoint;
  EventCheck check(database, stretch_events, checkpoint, report);
  walk_events(database, check, report);
  check.finish();
  if (checkpoint > check.next()) {
    report.add(sound_checkpoint, "the checkpoint of the index, " + std::to_string(checkpoint) +
                                     ", is greater than the number of events, " + std::to_string(check.next()));
  }
  if (stretch_events != 0) check_index(database, stretch_events, checkpoint, check, report);
}

// `decode` is asked for every value of a column; its error is a violation. Returns how many there are.
template <class Decode>
std::uint64_t check_small_values(Database& database, rocksdb::ColumnFamilyHandle* column, Decode decode,
                                 VerifyReport& report) {
  const std::unique_ptr<rocksdb::Iterator> iterator(database.db().NewIterator(iterator_options(), column));
  std::uint64_t count = 0;
  for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next(), ++count) {
    const std::string_view key = view(iterator->key());
    const auto decoded = decode(key, view(iterator->value()));
    if (!decoded) {
      report.add({.invariant = known_small_values, .what = decoded.error().message, .stream = std::string(key)});
    }
  }
  if (!iterator->status().ok()) {
    report.add(intact_files,
               "the column " + column->GetName() + " cannot be read to its end: " + iterator->status().ToString());
  }
  return count;
}

}  // namespace

void verify_database(ReadOnlySource source, const std::optional<model::StoreId>& id, VerifyReport& report) {
  source.is_tolerant = true;
  const auto cut = find_cut(source.logs);
  if (!cut) return report.add(intact_files, cut.error().message);
  source.cut = *cut;
  if (*cut && (*cut)->is_damage) {
    report.add({.invariant = intact_files,
                .what = "the log is damaged at byte " + std::to_string((*cut)->offset) + " of " +
                        std::to_string((*cut)->size) + "; what stands behind it was not looked at",
                .file = (*cut)->file.string()});
  } else if (*cut) {
    report.summary.has_unfinished_write = true;
  }
  Poison poison;
  auto database = Database::open_unchecked(source, poison);
  if (!database && source.cut && !source.cut->is_damage) {
    // The engine knows that it was synced, or something else is wrong. What stands before it is checked nevertheless.
    report.summary.has_unfinished_write = false;
    report.add({.invariant = intact_files, .what = database.error().message, .file = source.cut->file.string()});
    source.cut->is_damage = true;
    database = Database::open_unchecked(source, poison);
  }
  if (!database) return report.add(intact_files, database.error().message);
  check_files(**database, report);
  const std::uint32_t stretch_events = check_meta(**database, id, report);
  check_events_and_index(**database, stretch_events, report);
  report.summary.cursors = check_small_values(**database, (*database)->cursors(), decode_cursor, report);
  report.summary.snapshots = check_small_values(**database, (*database)->snapshots(), decode_snapshot, report);
}

base::Result<VerifySummary> verify_store(const std::filesystem::path& path, VerifyObserver& observer) {
  try {
    VerifyReport report(observer);
    std::optional<model::StoreId> id;
    // Kept until the end: it holds the lock.
    const auto folder = StoreFolder::open_read_only(path);
    if (!folder && folder.error().code != Code::data_loss) return std::unexpected(folder.error());
    if (folder) {
      id = folder->id();
      if (!folder->has_exact_description())
        report.add(
            {.invariant = description, .what = "it has not exactly its lines", .file = (path / "STORE").string()});
    } else {
      report.add({.invariant = description, .what = folder.error().message, .file = (path / "STORE").string()});
    }
    const auto database = path / "rocksdb";
    verify_database({.name = path.string(), .database = database, .logs = database}, id, report);
    return report.summary;
  } catch (const std::exception& error) {
    return base::fail(Code::unavailable, "cannot check the store " + path.string() + ": " + error.what());
  }
}

}  // namespace thalo::store
