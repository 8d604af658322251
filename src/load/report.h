// What a run measured, for people, for machines, and as a picture.
#pragma once

#include <string>

#include "load/cold_start.h"
#include "load/machine.h"
#include "load/run.h"
#include "load/settings.h"

namespace thalo::load {

struct Report {
  Machine machine;
  std::string command_line;
  std::string version;      // of thalo
  std::string file_system;  // of the store, where it is known
  const Settings* settings = nullptr;
  const Run* run = nullptr;
};

struct SyncReport {
  Machine machine;
  std::string command_line;
  std::string file_system;
  Histogram latency;  // ns
};
std::string to_text(const SyncReport& report);
std::string to_json(const SyncReport& report);

struct ColdStartReport {
  Machine machine;
  std::string command_line;
  std::string file_system;
  ColdStart result;
};
std::string to_text(const ColdStartReport& report);
std::string to_json(const ColdStartReport& report);

std::string workload_name(Workload workload);
std::string distribution_name(Distribution distribution);

std::string machine_text(const Machine& machine);

// A few lines and a table.
std::string to_text(const Report& report);
// One JSON object, on one line: docs/benchmarks.md describes it.
std::string to_json(const Report& report);
// An SVG document: throughput over time, latency over time, and latency by percentile.
std::string to_svg(const Report& report);

}  // namespace thalo::load
