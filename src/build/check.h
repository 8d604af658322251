// Whether a built aggregate behaves: `thalo build --check`. Any thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "wasm/engine.h"

namespace thalo::build {

struct SmokeCommand {
  // By default one that no aggregate has: it must be refused as unknown.
  std::string name = "ThaloCheck";
  std::string payload = "{}";
};

struct CheckedCommand {
  SmokeCommand command;
  bool known = true;            // no: it was refused as unknown, and there is no outcome
  wasm::HandleOutcome outcome;  // the same in every instance
  std::string told;             // for people, e.g. `Incremented {"amount":1}`
};

// Loads `component` as the runtime loads a module of that name and gives the same commands, in order, to new entities,
// which follow what they answer, under the runtime's own limits: in two fresh instances, and in one that has served
// another entity before; one more entity is only given the events. No commands: the one that no aggregate has.
//
// FAILED_PRECONDITION: the runtime would not load it, it traps, or the answers or what follows from them differ in a
// byte, with where to look. INVALID_ARGUMENT: a command of one's own that it does not know or cannot read.
//
// What the engine compiles is kept in `compiled_folder`, up to 1 GiB, so that checking the same module again does not
// compile it again; empty, or a folder that cannot be used (a warning in the log): nothing is kept. Whoever may write
// to it may run code here: it is made for this user alone.
base::Result<std::vector<CheckedCommand>> check_behaviour(const std::string& module_name, std::string_view component,
                                                          const std::vector<SmokeCommand>& commands,
                                                          const std::filesystem::path& compiled_folder = {});

}  // namespace thalo::build
