#include "store/rocksdb/backup_folder.h"

#include <fcntl.h>
#include <rocksdb/utilities/backup_engine.h>
#include <sys/file.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

#include "base/counted.h"
#include "env/files.h"
#include "store/rocksdb/read_only_store.h"
#include "store/rocksdb/verify.h"

namespace thalo::store {
namespace {

namespace fs = std::filesystem;
using base::Code;
using base::fail;

std::string where(const fs::path& folder, std::uint32_t number) {
  return "backup " + std::to_string(number) + " in " + folder.string();
}

// What is kept with each backup: the file STORE, and a line more.
constexpr std::string_view events_word = "events ";

std::string describe(const model::StoreId& id, model::GlobalPosition events) {
  return description_of(id) + std::string(events_word) + std::to_string(events) + "\n";
}

std::optional<Backup> read(const rocksdb::BackupInfo& info) {
  Backup backup{.number = info.backup_id, .time_ms = info.timestamp * 1000, .size_bytes = info.size};
  const std::string_view text = info.app_metadata;
  const auto line = text.rfind(events_word);
  if (line == std::string_view::npos || !parse_description(text.substr(0, line), backup.store_id)) return std::nullopt;
  const std::string_view number = text.substr(line + events_word.size());
  if (std::from_chars(number.data(), number.data() + number.size(), backup.events).ec != std::errc())
    return std::nullopt;
  return backup;
}

// The engine copies so much at a time, and tells of its progress after each.
constexpr std::uint64_t copied_at_once_bytes = std::uint64_t{5} << 20;

rocksdb::BackupEngineOptions engine_options(const fs::path& folder) {
  // A backup cannot be opened by a path that depends on the working folder.
  rocksdb::BackupEngineOptions options(fs::absolute(folder).lexically_normal().string());
  options.callback_trigger_interval_size = copied_at_once_bytes - 1;
  return options;
}

std::unexpected<base::Error> broken_folder(const rocksdb::Status& status, const std::string& doing) {
  return std::unexpected(engine_error(status, doing, "; use another folder of backups"));
}

// Backups are written by one process at a time.
class FolderLock {
 public:
  static base::Result<FolderLock> take(const fs::path& folder) {
    const fs::path file = folder / "LOCK";
    FolderLock lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (lock.file_ < 0)
      return fail(Code::permission_denied, "cannot write into the backup folder " + folder.string() + ": " +
                                               std::generic_category().message(errno));
    if (::flock(lock.file_, LOCK_EX | LOCK_NB) != 0)
      return fail(Code::unavailable,
                  "another backup is being made in " + folder.string() + "; try again when it is done");
    return lock;
  }
  FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  ~FolderLock() {
    if (file_ >= 0) ::close(file_);
  }

 private:
  explicit FolderLock(int file) : file_(file) {}
  int file_;
};

struct OpenFolder {
  std::unique_ptr<rocksdb::BackupEngineReadOnly> engine;
  rocksdb::BackupInfo info;  // of the backup that was asked for
  Backup backup;
};

base::Result<std::unique_ptr<rocksdb::BackupEngineReadOnly>> open_folder(const fs::path& folder) {
  std::error_code error;
  if (!fs::is_directory(folder / "meta", error))
    return fail(Code::not_found, "there are no backups in " + folder.string() + "; check the path");
  rocksdb::BackupEngineReadOnly* engine = nullptr;
  const rocksdb::Status status =
      rocksdb::BackupEngineReadOnly::Open(rocksdb::Env::Default(), engine_options(folder), &engine);
  if (!status.ok()) return broken_folder(status, "opening the backups in " + folder.string());
  return std::unique_ptr<rocksdb::BackupEngineReadOnly>(engine);
}

base::Result<OpenFolder> open_backup(const fs::path& folder, std::uint32_t number) {
  auto engine = open_folder(folder);
  if (!engine) return std::unexpected(std::move(engine.error()));
  OpenFolder open{.engine = *std::move(engine), .info = {}, .backup = {}};
  const auto status = number == newest_backup ? open.engine->GetLatestBackupInfo(&open.info, true)
                                              : open.engine->GetBackupInfo(number, &open.info, true);
  if (number == newest_backup && !status.ok())
    return fail(Code::not_found, "there is no sound backup in " + folder.string());
  if (status.IsNotFound()) return fail(Code::not_found, "there is no " + where(folder, number));
  if (!status.ok()) return broken_folder(status, "opening " + where(folder, number));
  const auto backup = read(open.info);
  if (!backup) return fail(Code::data_loss, where(folder, open.info.backup_id) + " is not one of a Thalo store");
  open.backup = *backup;
  return open;
}

ReadOnlySource source_of(const fs::path& folder, const rocksdb::BackupInfo& info) {
  return {.name = where(folder, info.backup_id),
          .database = info.name_for_open,
          .logs = info.name_for_open,
          .cut = {},
          .env = info.env_for_open.get()};
}

// The number of events in the backup, after opening it for reading.
base::Result<model::GlobalPosition> count_events(const fs::path& folder, const OpenFolder& open) {
  const auto store = ReadOnlyStore::open(source_of(folder, open.info), open.backup.store_id, std::nullopt);
  if (!store) return std::unexpected(store.error());
  if ((*store)->head() >= open.backup.events) return (*store)->head();
  return fail(Code::data_loss, where(folder, open.backup.number) + " has only " + std::to_string((*store)->head()) +
                                   " of " + base::counted(open.backup.events, "event"));
}

std::uint64_t bytes_in(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code error;
  for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
    if (entry.is_regular_file(error)) bytes += entry.file_size(error);
  }
  return bytes;
}

base::Result<> check_same_store(const rocksdb::BackupEngine& engine, const fs::path& folder, const model::StoreId& id) {
  std::vector<rocksdb::BackupInfo> infos;
  engine.GetBackupInfo(&infos);
  for (const auto& info : infos) {
    const auto backup = read(info);
    if (backup && backup->store_id == id) continue;
    return fail(Code::failed_precondition,
                "the folder " + folder.string() + " holds backups of another store; choose another folder");
  }
  return {};
}

base::Result<std::unique_ptr<rocksdb::BackupEngine>> open_for_writing(const fs::path& folder) {
  rocksdb::BackupEngine* engine = nullptr;
  const rocksdb::Status status = rocksdb::BackupEngine::Open(rocksdb::Env::Default(), engine_options(folder), &engine);
  if (!status.ok()) return broken_folder(status, "opening the backup folder " + folder.string());
  return std::unique_ptr<rocksdb::BackupEngine>(engine);
}

// A folder that is empty, or holds backups already.
base::Result<> check_folder(const fs::path& folder) {
  std::error_code error;
  if (fs::exists(folder / "meta", error)) return {};
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const std::string name = entry.path().filename().string();
    if (name == "LOCK" || name == "lost+found") continue;
    return fail(Code::failed_precondition, "the folder " + folder.string() + " holds no backups but other files (" +
                                               name + "); choose an empty or a new folder");
  }
  return {};
}

base::Result<> sync_files(const fs::path& folder) {
  const auto sync = [](const fs::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    const bool is_synced = file >= 0 && ::fsync(file) == 0;
    if (file >= 0) ::close(file);
    return is_synced;
  };
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!sync(entry.path())) return fail(Code::unavailable, "cannot sync " + entry.path().string());
  }
  if (!sync(folder)) return fail(Code::unavailable, "cannot sync " + folder.string());
  return {};
}

base::Result<> check_target(const fs::path& target, const fs::path& backups) {
  std::error_code error;
  const fs::path inside = fs::weakly_canonical(target, error).lexically_relative(fs::weakly_canonical(backups, error));
  if (!inside.empty() && *inside.begin() != "..")
    return fail(Code::invalid_argument, "the target " + target.string() + " is in the folder of the backups " +
                                            backups.string() + "; choose another");
  if (!fs::exists(target, error)) return {};
  if (!fs::is_directory(target, error))
    return fail(Code::already_exists, "the target " + target.string() + " is a file; choose an empty or a new folder");
  if (fs::is_empty(target, error)) return {};
  const bool is_unfinished = fs::exists(target / "rocksdb", error) && !fs::exists(target / "STORE", error);
  return fail(Code::already_exists,
              "the target " + target.string() + " is not empty" +
                  (is_unfinished ? ": it looks like a restore that was interrupted; remove it, or choose another folder"
                                 : "; choose an empty or a new folder"));
}

// What stops because of the file system or a thread that cannot be started.
template <class Work>
auto guarded(const std::string& doing, Work work) -> decltype(work()) {
  try {
    return work();
  } catch (const std::exception& error) {
    return fail(Code::unavailable, doing + " failed: " + error.what());
  }
}

}  // namespace

base::Result<BackupMade> make_backup(Database& database, const model::StoreId& id, model::GlobalPosition events,
                                     const fs::path& folder, BackupProgress progress) {
  return guarded("the backup to " + folder.string(), [&]() -> base::Result<BackupMade> {
    if (auto made = env::make_folder(folder); !made) return std::unexpected(std::move(made.error()));
    if (auto checked = check_folder(folder); !checked) return std::unexpected(std::move(checked.error()));
    const auto lock = FolderLock::take(folder);
    if (!lock) return std::unexpected(lock.error());
    const std::uint64_t before = bytes_in(folder);
    auto engine = open_for_writing(folder);
    if (!engine) return std::unexpected(std::move(engine.error()));
    if (auto same = check_same_store(**engine, folder, id); !same) return std::unexpected(std::move(same.error()));
    rocksdb::CreateBackupOptions options;
    // The logs are copied as they are: a backup makes no files of its own in the store.
    options.flush_before_backup = false;
    std::atomic<std::uint64_t> copied = 0;
    std::atomic<bool> is_stopped = false;
    options.progress_callback = [&] {
      copied += copied_at_once_bytes;
      if (is_stopped || progress(copied)) return;
      is_stopped = true;
      (*engine)->StopBackup();
    };
    rocksdb::BackupID number = 0;
    const auto status = (*engine)->CreateNewBackupWithMetadata(options, &database.db(), describe(id, events), &number);
    if (is_stopped && !status.ok())
      return fail(Code::cancelled, "the backup was stopped; what it had copied is removed by the next");
    if (!status.ok()) {
      base::Error error = engine_error(status, "the backup to " + folder.string(), "");
      if (error.code == Code::data_loss)
        error.message +=
            "; check the store and the backups there by `thalo verify`, and choose another folder for new ones";
      return std::unexpected(std::move(error));
    }
    const auto open = open_backup(folder, number);
    const auto found = open ? count_events(folder, *open) : std::unexpected(open.error());
    if (!found) {
      (*engine)->DeleteBackup(number).PermitUncheckedError();
      return base::fail_for_good(
          found.error().code, "the backup was made and removed again, for it cannot be read: " + found.error().message);
    }
    const std::uint64_t after = bytes_in(folder);
    return BackupMade{.backup = open->backup, .copied_bytes = after - std::min(before, after), .events = *found};
  });
}

base::Result<std::vector<Backup>> list_backups(const fs::path& folder) {
  return guarded("listing the backups in " + folder.string(), [&]() -> base::Result<std::vector<Backup>> {
    const auto engine = open_folder(folder);
    if (!engine) return std::unexpected(engine.error());
    std::vector<rocksdb::BackupInfo> infos;
    (*engine)->GetBackupInfo(&infos);
    std::vector<Backup> backups;
    for (const auto& info : infos) {
      if (const auto backup = read(info)) backups.push_back(*backup);
    }
    return backups;
  });
}

base::Result<> keep_backups(const fs::path& folder, std::uint32_t count) {
  return guarded("removing backups in " + folder.string(), [&]() -> base::Result<> {
    if (auto exists = open_folder(folder); !exists) return std::unexpected(exists.error());
    const auto lock = FolderLock::take(folder);
    if (!lock) return std::unexpected(lock.error());
    const auto engine = open_for_writing(folder);
    if (!engine) return std::unexpected(engine.error());
    const auto status = (*engine)->PurgeOldBackups(count);
    if (!status.ok()) return broken_folder(status, "removing backups in " + folder.string());
    return {};
  });
}

base::Result<VerifySummary> verify_backup(const fs::path& folder, std::uint32_t number, VerifyObserver& observer) {
  return guarded("checking the backups in " + folder.string(), [&]() -> base::Result<VerifySummary> {
    const auto open = open_backup(folder, number);
    if (!open) return std::unexpected(open.error());
    VerifyReport report(observer);
    const auto status = open->engine->VerifyBackup(open->backup.number, true);
    if (!status.ok()) {
      report.add(intact_files, where(folder, open->backup.number) + " is not what was copied: " + status.ToString());
    }
    verify_database(source_of(folder, open->info), open->backup.store_id, report);
    return report.summary;
  });
}

base::Result<Restored> restore_backup(const fs::path& folder, std::uint32_t number, const fs::path& target) {
  return guarded("restoring to " + target.string(), [&]() -> base::Result<Restored> {
    if (auto checked = check_target(target, folder); !checked) return std::unexpected(std::move(checked.error()));
    const auto open = open_backup(folder, number);
    if (!open) return std::unexpected(open.error());
    if (auto made = env::make_folder(target / "rocksdb"); !made) return std::unexpected(std::move(made.error()));
    const std::string database = (target / "rocksdb").string();
    const auto status =
        open->engine->RestoreDBFromBackup(rocksdb::RestoreOptions(), open->backup.number, database, database);
    if (!status.ok()) {
      return base::fail_for_good(
          status.IsCorruption() ? Code::data_loss : Code::unavailable,
          "restoring " + where(folder, open->backup.number) + " failed: " + status.ToString() + "; remove the folder " +
              target.string() + " and " +
              (status.IsCorruption() ? "restore another backup" : "try again when that is mended"));
    }
    if (auto synced = sync_files(database); !synced) return std::unexpected(std::move(synced.error()));
    // Only with this file it is a store.
    if (auto written = env::write_file_atomically(target / "STORE", description_of(open->backup.store_id)); !written)
      return std::unexpected(std::move(written.error()));
    auto store_folder = StoreFolder::open_read_only(target);
    if (!store_folder) return std::unexpected(std::move(store_folder.error()));
    const auto store = ReadOnlyStore::open({.name = target.string(), .database = database, .logs = database},
                                           open->backup.store_id, *std::move(store_folder));
    if (!store) return std::unexpected(store.error());
    return Restored{open->backup, (*store)->head()};
  });
}

}  // namespace thalo::store
