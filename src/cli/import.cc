// thalo import FILE: the events of an export. It can be interrupted and run again.
#include <CLI/CLI.hpp>
#include <functional>
#include <iostream>
#include <memory>
#include <vector>

#include "base/counted.h"
#include "cli/connection.h"
#include "cli/importer.h"
#include "cli/interrupt.h"
#include "cli/line_reader.h"
#include "cli/progress.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

struct ImportFlags {
  ServerFlags server;
  std::string file;
  std::size_t parallel = 1;
  bool json = false;
};

// The streams are divided among several importers; the lines of one stream stay with one.
class Importers {
 public:
  Importers(client::Client& client, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) importers_.push_back(std::make_unique<Importer>(client, failed_));
  }

  bool failed() const { return failed_; }
  void add(ImportLine line) {
    Importer& importer = *importers_[std::hash<std::string>{}(line.stream) % importers_.size()];
    importer.add(std::move(line));
  }

  struct Sum {
    std::uint64_t imported = 0;
    std::uint64_t skipped = 0;
    std::optional<base::Error> error;
  };
  Sum finish() {
    Sum sum;
    for (const auto& importer : importers_) {
      importer->finish();
      sum.imported += importer->imported();
      sum.skipped += importer->skipped();
      if (importer->error() && !sum.error) sum.error = importer->error();
    }
    return sum;
  }

 private:
  std::atomic<bool> failed_ = false;
  std::vector<std::unique_ptr<Importer>> importers_;
};

base::Result<> read_lines(LineReader& reader, Importers& importers, Progress& progress) {
  for (std::uint64_t number = 1; !importers.failed(); ++number) {
    auto text = reader.next();
    if (!text) return std::unexpected(text.error());
    if (!*text) return {};
    progress.advance((*text)->size() + 1);
    if ((*text)->find_first_not_of(" \t") == std::string::npos) continue;
    auto line = parse_import_line(**text);
    if (!line) {
      line.error().message = "line " + std::to_string(number) + ": " + line.error().message;
      return std::unexpected(std::move(line.error()));
    }
    line->number = number;
    importers.add(*std::move(line));
  }
  return {};
}

int run_import(const ImportFlags& flags) {
  catch_interrupts();
  auto client = connect(flags.server);
  if (!client) return report(client.error());
  auto reader = LineReader::open(flags.file);
  if (!reader) return report(reader.error());
  Importers importers(**client, flags.parallel);
  base::Result<> read;
  {
    Progress progress("bytes", reader->size_bytes());
    read = read_lines(*reader, importers, progress);
  }
  const auto sum = importers.finish();
  if (flags.json) {
    std::cout << "{\"imported\":" << sum.imported << ",\"skipped\":" << sum.skipped << "}\n";
  } else {
    std::cerr << "Imported " << base::counted(sum.imported, "event") << "; " << sum.skipped
              << (sum.skipped == 1 ? " was there already\n" : " were there already\n");
  }
  if (sum.error) return report(*sum.error);
  if (!read) return report(read.error());
  if (!interrupted()) return exit_ok;
  std::cerr << "interrupted; run it again to go on\n";
  return exit_failed;
}

}  // namespace

void add_import(CLI::App& app, Session& session) {
  auto flags = std::make_shared<ImportFlags>();
  CLI::App* command = app.add_subcommand("import", "Store the events of an export, each once; may be run again");
  command->footer(
      "Example: thalo import events.jsonl\nStream, type, data, metadata, time and position are kept; ids and global "
      "positions are those of the new store.");
  add_server_flags(*command, flags->server);
  command->add_option("file", flags->file, "JSON Lines as `thalo export` writes them; - for standard input")
      ->required();
  command
      ->add_option("--parallel", flags->parallel,
                   "Store so many streams at a time: much faster, but in the new store's global order only the "
                   "events of one stream are sure to be in the order of the export")
      ->check(CLI::Range(std::size_t{1}, std::size_t{256}))
      ->capture_default_str();
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->callback([flags, &session] { session.exit_code = run_import(*flags); });
}

}  // namespace thalo::cli
