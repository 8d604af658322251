#include "store/rocksdb/database.h"

#include <rocksdb/metadata.h>
#include <rocksdb/table_properties.h>

#include <algorithm>
#include <array>
#include <system_error>

#include "store/rocksdb/log_check.h"
#include "store/rocksdb/tuning.h"
#include "store/varint.h"

namespace thalo::store {
namespace {

using base::Code;
using base::fail;

// Files whose events are counted at opening: more than the logs that a crash leaves behind can fill.
constexpr std::size_t counted_files_max = 256;

constexpr std::string_view id_key = "id";
constexpr std::string_view stretch_events_key = "stretch_events";

std::string_view id_text(const model::StoreId& id) { return {reinterpret_cast<const char*>(id.data()), id.size()}; }

// A database that should be there and is not must not be replaced by an empty one.
base::Result<> check_files(const StoreFolder& folder) {
  std::error_code error;
  if (std::filesystem::exists(folder.database_path() / "CURRENT", error)) return {};
  if (!folder.is_new()) {
    return fail(Code::data_loss,
                "the store " + folder.path().string() + " has lost its file rocksdb/CURRENT; restore it from a backup");
  }
  for (const auto& entry : std::filesystem::directory_iterator(folder.database_path(), error)) {
    const auto extension = entry.path().extension();
    if (extension == ".sst" || extension == ".log") {
      return fail(Code::data_loss, "the store " + folder.path().string() + " holds data (" +
                                       entry.path().filename().string() +
                                       ") but has lost its file rocksdb/CURRENT; restore it from a backup");
    }
  }
  return {};
}

base::Result<> damaged(const StoreFolder& folder, const std::string& what) {
  return fail(Code::data_loss,
              "the store " + folder.path().string() + " is damaged: " + what + "; restore it from a backup");
}

}  // namespace

base::Error engine_error(const rocksdb::Status& status, std::string_view doing) {
  Code code = Code::unavailable;
  if (status.IsCorruption()) code = Code::data_loss;
  return {code, std::string(doing) + " failed: " + status.ToString()};
}

base::Result<std::unique_ptr<Database>> Database::open(StoreFolder& folder, const RocksdbOptions& options,
                                                       const EngineHooks& hooks, Poison& poison) {
  if (auto checked = check_files(folder); !checked) return std::unexpected(std::move(checked.error()));
  if (auto checked = check_logs(folder.database_path()); !checked) return std::unexpected(std::move(checked.error()));
  auto database_options = store::database_options(options, hooks, poison);
  database_options.create_if_missing = folder.is_new();
  database_options.create_missing_column_families = folder.is_new();
  std::unique_ptr<Database> database(new Database);
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(database_options, folder.database_path().string(), column_descriptors(options),
                                        &database->columns_, &db);
  if (!status.ok()) {
    base::Error error = engine_error(status, "opening the store " + folder.path().string());
    if (error.code == Code::data_loss) error.message += "; nothing was changed; restore the store from a backup";
    return std::unexpected(std::move(error));
  }
  database->db_.reset(db);
  if (auto done = database->read_or_write_meta(folder, options); !done) return std::unexpected(std::move(done.error()));
  if (auto found = database->find_head(folder); !found) return std::unexpected(std::move(found.error()));
  return database;
}

Database::~Database() {
  if (!db_) return;
  for (auto* column : columns_) db_->DestroyColumnFamilyHandle(column);
  db_->Close().PermitUncheckedError();
}

base::Result<> Database::read_or_write_meta(StoreFolder& folder, const RocksdbOptions& options) {
  auto* const meta = columns_[default_column];
  if (folder.is_new()) {
    std::string stretch_events;
    append_varint(stretch_events, options.stretch_events);
    rocksdb::WriteBatch batch;
    batch.Put(meta, slice(id_key), slice(id_text(folder.id())));
    batch.Put(meta, slice(stretch_events_key), stretch_events);
    rocksdb::WriteOptions synced;
    synced.sync = true;
    const auto status = db_->Write(synced, &batch);
    if (!status.ok()) return engine_failure(status, "creating the store " + folder.path().string());
    if (auto finished = folder.finish_creation(); !finished) return finished;
  }
  std::string id;
  std::string stretch_events;
  auto status = db_->Get({}, meta, slice(id_key), &id);
  if (status.ok()) status = db_->Get({}, meta, slice(stretch_events_key), &stretch_events);
  if (!status.ok()) return engine_failure(status, "reading the description of the store " + folder.path().string());
  if (id != id_text(folder.id())) {
    return damaged(folder, "its folder rocksdb is that of another store");
  }
  std::string_view rest = stretch_events;
  std::uint64_t number = 0;
  if (!take_varint(rest, number) || number == 0 || number > UINT32_MAX) {
    return damaged(folder, "its number of events per stretch is wrong");
  }
  stretch_events_ = static_cast<std::uint32_t>(number);
  return {};
}

// Opening has moved what was in the logs to files, and every file knows its first and last key: so that the events are
// gapless from file to file is checked for the whole store without reading one of them.
base::Result<> Database::find_head(const StoreFolder& folder) {
  std::vector<rocksdb::LiveFileMetaData> live;
  db_->GetLiveFilesMetaData(&live);
  std::vector<EventsFile> files;
  for (const auto& file : live) {
    if (file.column_family_name != "events") continue;
    if (file.smallestkey.size() != 8 || file.largestkey.size() != 8)
      return damaged(folder, "the file rocksdb" + file.name + " holds something else than events");
    files.push_back({file.name, file.db_path + file.name, get_big_endian64(file.smallestkey),
                     get_big_endian64(file.largestkey) + 1});
  }
  std::ranges::sort(files, {}, &EventsFile::begin);
  for (const EventsFile& file : files) {
    if (file.begin > head_at_open_)
      return damaged(folder, "the events at global positions " + std::to_string(head_at_open_) + " to " +
                                 std::to_string(file.begin - 1) + " are missing");
    if (file.begin < head_at_open_)
      return damaged(folder, "the file rocksdb" + file.name + " holds events that another file holds too");
    head_at_open_ = file.end;
  }
  if (files.size() > counted_files_max) files.erase(files.begin(), files.end() - counted_files_max);
  return files.empty() ? base::Result<>() : count_events(folder, files);
}

// And each of the newest files has as many events as there are places between its ends.
base::Result<> Database::count_events(const StoreFolder& folder, std::span<const EventsFile> files) {
  std::array<char, 8> begin;
  std::array<char, 8> end;
  put_big_endian64(begin.data(), files.front().begin);
  put_big_endian64(end.data(), files.back().end);
  const rocksdb::Range range({begin.data(), begin.size()}, {end.data(), end.size()});
  rocksdb::TablePropertiesCollection properties;
  const auto status = db_->GetPropertiesOfTablesInRange(events(), &range, 1, &properties);
  if (!status.ok())
    return engine_failure(status, "reading the properties of the files of the store " + folder.path().string());
  for (const EventsFile& file : files) {
    const auto found = properties.find(file.path);
    if (found == properties.end())
      return damaged(folder, "the file rocksdb" + file.name + " does not say how many events it has");
    const std::uint64_t count = found->second->num_entries;
    if (count != file.end - file.begin || found->second->num_deletions != 0) {
      return damaged(folder, "the file rocksdb" + file.name + " has " + std::to_string(count) +
                                 " events for the global positions " + std::to_string(file.begin) + " to " +
                                 std::to_string(file.end - 1));
    }
  }
  return {};
}

}  // namespace thalo::store
