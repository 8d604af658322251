// thalo bench WORKLOAD: puts load on a runtime and says what it can take.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <random>
#include <system_error>

#include "base/log.h"
#include "base/version.h"
#include "cli/connection.h"
#include "cli/interrupt.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"
#include "env/files.h"
#include "load/report.h"

namespace thalo::cli {
namespace {

using base::Code;

struct BenchFlags {
  ServerFlags server;
  std::string workload;
  load::Settings settings;
  double duration_s = 10;
  double warm_up_s = 2;
  std::string plot;
  bool json = false;
};

std::string command_line() {
  auto text = env::read_file("/proc/self/cmdline");
  if (!text) return "thalo bench";
  std::string out = "thalo";
  // The first word is the program's path.
  for (std::size_t start = text->find('\0'); start != std::string::npos && start + 1 < text->size();) {
    const std::size_t end = text->find('\0', start + 1);
    const std::string word = text->substr(start + 1, end - start - 1);
    const bool plain = !word.empty() && word.find_first_not_of(
                                            "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                            "0123456789-_./:=,+@") == std::string::npos;
    out += plain ? " " + word : " '" + word + "'";
    start = end;
  }
  return out;
}

// A line on the terminal that tells how the run goes.
bool show_progress(const load::Progress& progress) {
  static std::uint64_t last_done = 0;
  static double last_seconds = 0;
  if (::isatty(STDERR_FILENO) != 0) {
    const double rate =
        static_cast<double>(progress.done - last_done) / std::max(1e-3, progress.seconds - last_seconds);
    std::fprintf(stderr, "\r%5.1f of %.1f s%s  %llu done, %.0f/s \033[K", progress.seconds, progress.seconds_total,
                 progress.warming_up ? " (warming up)" : "", static_cast<unsigned long long>(progress.done), rate);
    std::fflush(stderr);
    last_done = progress.done;
    last_seconds = progress.seconds;
  }
  return !interrupted();
}

void end_progress() {
  if (::isatty(STDERR_FILENO) != 0) std::fputs("\r\033[K", stderr);
}

// What each workload heeds, and the values.
base::Result<> check(const BenchFlags& flags) {
  const auto wrong = [](const std::string& message) { return base::fail(Code::invalid_argument, message); };
  const load::Settings& settings = flags.settings;
  if (settings.in_process && flags.workload != "write") return wrong("--in-process is for the workload write");
  if (settings.in_process && (settings.store_path.empty() || settings.modules_path.empty()))
    return wrong("--in-process needs --store-path and --modules-path");
  if (flags.workload == "fsync" && settings.store_path.empty())
    return wrong("fsync needs --store-path, a folder to write in");
  if (!flags.plot.empty() && (flags.workload == "fsync" || flags.workload == "coldstart"))
    return wrong("--plot has no picture of the workload " + flags.workload);
  return load::check(settings);
}

// The floor of a lone durable command: fdatasync of 4 KiB beside the store.
int run_fsync(const BenchFlags& flags) {
  const auto& folder = flags.settings.store_path;
  auto times = load::measure_sync(folder, flags.duration_s);
  if (!times) return report(times.error());
  load::Histogram latency;
  for (const std::uint64_t nanoseconds : *times) latency.record(nanoseconds);
  const load::SyncReport result{load::this_machine(), command_line(), load::file_system_of(folder), latency};
  std::cout << (flags.json ? load::to_json(result) + '\n' : load::to_text(result));
  return exit_ok;
}

int run_cold_start(const BenchFlags& flags) {
  load::ColdStartReport result{load::this_machine(), command_line(), {}, {}};
  if (!flags.settings.store_path.empty()) result.file_system = load::file_system_of(flags.settings.store_path);
  auto measured = load::measure_cold_start(flags.settings);
  if (!measured) return report(measured.error());
  result.result = *std::move(measured);
  std::cout << (flags.json ? load::to_json(result) + '\n' : load::to_text(result));
  return exit_ok;
}

// A command that would be executed shows that the aggregate is served and takes it; nothing is stored.
base::Result<> try_command(const BenchFlags& flags) {
  const load::Settings& settings = flags.settings;
  client::Command command;
  command.category = settings.category;
  command.id = settings.entity_prefix + "0";
  command.name = settings.command;
  command.payload = load::padded(settings.payload, settings.payload_bytes).value();  // which has been checked
  auto client = connect(flags.server);
  if (!client) return std::unexpected(client.error());
  const auto tried = (*client)->dry_run(command);
  if (tried) return {};
  base::Error error = tried.error();
  error.message = "a trial of the command " + command.category + " " + command.name + " " + command.payload +
                  " failed: " + error.message;
  return std::unexpected(error);
}

base::Error cannot_write(const std::string& path) {
  return {Code::unavailable, "cannot write " + path + ": " + std::generic_category().message(errno), true};
}

int run_load(const BenchFlags& flags) {
  const load::Settings& settings = flags.settings;
  if (settings.in_process) base::log::set_level(base::log::Level::warn);
  if (!settings.in_process && load::writes(settings.workload) && settings.workload != load::Workload::append) {
    if (auto tried = try_command(flags); !tried) return report(tried.error());
  }
  std::ofstream plot;
  if (!flags.plot.empty()) {
    plot.open(flags.plot, std::ios::app);  // what is there stays until there is something better
    if (!plot) return report(cannot_write(flags.plot));
  }
  catch_interrupts();
  load::Report result;
  result.machine = load::this_machine();
  result.command_line = command_line();
  result.version = base::version;
  if (!settings.store_path.empty()) result.file_system = load::file_system_of(settings.store_path);
  auto run = load::run(settings, show_progress);
  end_progress();
  if (!run) return report(run.error());
  result.settings = &settings;
  result.run = run->get();
  std::cout << (flags.json ? load::to_json(result) + '\n' : load::to_text(result)) << std::flush;
  if (plot.is_open()) {
    std::error_code no_file;  // but a device or a pipe, which is never cut
    std::filesystem::resize_file(flags.plot, 0, no_file);
    if (!(plot << load::to_svg(result) << std::flush)) return report(cannot_write(flags.plot));
  }
  if (const std::string fault = (*run)->fault(); !fault.empty()) {
    std::cerr << "error: the figures cannot be trusted: " << fault << '\n';
    return exit_failed;
  }
  return exit_ok;
}

void add_load_flags(CLI::App& command, BenchFlags& flags) {
  load::Settings& settings = flags.settings;
  command.add_option("--callers", settings.callers, "Operations under way at once")->capture_default_str();
  command.add_option("--connections", settings.connections,
                     "Connections the callers share [default: 8, or as many as callers]");
  command.add_option("--threads", settings.threads, "Threads of the load generator")->capture_default_str();
  command.add_option("--duration", flags.duration_s, "Seconds to measure")->capture_default_str();
  command.add_option("--warm-up", flags.warm_up_s, "Seconds before measuring")->capture_default_str();
  command.add_option("--operations", settings.operations, "End after so many operations; 0: after the duration")
      ->capture_default_str();
  command.add_option("--rate", settings.rate, "Open loop: operations begun a second, answered or not; 0: closed loop")
      ->capture_default_str();
  // Of its own for each run: the same entities again and again would each have more events to be rebuilt from.
  settings.seed = std::random_device{}();
  command.add_option(
      "--seed", settings.seed,
      "Of the choice of entities, to repeat that of a run whose --json says it [default: another each time]");
}

void add_command_flags(CLI::App& command, BenchFlags& flags) {
  load::Settings& settings = flags.settings;
  static const std::map<std::string, load::Distribution> distributions{{"uniform", load::Distribution::uniform},
                                                                       {"zipf", load::Distribution::zipf},
                                                                       {"hot", load::Distribution::hot},
                                                                       {"each", load::Distribution::each}};
  command.add_option("--aggregate", settings.category, "The aggregate commands are for")->capture_default_str();
  command.add_option("--command", settings.command, "The command's name")->capture_default_str();
  command.add_option("--payload", settings.payload, "The command's payload, a JSON object")->capture_default_str();
  command.add_option("--payload-size", settings.payload_bytes, "Bytes the payload is filled up to; 0: as it is")
      ->capture_default_str();
  command.add_option("--entities", settings.entities, "How many entities")->capture_default_str();
  command.add_option("--entity-prefix", settings.entity_prefix, "Ids are this and a number")->capture_default_str();
  command
      .add_option("--distribution", settings.distribution,
                  "uniform, zipf (a few get most), hot (one gets all), or each (in turn)")
      ->transform(CLI::CheckedTransformer(distributions).description(""))
      ->option_text("NAME [uniform]");
  command.add_option("--batch", settings.batch, "stream: commands in a message at most; append: events in a call")
      ->capture_default_str();
  command.add_option("--event-type", settings.event_type, "append, coldstart: the type of the events")
      ->capture_default_str();
  command.add_option("--events", settings.events, "coldstart: events of each stream")->capture_default_str();
  command.add_option("--streams", settings.streams, "coldstart: how many streams")->capture_default_str();
  command.add_option("--subscribers", settings.subscribers, "subscribe: subscribers beside the callers")
      ->capture_default_str();
  command
      .add_option("--projections", settings.projections,
                  "subscribe: projections beside the callers, each acknowledging every batch")
      ->capture_default_str();
  command.add_option("--read-percent", settings.read_percent, "mixed: how many operations are reads")
      ->capture_default_str();
}

}  // namespace

void add_bench(CLI::App& app, Session& session) {
  static const std::map<std::string, load::Workload> workloads{
      {"write", load::Workload::write},         {"stream", load::Workload::stream},
      {"append", load::Workload::append},       {"read", load::Workload::read},
      {"subscribe", load::Workload::subscribe}, {"catchup", load::Workload::catchup},
      {"project", load::Workload::project},     {"mixed", load::Workload::mixed},
      {"empty", load::Workload::empty}};
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* command = app.add_subcommand("bench", "Put load on a runtime and measure what comes back");
  command->footer(
      "Workloads: write (Execute), stream (ExecuteStream), append (Events.Append), read (ReadAll), subscribe (Execute, "
      "and subscribers beside it), catchup (Subscribe from the beginning), project (a new projection from the "
      "beginning), mixed (Execute and "
      "ReadStream), empty (a "
      "method that does nothing: the ceiling), fsync (what "
      "the disk alone takes), coldstart (the first command of an entity with many events).\nExample: thalo bench write "
      "--callers 256 --duration 10\n"
      "It writes events that stay: use a server made for it.\n"
      "Exit codes: 0 measured, 1 failed or wrong answers, 2 wrong usage.");
  add_server_flags(*command, flags->server);
  command
      ->add_option(
          "workload", flags->workload,
          "What to do: write, stream, append, read, subscribe, catchup, project, mixed, coldstart, empty, fsync")
      ->required()
      ->check(CLI::IsMember({"write", "stream", "append", "read", "subscribe", "catchup", "project", "mixed",
                             "coldstart", "empty", "fsync"})
                  .description(""))
      ->option_text("WORKLOAD");
  add_load_flags(*command, *flags);
  add_command_flags(*command, *flags);
  command->add_option("--empty-method", flags->settings.empty_method, "empty: the method called")
      ->capture_default_str();
  command->add_flag("--in-process", flags->settings.in_process,
                    "No server: run the store and the modules in this process");
  command->add_option("--store-path", flags->settings.store_path,
                      "in process: the store's folder; else only to say which file system it is on");
  command->add_option("--modules-path", flags->settings.modules_path, "in process: the folder of modules");
  command->add_option("--shards", flags->settings.shards, "in process: shards; 0: one per core")->capture_default_str();
  command->add_flag("--json", flags->json, "Print one JSON object");
  command->add_option("--plot", flags->plot, "Write a picture of the run to this SVG file");
  command->callback([command, flags, &session] {
    load::Settings& settings = flags->settings;
    if (command->count("--connections") == 0)
      settings.connections = std::min(settings.connections, std::max<std::size_t>(1, settings.callers));
    if (const auto known = workloads.find(flags->workload); known != workloads.end()) settings.workload = known->second;
    settings.duration = std::chrono::nanoseconds(static_cast<std::int64_t>(flags->duration_s * 1e9));
    settings.warm_up = std::chrono::nanoseconds(static_cast<std::int64_t>(flags->warm_up_s * 1e9));
    settings.timeout = std::chrono::milliseconds(std::min<std::uint64_t>(flags->server.timeout_ms, 86'400'000));
    settings.address = client::address_of(flags->server.url).value();  // which the flag has checked
    if (auto checked = check(*flags); !checked) throw CLI::ValidationError(checked.error().message);
    if (flags->workload == "fsync") {
      session.exit_code = run_fsync(*flags);
    } else if (flags->workload == "coldstart") {
      session.exit_code = run_cold_start(*flags);
    } else {
      session.exit_code = run_load(*flags);
    }
  });
}

}  // namespace thalo::cli
