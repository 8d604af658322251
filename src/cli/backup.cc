// thalo backup, thalo backups, thalo restore.
#include "store/backup.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/counted.h"
#include "base/json.h"
#include "cli/connection.h"
#include "cli/event_text.h"
#include "cli/progress.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"
#include "cli/verify_printer.h"
#include "store/rocksdb_store.h"

namespace thalo::cli {
namespace {

using base::Code;

struct BackupFlags {
  ServerFlags server;
  std::string name = "store";
  std::string output;
  bool verify = false;
  bool json = false;
};

struct BackupsFlags {
  ServerFlags server;
  std::string name = "store";
  std::string folder;
  std::optional<std::uint32_t> keep;
  bool json = false;
};

struct RestoreFlags {
  std::string backup;
  std::string output;
  std::uint32_t number = store::newest_backup;
  bool json = false;
};

std::string hex(const model::StoreId& id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : id) (text += digits[byte >> 4]) += digits[byte & 15];
  return text;
}

client::Backup shown(const store::Backup& backup) {
  return {backup.number, backup.time_ms, backup.size_bytes, backup.events, hex(backup.store_id)};
}

std::string size_text(std::uint64_t bytes) {
  constexpr const char* units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  std::size_t unit = 0;
  std::uint64_t tenths = bytes * 10;
  for (; tenths >= 10 * 1024 && unit + 1 < std::size(units); ++unit) tenths /= 1024;
  return std::to_string(tenths / 10) + (unit == 0 ? "" : "." + std::to_string(tenths % 10)) + " " + units[unit];
}

std::string members(const client::Backup& backup) {
  return "\"number\":" + std::to_string(backup.number) + ",\"time\":" + std::to_string(backup.time_ms) +
         ",\"size_bytes\":" + std::to_string(backup.size_bytes) + ",\"store_id\":" + base::json_quote(backup.store_id);
}

// Of a closed store: opened as a runtime would, which recovers what a crash left.
base::Result<client::BackupMade> back_up_closed(const BackupFlags& flags,
                                                const std::function<void(std::uint64_t)>& progress) {
  auto store = store::open_rocksdb_store({.path = flags.server.store, .create_if_missing = false});
  if (!store) return std::unexpected(store.error());
  const auto made = (*store)->back_up(flags.output, [&](std::uint64_t copied_bytes) {
    progress(copied_bytes);
    return true;
  });
  if (!made) return std::unexpected(made.error());
  return client::BackupMade{shown(made->backup), made->copied_bytes, made->events};
}

base::Result<client::BackupMade> back_up(const BackupFlags& flags) {
  Progress shown("bytes copied", 0);
  std::uint64_t done = 0;
  const auto progress = [&](std::uint64_t copied_bytes) {
    if (copied_bytes > done) shown.advance(copied_bytes - done);
    done = std::max(done, copied_bytes);
  };
  if (!flags.server.store.empty()) return back_up_closed(flags, progress);
  auto client = connect(flags.server);
  if (!client) return std::unexpected(client.error());
  return (*client)->back_up(flags.name, progress);
}

int verify_made(const BackupFlags& flags, std::uint32_t number) {
  VerifyPrinter printer(100, flags.json);
  const auto summary = store::verify_backup(flags.output, number, printer);
  return summary ? printer.finish(*summary, true) : report(summary.error());
}

int run_backup(const BackupFlags& flags) {
  if (flags.server.store.empty() != flags.output.empty())
    return report({Code::invalid_argument, "--store and -o go together: the closed store, and where its backups are"});
  if (flags.verify && flags.output.empty())
    return report({Code::invalid_argument,
                   "--verify needs the files: use it with --store and -o, or run `thalo verify --backup FOLDER` on the "
                   "server's machine"});
  const auto made = back_up(flags);
  if (!made) return report(made.error());
  if (flags.json) {
    std::cout << "{" << members(made->backup) << ",\"events\":" << made->events
              << ",\"copied_bytes\":" << made->copied_bytes << "}\n";
  } else {
    std::cout << "Backup " << made->backup.number << " in " << (flags.output.empty() ? flags.name : flags.output)
              << " holds " << base::counted(made->events, "event") << " (" << size_text(made->backup.size_bytes) << ", "
              << size_text(made->copied_bytes) << " copied)\n";
  }
  return flags.verify ? verify_made(flags, made->backup.number) : exit_ok;
}

base::Result<std::vector<client::Backup>> list(const BackupsFlags& flags) {
  if (flags.folder.empty()) {
    auto client = connect(flags.server);
    if (!client) return std::unexpected(client.error());
    return (*client)->backups(flags.name);
  }
  if (flags.keep) {
    if (auto kept = store::keep_backups(flags.folder, *flags.keep); !kept) return std::unexpected(kept.error());
  }
  const auto backups = store::list_backups(flags.folder);
  if (!backups) return std::unexpected(backups.error());
  std::vector<client::Backup> out;
  for (const store::Backup& backup : *backups) out.push_back(shown(backup));
  return out;
}

int run_backups(const BackupsFlags& flags) {
  const auto backups = list(flags);
  if (!backups) return report(backups.error());
  for (const client::Backup& backup : *backups) {
    if (flags.json) {
      std::cout << "{" << members(backup) << ",\"events\":" << backup.events << "}\n";
    } else {
      std::cout << backup.number << "  " << time_text(backup.time_ms) << "  " << base::counted(backup.events, "event")
                << "  " << size_text(backup.size_bytes) << "  store " << backup.store_id << '\n';
    }
  }
  return exit_ok;
}

int run_restore(const RestoreFlags& flags) {
  const auto restored = store::restore_backup(flags.backup, flags.number, flags.output);
  if (!restored) return report(restored.error());
  if (flags.json) {
    std::cout << "{" << members(shown(restored->backup)) << ",\"events\":" << restored->events << "}\n";
  } else {
    std::cout << "Restored backup " << restored->backup.number << ", " << base::counted(restored->events, "event")
              << ", to " << flags.output << "; serve it by thalo-runtime -s " << flags.output << '\n';
  }
  return exit_ok;
}

}  // namespace

void add_backup(CLI::App& app, Session& session) {
  auto flags = std::make_shared<BackupFlags>();
  CLI::App* command = app.add_subcommand("backup", "Back up a store: a running server's, or a closed one");
  command->footer(
      "Examples: thalo backup nightly\n"
      "          thalo backup --store message-store.db -o backups\n"
      "A server writes to a folder of its own machine, below its --backup-path. What the folder has from earlier "
      "backups is not copied again.");
  add_server_flags(*command, flags->server);
  command->add_option("name", flags->name, "The folder below the server's --backup-path")->capture_default_str();
  add_store_flag(*command, flags->server, "Back up this folder of a closed store instead");
  command->add_option("-o,--output", flags->output, "With --store: the folder of the backups; made when missing");
  command->add_flag("--verify", flags->verify, "With --store: check the whole backup afterwards, as `verify` does");
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->callback([flags, &session] { session.exit_code = run_backup(*flags); });
}

void add_backups(CLI::App& app, Session& session) {
  auto flags = std::make_shared<BackupsFlags>();
  CLI::App* command = app.add_subcommand("backups", "List backups, oldest first");
  command->footer("Examples: thalo backups --name nightly\n          thalo backups backups/nightly --keep 7");
  add_server_flags(*command, flags->server);
  auto* folder =
      command->add_option("folder", flags->folder, "A folder of backups on this machine [default: ask the server]");
  instead_of_server(*command, folder);
  command->add_option("--name", flags->name, "The folder below the server's --backup-path")->capture_default_str();
  command->add_option("--keep", flags->keep, "Remove all but so many of the newest first")
      ->needs(folder)
      ->check(CLI::Range(std::uint32_t{1}, UINT32_MAX));
  command->add_flag("--json", flags->json, "Print one JSON object a line");
  command->callback([flags, &session] { session.exit_code = run_backups(*flags); });
}

void add_restore(CLI::App& app, Session& session) {
  auto flags = std::make_shared<RestoreFlags>();
  CLI::App* command = app.add_subcommand("restore", "Make a store of a backup");
  command->footer("Example: thalo restore backups/nightly -o message-store.db");
  command->add_option("backup", flags->backup, "The folder of the backups")->required();
  command->add_option("-o,--output", flags->output, "The store's folder: empty, or not there yet")->required();
  command->add_option("--number", flags->number, "Which backup [default: the newest]")
      ->check(CLI::Range(std::uint32_t{1}, UINT32_MAX));
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->callback([flags, &session] { session.exit_code = run_restore(*flags); });
}

}  // namespace thalo::cli
