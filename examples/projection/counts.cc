// A projection: keeps the count of every counter in an SQLite table, exactly once per event.
//
// The table and the projection's place change in one transaction. So the counts are right whatever dies in between,
// this program or the server, and `thalo projections counts reset --to 0` makes them anew.
#include <sqlite3.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <thread>

#include "client/projection.h"

namespace {

using thalo::base::Code;
using thalo::base::Result;
using thalo::client::Event;
using thalo::client::Place;

constexpr const char* schema = R"(
  CREATE TABLE IF NOT EXISTS counts (counter TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS place (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), resets INTEGER, next INTEGER);
)";

class Database {
 public:
  static Result<Database> open(const std::string& file) {
    sqlite3* handle = nullptr;
    const int code = sqlite3_open(file.c_str(), &handle);
    Database database(handle);
    if (code != SQLITE_OK) return database.failed("cannot open " + file);
    sqlite3_busy_timeout(handle, 5000);
    for (const char* sql : {"PRAGMA journal_mode = WAL", schema}) {
      if (auto done = database.run(sql); !done) return std::unexpected(done.error());
    }
    return database;
  }

  // Runs statements that take and return nothing.
  Result<> run(const char* sql) {
    if (sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) return failed(sql);
    return {};
  }

  // Runs one statement with its values; true when it gave a row, of which `numbers` has the columns.
  template <class... Values>
  Result<bool> query(const char* sql, std::vector<std::int64_t>* numbers, const Values&... values) {
    sqlite3_stmt* prepared = nullptr;
    if (sqlite3_prepare_v2(handle_.get(), sql, -1, &prepared, nullptr) != SQLITE_OK) return failed(sql);
    const std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement(prepared, sqlite3_finalize);
    int index = 0;
    (bind(prepared, ++index, values), ...);
    const int code = sqlite3_step(prepared);
    if (code != SQLITE_ROW && code != SQLITE_DONE) return failed(sql);
    for (int column = 0; code == SQLITE_ROW && column < sqlite3_column_count(prepared); ++column)
      numbers->push_back(sqlite3_column_int64(prepared, column));
    return code == SQLITE_ROW;
  }

 private:
  explicit Database(sqlite3* handle) : handle_(handle, sqlite3_close) {}

  static void bind(sqlite3_stmt* statement, int index, std::int64_t value) {
    sqlite3_bind_int64(statement, index, value);
  }
  static void bind(sqlite3_stmt* statement, int index, const std::string& value) {
    sqlite3_bind_text(statement, index, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
  }

  // UNAVAILABLE is tried again: a disk may get free, another process may let go of the file.
  std::unexpected<thalo::base::Error> failed(const std::string& what) const {
    return thalo::base::fail(Code::unavailable, "SQLite: " + what + ": " + sqlite3_errmsg(handle_.get()));
  }

  std::unique_ptr<sqlite3, int (*)(sqlite3*)> handle_;
};

class Counts final : public thalo::client::TransactionalHandler {
 public:
  explicit Counts(Database& database) : database_(database) {}

  Result<std::optional<Place>> load() override {
    std::vector<std::int64_t> columns;
    const auto found = database_.query("SELECT resets, next FROM place", &columns);
    if (!found) return std::unexpected(found.error());
    if (!*found) return std::nullopt;
    return Place{static_cast<std::uint64_t>(columns[0]), static_cast<std::uint64_t>(columns[1])};
  }

  Result<> begin_anew(const Place& place) override {
    std::cerr << "building the counts from global position " << place.next << '\n';
    return in_transaction([&]() -> Result<> {
      if (auto done = database_.run("DELETE FROM counts"); !done) return done;
      return save(place);
    });
  }

  Result<> store(std::span<const Event> events, const Place& place) override {
    return in_transaction([&]() -> Result<> {
      for (const Event& event : events) {
        if (auto done = count(event); !done) return done;
      }
      return save(place);
    });
  }

  void on_disconnected(const thalo::base::Error& reason) override {
    std::cerr << "waiting for the server: " << reason.message << '\n';
  }

 private:
  Result<> count(const Event& event) {
    const auto data = nlohmann::json::parse(event.data);
    if (event.type == "WasReset") return set(event.stream, "?2", 0);
    const auto amount = data.at("amount").get<std::int64_t>();
    return set(event.stream, "count + ?2", event.type == "Decremented" ? -amount : amount);
  }

  Result<> set(const std::string& stream, const std::string& count, std::int64_t value) {
    const std::string sql = "INSERT INTO counts VALUES (?1, ?2) ON CONFLICT (counter) DO UPDATE SET count = " + count;
    if (auto done = database_.query(sql.c_str(), nullptr, stream, value); !done) return std::unexpected(done.error());
    return {};
  }

  Result<> save(const Place& place) {
    const auto done = database_.query("INSERT OR REPLACE INTO place VALUES (1, ?1, ?2)", nullptr,
                                      static_cast<std::int64_t>(place.resets), static_cast<std::int64_t>(place.next));
    if (!done) return std::unexpected(done.error());
    return {};
  }

  template <class Work>
  Result<> in_transaction(Work work) {
    if (auto begun = database_.run("BEGIN IMMEDIATE"); !begun) return begun;
    auto done = work();
    if (done) done = database_.run("COMMIT");
    if (!done) database_.run("ROLLBACK");
    return done;
  }

  Database& database_;
};

std::stop_source& stop_source() {
  static std::stop_source source;
  return source;
}

// Ends the run at SIGINT and SIGTERM. Call before any thread is started.
void stop_at_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread([signals] {
    int signal = 0;
    sigwait(&signals, &signal);
    stop_source().request_stop();
  }).detach();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 3 || (argc > 1 && argv[1][0] == '-')) {
    std::cerr << "usage: counts [DATABASE] [URL]\nKeeps the count of every counter in the table `counts` of an SQLite "
                 "database [counts.db], of the server at URL (or THALO_URL).\n";
    return 2;
  }
  stop_at_signals();
  auto database = Database::open(argc > 1 ? argv[1] : "counts.db");
  if (!database) {
    std::cerr << "error: " << database.error().message << '\n';
    return 1;
  }
  thalo::client::ProjectionOptions options;
  options.name = "counts";
  options.filter.categories = {"counter"};
  options.filter.types = {"Incremented", "Decremented", "WasReset"};
  if (const char* const url = std::getenv("THALO_URL"); url != nullptr) options.url = url;
  if (argc > 2) options.url = argv[2];
  Counts counts(*database);
  const auto ended = thalo::client::run_projection(options, counts, stop_source().get_token());
  if (ended) return 0;
  std::cerr << "error: " << ended.error().message << '\n';
  return 1;
}
