#include "store/rocksdb/database.h"

#include <rocksdb/metadata.h>
#include <rocksdb/table_properties.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>

#include "base/counted.h"
#include "store/rocksdb/log_check.h"
#include "store/rocksdb/log_pieces.h"
#include "store/rocksdb/read_only_file_system.h"
#include "store/rocksdb/tuning.h"
#include "store/varint.h"

namespace thalo::store {
namespace {

using base::Code;
using base::fail;

// Files whose events are counted at opening: more than the logs that a crash leaves behind can fill.
constexpr std::size_t counted_files_max = 256;

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

base::Result<> damaged(const std::string& name, const std::string& what) {
  return fail(Code::data_loss, "the store " + name + " is damaged: " + what + "; restore it from a backup");
}

std::vector<std::string> find_logs(const std::filesystem::path& folder) {
  std::vector<std::string> logs;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(folder, error)) {
    if (entry.path().extension() == ".log") logs.push_back(entry.path().string());
  }
  return logs;
}

// Opening has moved what was in `logs` to files. Nobody has synced what a killed process left in them, and RocksDB
// deletes them when it finds the time: a power cut could bring them back, torn, before new logs that are not. So they
// are gone for good before anything new is acknowledged.
rocksdb::Status remove_for_good(const std::vector<std::string>& logs, const std::string& folder, rocksdb::Env& env) {
  rocksdb::Status status;
  for (const std::string& log : logs) {
    if (status.ok() && env.FileExists(log).ok()) status = env.DeleteFile(log);
    if (status.IsNotFound() || status.IsPathNotFound()) status = rocksdb::Status::OK();
  }
  std::unique_ptr<rocksdb::Directory> directory;
  if (status.ok()) status = env.NewDirectory(folder, &directory);
  if (status.ok()) status = directory->Fsync();
  return status;
}

// What is read cannot be had again by reading it once more. Of what the system says RocksDB keeps the words.
bool is_lost(const rocksdb::Status& status) {
  static const std::string input_output_error = std::generic_category().message(EIO);
  return status.IsCorruption() || status.IsPathNotFound() ||
         (status.IsIOError() && status.ToString().ends_with(input_output_error));
}

rocksdb::ReadOptions within_stream() {
  rocksdb::ReadOptions options = iterator_options();
  options.prefix_same_as_start = true;
  return options;
}

base::Error opening_error(const rocksdb::Status& status, const std::string& name) {
  return engine_error(
      status, "opening the store " + name,
      "; nothing was changed; restore the store from a backup, or see by `thalo verify --store` what is "
      "damaged");
}

// Before unfinished writes are cut off the logs: whether the store is whole without them. Only the engine knows how
// much of a finished log was synced. Nobody was told of anything in a store that is being made.
base::Result<> check_what_is_left(const StoreFolder& folder, const EngineHooks& hooks) {
  const auto cut = find_cut(folder.database_path());
  if (!cut) return std::unexpected(cut.error());
  if (!*cut || folder.is_new()) return {};
  const ReadOnlySource source{.name = folder.path().string(),
                              .database = folder.database_path(),
                              .logs = folder.database_path(),
                              .env = hooks.env};
  Poison poison;
  const auto left = Database::open_read_only(source, folder.id(), poison);
  if (!left) return std::unexpected(left.error());
  return {};
}

}  // namespace

base::Error engine_error(const rocksdb::Status& status, std::string_view doing, std::string_view advice) {
  base::Error error = write_error(status, doing);
  if (!is_lost(status)) return error;
  error.code = Code::data_loss;
  error.message += advice;
  return error;
}

base::Error write_error(const rocksdb::Status& status, std::string_view doing) {
  return {Code::unavailable, std::string(doing) + " failed: " + status.ToString()};
}

Database::Database() : index_iterators_(within_stream()) {}

base::Result<std::unique_ptr<Database>> Database::open(StoreFolder& folder, const RocksdbOptions& options,
                                                       const EngineHooks& hooks, Poison& poison) {
  if (auto checked = check_files(folder); !checked) return std::unexpected(std::move(checked.error()));
  if (auto checked = check_what_is_left(folder, hooks); !checked) return std::unexpected(std::move(checked.error()));
  if (auto checked = check_logs(folder.database_path()); !checked) return std::unexpected(std::move(checked.error()));
  const auto old_logs = find_logs(folder.database_path());
  auto database_options = store::database_options(options, hooks, poison);
  database_options.create_if_missing = folder.is_new();
  database_options.create_missing_column_families = folder.is_new();
  std::unique_ptr<Database> database(new Database);
  database_options.listeners.push_back(database->index_iterators_.listener(index_column));
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::Open(database_options, folder.database_path().string(), column_descriptors(options),
                                        &database->columns_, &db);
  const std::string name = folder.path().string();
  if (!status.ok()) return std::unexpected(opening_error(status, name));
  database->db_.reset(db);
  const auto removed = remove_for_good(old_logs, folder.database_path().string(), *database_options.env);
  if (!removed.ok()) return std::unexpected(write_error(removed, "removing the old logs of the store " + name));
  if (folder.is_new()) {
    if (auto done = database->write_meta(folder, options); !done) return std::unexpected(std::move(done.error()));
  }
  if (auto done = database->read_meta(name, folder.id()); !done) return std::unexpected(std::move(done.error()));
  if (auto found = database->find_head(name); !found) return std::unexpected(std::move(found.error()));
  return database;
}

base::Result<std::unique_ptr<Database>> Database::open_unchecked(const ReadOnlySource& source, Poison& poison) {
  std::unique_ptr<Database> database(new Database);
  const auto& files = source.env != nullptr ? source.env->GetFileSystem() : rocksdb::FileSystem::Default();
  database->read_only_env_ = rocksdb::NewCompositeEnv(std::make_shared<ReadOnlyFileSystem>(files, source.cut));
  const RocksdbOptions options;
  auto database_options = store::database_options(options, {.env = database->read_only_env_.get()}, poison);
  database_options.wal_dir = source.database.string();
  // The logs stay tracked: the engine cannot forget them without writing.
  if (source.is_tolerant) database_options.paranoid_checks = false;
  rocksdb::DB* db = nullptr;
  const auto status = rocksdb::DB::OpenForReadOnly(database_options, source.database.string(),
                                                   column_descriptors(options), &database->columns_, &db);
  if (!status.ok()) return std::unexpected(opening_error(status, source.name));
  database->db_.reset(db);
  return database;
}

base::Result<std::unique_ptr<Database>> Database::open_read_only(const ReadOnlySource& source, const model::StoreId& id,
                                                                 Poison& poison) {
  ReadOnlySource cut_source = source;
  auto cut = find_cut(source.logs);
  if (!cut) return std::unexpected(cut.error());
  if (*cut && (*cut)->is_damage) return std::unexpected(log_damage(**cut));
  cut_source.cut = *std::move(cut);
  auto database = open_unchecked(cut_source, poison);
  if (!database) return database;
  for (const auto& check : {&Database::find_head, &Database::count_logged_events}) {
    if (auto done = ((**database).*check)(source.name); !done) return std::unexpected(std::move(done.error()));
  }
  if (auto done = (*database)->read_meta(source.name, id); !done) return std::unexpected(std::move(done.error()));
  return database;
}

Database::~Database() {
  if (!db_) return;
  index_iterators_.clear();
  for (auto* column : columns_) db_->DestroyColumnFamilyHandle(column);
  db_->Close().PermitUncheckedError();
}

rocksdb::Status Database::write(rocksdb::WriteBatch& batch, bool sync) {
  std::unique_lock turn(sync_mutex_, std::defer_lock);
  if (sync) turn.lock();
  // What it was to write may be missing, and behind that nothing can be told to be durable.
  if (sync && !failed_.ok()) return failed_;
  auto status = batch.PutLogData(synced_mark(synced_change_.load(std::memory_order_acquire)));
  rocksdb::WriteOptions options;
  options.sync = sync;
  if (status.ok()) status = db_->Write(options, &batch);
  if (!status.ok()) {
    if (!sync) turn.lock();
    if (failed_.ok()) failed_ = status;
    return status;
  }
  // The engine has entered the numbers into the batch.
  if (sync) synced_change_.store(entry_numbers(batch.Data()).last, std::memory_order_release);
  return status;
}

base::Result<> Database::write_meta(StoreFolder& folder, const RocksdbOptions& options) {
  std::string stretch_events;
  append_varint(stretch_events, options.stretch_events);
  rocksdb::WriteBatch batch;
  batch.Put(meta(), slice(id_key), slice(id_text(folder.id())));
  batch.Put(meta(), slice(stretch_events_key), stretch_events);
  const auto status = write(batch, true);
  if (!status.ok()) return std::unexpected(write_error(status, "creating the store " + folder.path().string()));
  return folder.finish_creation();
}

base::Result<> Database::read_meta(const std::string& name, const model::StoreId& store_id) {
  std::string id;
  std::string stretch_events;
  auto status = db_->Get({}, meta(), slice(id_key), &id);
  if (status.ok()) status = db_->Get({}, meta(), slice(stretch_events_key), &stretch_events);
  if (!status.ok()) return engine_failure(status, "reading the description of the store " + name);
  if (id != id_text(store_id)) return damaged(name, "its folder rocksdb is that of another store");
  std::string_view rest = stretch_events;
  std::uint64_t number = 0;
  if (!take_varint(rest, number) || number == 0 || number > UINT32_MAX) {
    return damaged(name, "its number of events per stretch is wrong");
  }
  stretch_events_ = static_cast<std::uint32_t>(number);
  return {};
}

// Opening has moved what was in the logs to files, and every file knows its first and last key: so that the events are
// gapless from file to file is checked for the whole store without reading one of them.
base::Result<> Database::find_head(const std::string& name) {
  std::vector<rocksdb::LiveFileMetaData> live;
  db_->GetLiveFilesMetaData(&live);
  std::vector<EventsFile> files;
  for (const auto& file : live) {
    if (file.column_family_name != "events") continue;
    if (file.smallestkey.size() != 8 || file.largestkey.size() != 8)
      return damaged(name, "the file rocksdb" + file.name + " holds something else than events");
    files.push_back({file.name, file.db_path + file.name, get_big_endian64(file.smallestkey),
                     get_big_endian64(file.largestkey) + 1});
  }
  std::ranges::sort(files, {}, &EventsFile::begin);
  for (const EventsFile& file : files) {
    if (file.begin > head_at_open_)
      return damaged(name, "the events at global positions " + std::to_string(head_at_open_) + " to " +
                               std::to_string(file.begin - 1) + " are missing");
    if (file.begin < head_at_open_)
      return damaged(name, "the file rocksdb" + file.name + " holds events that another file holds too");
    head_at_open_ = file.end;
  }
  if (files.size() > counted_files_max) files.erase(files.begin(), files.end() - counted_files_max);
  return files.empty() ? base::Result<>() : count_events(name, files);
}

// And each of the newest files has as many events as there are places between its ends.
base::Result<> Database::count_events(const std::string& name, std::span<const EventsFile> files) {
  std::array<char, 8> begin;
  std::array<char, 8> end;
  put_big_endian64(begin.data(), files.front().begin);
  put_big_endian64(end.data(), files.back().end);
  const rocksdb::Range range({begin.data(), begin.size()}, {end.data(), end.size()});
  rocksdb::TablePropertiesCollection properties;
  const auto status = db_->GetPropertiesOfTablesInRange(events(), &range, 1, &properties);
  if (!status.ok()) return engine_failure(status, "reading the properties of the files of the store " + name);
  for (const EventsFile& file : files) {
    const auto found = properties.find(file.path);
    if (found == properties.end())
      return damaged(name, "the file rocksdb" + file.name + " does not say how many events it has");
    const std::uint64_t count = found->second->num_entries;
    if (count != file.end - file.begin || found->second->num_deletions != 0) {
      return damaged(name, "the file rocksdb" + file.name + " has " + base::counted(count, "event") +
                               " for the global positions " + std::to_string(file.begin) + " to " +
                               std::to_string(file.end - 1));
    }
  }
  return {};
}

// Events that are in the logs only, as a store that is open for reading leaves them.
base::Result<> Database::count_logged_events(const std::string& name) {
  std::array<char, 8> begin;
  put_big_endian64(begin.data(), head_at_open_);
  const std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(iterator_options(), events()));
  for (iterator->Seek({begin.data(), begin.size()}); iterator->Valid(); iterator->Next()) {
    const std::string_view key = view(iterator->key());
    if (key.size() != begin.size() || get_big_endian64(key) != head_at_open_)
      return damaged(name, "the event at global position " + std::to_string(head_at_open_) + " is missing");
    ++head_at_open_;
  }
  if (!iterator->status().ok()) return engine_failure(iterator->status(), "reading the events of the store " + name);
  return {};
}

}  // namespace thalo::store
