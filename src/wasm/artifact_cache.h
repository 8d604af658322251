// Compiled components on disk, so that a module is compiled once per machine and engine version.
//
// Loading compiled code is running it: an entry is believed only when its header names this component and this engine
// and its content has the hash in the header, and the folder belongs to us and nobody else may write to it (it is made
// with mode 0700). That guards against damage and mix-ups; whoever may write to the folder may run code in this
// process. Any thread, any number of processes.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace thalo::wasm {

class ArtifactCache {
 public:
  // How many entries are kept; the oldest go.
  static constexpr std::size_t entries_max = 256;

  // An empty folder name: nothing is kept. A folder that cannot be used is a warning in the log, and nothing is kept.
  // `fingerprint` names the engine and everything that decides whether its compiled code fits.
  ArtifactCache(const std::filesystem::path& folder, std::string_view fingerprint);

  // The compiled code of the component with this digest; no value when there is none that can be trusted.
  std::optional<std::string> find(const std::string& digest) const;

  // Keeps the compiled code. A failure is a warning in the log.
  void keep(const std::string& digest, std::string_view artifact) const;

  // Forgets an entry that turned out to be useless.
  void forget(const std::string& digest) const;

 private:
  std::filesystem::path entry_path(const std::string& digest) const;
  std::string header(const std::string& digest, std::string_view artifact) const;
  void remove_oldest() const;

  std::filesystem::path folder_;  // empty: nothing is kept
  std::string fingerprint_;       // its hash: one line, of one length
};

}  // namespace thalo::wasm
