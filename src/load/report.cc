#include "load/report.h"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <vector>

namespace thalo::load {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array percents{50.0, 90.0, 99.0, 99.9, 99.99};
constexpr std::array<std::string_view, outcomes> outcome_names{"accepted", "rejected", "refused",
                                                               "failed",   "unknown",  "wrong"};

std::string duration_text(std::uint64_t nanoseconds) {
  const auto value = static_cast<double>(nanoseconds);
  if (value < 1e6) return fmt::format("{:.0f} µs", value / 1e3);
  if (value < 1e9) return fmt::format("{:.2f} ms", value / 1e6);
  return fmt::format("{:.2f} s", value / 1e9);
}

double per_second(std::uint64_t count, const Run& run) {
  return run.seconds > 0 ? static_cast<double>(count) / run.seconds : 0;
}

std::string load_text(const Settings& settings) {
  std::string out = fmt::format("{} callers", settings.callers);
  if (!settings.in_process) out += fmt::format(", {} connections", settings.connections);
  if (settings.workload == Workload::stream) out += fmt::format(", messages of up to {} commands", settings.batch);
  if (settings.workload == Workload::subscribe) {
    out += fmt::format(", {} subscribers", settings.subscribers);
    if (settings.projections > 0) out += fmt::format(", {} projections", settings.projections);
  }
  if (settings.workload == Workload::append) out += fmt::format(", {} events a call", settings.batch);
  if (writes(settings.workload)) {
    out += fmt::format(", {} entities ({}), payload of {} bytes", settings.entities,
                       distribution_name(settings.distribution),
                       padded(settings.payload, settings.payload_bytes).value_or(settings.payload).size());
  }
  if (settings.workload == Workload::mixed) out += fmt::format(", {} % reads", settings.read_percent);
  out += settings.rate > 0 ? fmt::format(", open loop at {:.0f}/s", settings.rate) : ", closed loop";
  return out;
}

std::string latency_row(std::string_view name, const Histogram& latency, double rate) {
  std::string out = fmt::format("  {:<10} {:>12.0f}/s ", name, rate);
  for (const double percent : percents) out += fmt::format(" {:>10}", duration_text(latency.percentile(percent)));
  return out + fmt::format(" {:>10}\n", duration_text(latency.max()));
}

std::string table(const Run& run, Workload workload) {
  const Recorder& recorder = run.recorder;
  std::string out = fmt::format("  {:<10} {:>14} ", "", "done");
  for (const double percent : percents) out += fmt::format(" {:>10}", fmt::format("p{}", percent));
  out += fmt::format(" {:>10}\n", "max");
  const std::array<std::string_view, kinds> names{"operations",
                                                  workload == Workload::subscribe ? "delivered" : "reads"};
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    const Histogram& latency = recorder.latency(static_cast<Kind>(kind));
    if (latency.count() > 0) out += latency_row(names[kind], latency, per_second(latency.count(), run));
  }
  if (recorder.refusal().count() > 0) {
    out += latency_row("refused", recorder.refusal(), per_second(recorder.refusal().count(), run));
  }
  const Counts& measured = recorder.measured();
  if (measured.events > measured[Outcome::accepted]) {
    out += fmt::format("  {:<10} {:>12.0f}/s\n", "events", per_second(measured.events, run));
  }
  if (measured.events_read > 0) {
    out += fmt::format("  {:<10} {:>12.0f}/s\n", "read", per_second(measured.events_read, run));
  }
  return out;
}

std::string check_text(const Run& run) {
  const Recorder& recorder = run.recorder;
  std::string out = "Answers, all:";
  for (std::size_t index = 0; index < outcomes; ++index) {
    out += fmt::format("{} {} {}", index == 0 ? "" : ",", recorder.total().by_outcome[index], outcome_names[index]);
  }
  out += '\n';
  if (run.never_begun > 0) {
    out += fmt::format("Not begun, because every caller was waiting: {}\n", run.never_begun);
  }
  for (const auto& [text, times] : recorder.errors()) out += fmt::format("  {} x {}\n", times, text);
  if (run.events_before && run.events_after) {
    out += fmt::format("Store: {} events before, {} after; {} acknowledged\n", *run.events_before, *run.events_after,
                       recorder.total().events);
  }
  const std::string fault = run.fault();
  out += fault.empty() ? "Checked: every answer is right.\n" : "FAULT: " + fault + '\n';
  return out;
}

Json latency_json(const Histogram& latency) {
  Json out;
  out["count"] = latency.count();
  out["mean"] = latency.mean() / 1e3;
  for (const double percent : percents) {
    out[fmt::format("p{}", percent)] = static_cast<double>(latency.percentile(percent)) / 1e3;
  }
  out["max"] = static_cast<double>(latency.max()) / 1e3;
  return out;
}

Json machine_json(const Machine& machine) {
  return {{"processor", machine.processor},       {"cores", machine.cores},
          {"memory_gb", machine.memory_gb},       {"kernel", machine.kernel},
          {"load_average", machine.load_average}, {"measured_at", machine.measured_at}};
}

Json counts_json(const Counts& counts) {
  Json out;
  for (std::size_t index = 0; index < outcomes; ++index)
    out[std::string(outcome_names[index])] = counts.by_outcome[index];
  out["events"] = counts.events;
  out["events_read"] = counts.events_read;
  return out;
}

Json settings_json(const Settings& settings) {
  const auto seconds = [](std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); };
  return {{"workload", workload_name(settings.workload)},
          {"in_process", settings.in_process},
          {"callers", settings.callers},
          {"connections", settings.connections},
          {"threads", settings.threads},
          {"duration_s", seconds(settings.duration)},
          {"warm_up_s", seconds(settings.warm_up)},
          {"operations", settings.operations},
          {"rate", settings.rate},
          {"seed", settings.seed},
          {"aggregate", settings.category},
          {"command", settings.command},
          {"payload_bytes", settings.payload_bytes},
          {"entities", settings.entities},
          {"distribution", distribution_name(settings.distribution)},
          {"batch", settings.batch},
          {"subscribers", settings.subscribers},
          {"projections", settings.projections},
          {"read_percent", settings.read_percent}};
}

Json intervals_json(const Recorder& recorder) {
  Json out = Json::array();
  for (const Interval& interval : recorder.intervals()) {
    out.push_back({{"operations", interval.operations},
                   {"events_read", interval.events_read},
                   {"p50_us", static_cast<double>(interval.latency.percentile(50)) / 1e3},
                   {"p99_us", static_cast<double>(interval.latency.percentile(99)) / 1e3},
                   {"max_us", static_cast<double>(interval.latency.max()) / 1e3}});
  }
  return out;
}

}  // namespace

std::string workload_name(Workload workload) {
  switch (workload) {
    case Workload::write:
      return "write";
    case Workload::stream:
      return "stream";
    case Workload::append:
      return "append";
    case Workload::subscribe:
      return "subscribe";
    case Workload::catchup:
      return "catchup";
    case Workload::project:
      return "project";
    case Workload::read:
      return "read";
    case Workload::mixed:
      return "mixed";
    case Workload::empty:
      return "empty";
  }
  return {};
}

std::string distribution_name(Distribution distribution) {
  switch (distribution) {
    case Distribution::uniform:
      return "uniform";
    case Distribution::zipf:
      return "zipf";
    case Distribution::hot:
      return "hot";
    case Distribution::each:
      return "each";
  }
  return {};
}

std::string machine_text(const Machine& machine) {
  return fmt::format("{}, {} cores, {:.0f} GB, {}; load {:.1f}; {} UTC", machine.processor, machine.cores,
                     machine.memory_gb, machine.kernel, machine.load_average, machine.measured_at);
}

std::string to_text(const Report& report) {
  const Settings& settings = *report.settings;
  const Run& run = *report.run;
  std::string out =
      fmt::format("thalo {} bench {}: {}\n", report.version, workload_name(settings.workload), load_text(settings));
  out += fmt::format("Command: {}\nMachine: {}\n", report.command_line, machine_text(report.machine));
  if (settings.workload != Workload::empty) {
    out += fmt::format("Store: {}; every acknowledged command is synced (fdatasync)\n",
                       report.file_system.empty() ? "file system not known (--store-path tells)" : report.file_system);
  }
  out += fmt::format(
      "Measured: {:.1f} s after {:.1f} s of warm-up; {:.2f} µs CPU of this process an operation\n\n", run.seconds,
      std::chrono::duration<double>(settings.warm_up).count(),
      run.cpu_seconds * 1e6 / static_cast<double>(std::max<std::uint64_t>(1, run.recorder.total().operations())));
  return out + table(run, settings.workload) + '\n' + check_text(run);
}

std::string to_json(const Report& report) {
  const Run& run = *report.run;
  const Recorder& recorder = run.recorder;
  Json out;
  out["settings"] = settings_json(*report.settings);
  out["command_line"] = report.command_line;
  out["version"] = report.version;
  out["machine"] = {{"processor", report.machine.processor},       {"cores", report.machine.cores},
                    {"memory_gb", report.machine.memory_gb},       {"kernel", report.machine.kernel},
                    {"load_average", report.machine.load_average}, {"measured_at", report.machine.measured_at}};
  out["file_system"] = report.file_system;
  out["sync"] = "every acknowledged command";
  out["seconds"] = run.seconds;
  out["cpu_seconds"] = run.cpu_seconds;
  const Counts& measured = recorder.measured();
  out["per_second"] = {{"done", per_second(measured[Outcome::accepted] + measured[Outcome::rejected], run)},
                       {"refused", per_second(measured[Outcome::refused], run)},
                       {"events", per_second(measured.events, run)},
                       {"events_read", per_second(measured.events_read, run)}};
  out["latency_us"] = {{"write", latency_json(recorder.latency(Kind::write))},
                       {"read", latency_json(recorder.latency(Kind::read))},
                       {"refused", latency_json(recorder.refusal())}};
  out["measured"] = counts_json(measured);
  out["total"] = counts_json(recorder.total());
  out["never_begun"] = run.never_begun;
  if (run.events_before && run.events_after) {
    out["store"] = {{"events_before", *run.events_before}, {"events_after", *run.events_after}};
  }
  out["fault"] = run.fault();
  out["errors"] = Json::object();
  for (const auto& [text, times] : recorder.errors()) out["errors"][text] = times;
  out["interval_s"] = std::chrono::duration<double>(recorder.window().interval).count();
  out["intervals"] = intervals_json(recorder);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_text(const SyncReport& report) {
  std::string out = fmt::format("4 KiB and fdatasync on {}\nCommand: {}\nMachine: {}\n\n", report.file_system,
                                report.command_line, machine_text(report.machine));
  for (const double percent : percents) {
    out += fmt::format("  p{:<6} {:>10}\n", percent, duration_text(report.latency.percentile(percent)));
  }
  return out + fmt::format("  max     {:>10}\n", duration_text(report.latency.max()));
}

std::string to_json(const SyncReport& report) {
  Json out;
  out["command_line"] = report.command_line;
  out["machine"] = machine_json(report.machine);
  out["file_system"] = report.file_system;
  out["latency_us"] = latency_json(report.latency);
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string to_text(const ColdStartReport& report) {
  const ColdStart& result = report.result;
  std::string out = fmt::format(
      "The first command of entities with {} events, which are not in memory\nCommand: {}\n"
      "Machine: {}\n\n",
      result.events, report.command_line, machine_text(report.machine));
  for (std::size_t index = 0; index < result.replay_seconds.size(); ++index) {
    out += fmt::format("  replayed in {:>8.1f} ms, {:>10.0f} events/s; the next command {:>8.2f} ms\n",
                       result.replay_seconds[index] * 1e3,
                       static_cast<double>(result.events) / result.replay_seconds[index],
                       result.warm_seconds[index] * 1e3);
  }
  return out + fmt::format("  median {:.0f} events/s\n\nChecked: every entity has all its events.\n",
                           result.events_per_second());
}

std::string to_json(const ColdStartReport& report) {
  Json out;
  out["command_line"] = report.command_line;
  out["machine"] = machine_json(report.machine);
  out["file_system"] = report.file_system;
  out["events"] = report.result.events;
  out["replay_seconds"] = report.result.replay_seconds;
  out["warm_seconds"] = report.result.warm_seconds;
  out["events_per_second"] = report.result.events_per_second();
  return out.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace thalo::load
