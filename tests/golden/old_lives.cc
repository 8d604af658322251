// old_lives FOLDER: the first lives of a golden store, before a runtime gets it (README.md).
//
// Its stretches are short, so that a few events have an index on disk, and it is closed and opened again, so that they
// lie in several files.
#include <cstdio>
#include <string>

#include "store/append_and_wait.h"
#include "store/rocksdb_store.h"

namespace {

namespace store = thalo::store;

constexpr int lives = 3;
constexpr int appends_a_life = 12;

// Everything that a record can hold: several events of one command, long and empty texts, metadata, odd letters.
store::Append append_of(int number) {
  store::Append append{.stream = "old-" + std::to_string(number % 4), .time_ms = 1'700'000'000'000 + number};
  if (number % 12 == 5) append.stream = "account:command+position-Zoë ☃";
  if (number % 12 == 7) append.time_ms = -number;
  for (int event = 0; event <= number % 3; ++event) {
    const std::string data = "{\"append\":" + std::to_string(number) + ",\"event\":" + std::to_string(event) + "}";
    append.events.push_back({"Happened", data, event == 1 ? R"({"trace":"täglich"})" : ""});
  }
  if (number == 20) append.events.push_back({"Grew", "\"" + std::string(3'000, 'x') + "\"", ""});
  if (number == 21) append.events.push_back({"Päid", "null", "{}"});
  return append;
}

int fail(const thalo::base::Error& error) {
  std::fprintf(stderr, "old_lives: %s\n", error.message.c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  store::RocksdbOptions options{.path = argv[1]};
  options.stretch_events = 20;
  for (int life = 0; life < lives; ++life) {
    const auto opened = store::open_rocksdb_store(options);
    if (!opened) return fail(opened.error());
    for (int number = life * appends_a_life; number < (life + 1) * appends_a_life; ++number) {
      if (const auto appended = store::append_and_wait(**opened, append_of(number)); !appended)
        return fail(appended.error());
    }
  }
}
