// Stores the events of an export, each with its position as the expected version: what is there already is compared and
// skipped, and an event is never there twice.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cli/import_line.h"
#include "client/client.h"

namespace thalo::cli {

// Stores lines in the order in which it gets them, on a thread of its own.
class Importer {
 public:
  // `client` and `failed` must outlive it. `failed` is set by whichever importer fails first, and stops them all.
  Importer(client::Client& client, std::atomic<bool>& failed);
  ~Importer();
  Importer(const Importer&) = delete;
  Importer& operator=(const Importer&) = delete;

  // Waits while much is waiting already.
  void add(ImportLine line);
  // Waits until everything is stored, or one of them has failed. Then the rest may be asked.
  void finish();

  std::uint64_t imported() const { return imported_; }
  std::uint64_t skipped() const { return skipped_; }
  // The line's number is in its text.
  const std::optional<base::Error>& error() const { return error_; }

 private:
  // Consecutive events of one stream that become one append.
  struct Group {
    std::string stream;
    model::Position first = 0;
    std::optional<std::int64_t> time_ms;
    std::uint64_t first_line = 0;
    std::size_t size_bytes = 0;
    std::vector<model::NewEvent> events;

    bool takes(const ImportLine& line) const;
    void add(ImportLine line);
  };

  void run();
  bool take_waiting(std::vector<ImportLine>& lines);
  base::Result<> store_group();
  base::Result<client::Appended> append(std::size_t from);
  base::Result<std::size_t> compare();
  std::unexpected<base::Error> at_line(base::Error error) const;

  client::Client& client_;
  std::atomic<bool>& failed_;
  // The thread's own until it has ended.
  Group group_;
  std::uint64_t imported_ = 0;
  std::uint64_t skipped_ = 0;
  std::optional<base::Error> error_;

  std::mutex mutex_;  // guards the next four
  std::condition_variable changed_;
  std::vector<ImportLine> waiting_;
  std::size_t waiting_bytes_ = 0;
  bool closed_ = false;
  std::thread thread_;
};

}  // namespace thalo::cli
