// How the CLI shows what a check of a store finds.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cli/progress.h"
#include "cli/terminal.h"
#include "store/verify.h"

namespace thalo::cli {

// Prints violations as they are found, at most `limit` of each invariant (0: all), and shows how far the check is.
class VerifyPrinter final : public store::VerifyObserver {
 public:
  VerifyPrinter(std::uint64_t limit, bool json) : limit_(limit), json_(json) {}

  void on_violation(const store::Violation& violation) override;
  void on_progress(std::string_view what, std::uint64_t done, std::uint64_t total) override;

  // Prints the result; `is_whole`: the store's files were checked too. Returns the exit code.
  int finish(const store::VerifySummary& summary, bool is_whole);

 private:
  static void print_json(const store::VerifySummary& summary, bool is_whole);
  void print_text(const store::VerifySummary& summary, bool is_whole) const;

  const std::uint64_t limit_;
  const bool json_;
  const bool colour_ = colour_wanted();
  std::map<int, std::uint64_t> counts_;
  std::string what_;
  std::uint64_t done_ = 0;
  std::optional<Progress> progress_;
};

}  // namespace thalo::cli
