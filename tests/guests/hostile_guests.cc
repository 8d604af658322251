// hostile_guests FOLDER: writes components that mean harm into FOLDER, for the end-to-end tests. Each is the counter of
// scenarios.wat with one thing changed. What C++ can do is in hostile/hostile.cc; here is what needs the bare
// interface.
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "guests/guests.h"

namespace {

using Parts = std::vector<std::pair<std::string, std::string>>;

struct Guest {
  std::string name;
  Parts parts;
};

const std::string endless = "(loop $for-ever (br $for-ever))";

// A global of the instance that counts calls into $calls.
const std::string counting = "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))";
const std::pair<std::string, std::string> calls{"core-imports", "(global $calls (mut i32) (i32.const 0))"};

std::vector<Guest> guests() {
  return {
      // Misbehaves only on command: traps, loops, broken shapes, too much of everything.
      {"rough", {}},
      // What `rough` is published as to heal an entity whose event traps: the event is passed over.
      {"rough_corrected", {{"trap-event", "(local.set $at (i32.add (local.get $at) (i32.const 16))) (br $next)"}}},
      {"loop_constructor", {{"constructor", endless}}},
      {"trap_constructor", {{"constructor", "unreachable"}}},
      {"loop_apply", {{"apply", endless}}},
      {"loop_snapshot", {{"snapshot", endless}}},
      {"trap_restore", {{"restore", "unreachable"}}},
      {"loop_destructor", {{"destructor", endless}}},
      // Every third command of an instance traps, whoever sends it.
      {"trap_third",
       {calls,
        {"handle", counting + " (if (i32.eqz (i32.rem_u (global.get $calls) (i32.const 3))) (then unreachable))"}}},
      // Answers with what its instance happens to remember instead of what the entity's events say.
      {"fickle",
       {calls,
        {"handle", counting +
                       " (if (i32.rem_u (global.get $calls) (i32.const 2)) (then "
                       "(return (call $one (i32.const 0x400) (i32.const 11) (i32.const 0x600) (i32.const 1)))))"}}},
      // Keeps and fills two megabytes for every entity it has ever made.
      {"leaky",
       {{"constructor",
         "(memory.fill (i32.mul (memory.grow (i32.const 32)) (i32.const 65536)) (i32.const 1) (i32.const 2097152))"}}},
      // Imports what nobody provides, and calls it on command.
      {"stranger",
       {{"imports", R"((import "nobody:has/this@9.0.0" (instance $this (export "now" (func (result u32))))))"},
        {"lowered", R"((alias export $this "now" (func $now)) (core func $now (canon lower (func $now))))"},
        {"host", R"((export "now" (func $now)))"},
        {"core-imports", R"((import "host" "now" (func $now (result i32))))"},
        {"import", "(drop (call $now))"}}},
  };
}

// Harmless, but for the seconds that it takes to compile.
constexpr int slow_loops = 1000, slow_variables = 500;

void write(const std::filesystem::path& file, const Parts& parts) {
  const auto component = thalo::guests::make({.parts = parts});
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary);
  out.write(component.data(), static_cast<std::streamsize>(component.size())).flush();
  if (!out) throw std::runtime_error("cannot write " + file.string());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: hostile_guests FOLDER\n");
    return 2;
  }
  try {
    const std::filesystem::path folder = argv[1];
    for (const auto& [name, parts] : guests()) write(folder / (name + ".wasm"), parts);
    write(folder / "compiling" / "slow.wasm",
          {{"core-imports", thalo::guests::long_function(slow_loops, slow_variables)}});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}
