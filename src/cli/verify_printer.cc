#include "cli/verify_printer.h"

#include <iostream>

#include "base/counted.h"
#include "base/json.h"

namespace thalo::cli {
namespace {

std::string to_json(const store::Violation& violation) {
  std::string out = "{\"invariant\":\"I" + std::to_string(violation.invariant) + "\"";
  out += ",\"what\":" + base::json_quote(violation.what);
  if (violation.global_position) out += ",\"global_position\":" + std::to_string(*violation.global_position);
  if (!violation.stream.empty()) out += ",\"stream\":" + base::json_quote(violation.stream);
  if (!violation.file.empty()) out += ",\"file\":" + base::json_quote(violation.file);
  return out + "}";
}

std::string to_text(const store::Violation& violation, bool colour) {
  std::string out = coloured("I" + std::to_string(violation.invariant), "1;31", colour) + "  ";
  if (violation.global_position) out += "global position " + std::to_string(*violation.global_position) + "  ";
  if (!violation.stream.empty()) out += violation.stream + "  ";
  if (!violation.file.empty()) out += violation.file + "  ";
  return out + violation.what;
}

}  // namespace

void VerifyPrinter::on_violation(const store::Violation& violation) {
  std::uint64_t& count = counts_[violation.invariant];
  if (++count > limit_ && limit_ != 0) return;
  progress_.reset();
  std::cout << (json_ ? to_json(violation) : to_text(violation, colour_)) << '\n';
}

void VerifyPrinter::on_progress(std::string_view what, std::uint64_t done, std::uint64_t total) {
  if (!progress_ || what != what_) {
    progress_.reset();
    what_ = what;
    done_ = 0;
    progress_.emplace(what_, total);
  }
  if (done > done_) progress_->advance(done - done_);
  done_ = done;
}

int VerifyPrinter::finish(const store::VerifySummary& summary, bool is_whole) {
  progress_.reset();
  json_ ? print_json(summary, is_whole) : print_text(summary, is_whole);
  return summary.violations == 0 ? exit_ok : exit_failed;
}

void VerifyPrinter::print_json(const store::VerifySummary& summary, bool is_whole) {
  std::cout << "{\"sound\":" << (summary.violations == 0 ? "true" : "false") << ",\"violations\":" << summary.violations
            << ",\"events\":" << summary.events << ",\"streams\":" << summary.streams;
  if (is_whole) {
    std::cout << ",\"chunks\":" << summary.chunks << ",\"indexed\":" << summary.indexed
              << ",\"cursors\":" << summary.cursors << ",\"snapshots\":" << summary.snapshots
              << ",\"files\":" << summary.files
              << ",\"unfinished_write\":" << (summary.has_unfinished_write ? "true" : "false");
  }
  std::cout << "}\n";
}

void VerifyPrinter::print_text(const store::VerifySummary& summary, bool is_whole) const {
  for (const auto& [invariant, count] : counts_) {
    if (limit_ != 0 && count > limit_)
      std::cout << "I" << invariant << "  and " << count - limit_ << " more (--limit 0 shows all)\n";
  }
  if (summary.has_unfinished_write)
    std::cout << "The log ends in an unfinished write that nobody was told of; the next start drops it.\n";
  std::cout << (summary.violations == 0 ? std::string("Sound: ")
                                        : "Damaged: " + base::counted(summary.violations, "violation") + " in ")
            << base::counted(summary.events, "event") << " of " << base::counted(summary.streams, "stream");
  if (is_whole) {
    std::cout << ", " << base::counted(summary.chunks, "chunk") << " of the index, "
              << base::counted(summary.cursors, "cursor") << ", " << base::counted(summary.snapshots, "snapshot")
              << ", " << base::counted(summary.files, "file");
  }
  std::cout << ".\n";
}

}  // namespace thalo::cli
