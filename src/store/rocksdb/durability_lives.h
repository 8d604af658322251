// What the randomised test of durability does with a store: lives from opening to an end, each with its own trouble.
#pragma once

#include <rapidcheck.h>

#include <cstdint>
#include <ostream>
#include <vector>

#include "store/rocksdb/fault_file_system.h"

namespace thalo::store {

enum class Action : std::uint8_t { append, read, save_snapshot, save_cursor, delete_snapshot, delete_cursor };
enum class Expectation : std::uint8_t { right, any, wrong };

// One thing that the user of a store does.
struct Step {
  Action action = Action::append;
  unsigned stream = 0;
  // Of appends.
  unsigned events = 1;
  unsigned bytes = 0;  // of each event, beside its number
  Expectation expectation = Expectation::right;
  bool is_chained = false;  // rests on the appends to the same stream that were not answered yet
  bool waits = true;        // for the answer
};

enum class Ending : std::uint8_t {
  close,    // in order
  kill,     // the process dies, the machine lives
  cut,      // the power goes; nothing is left of what was not synced
  cut_torn  // the power goes; something is left of it
};

struct Life {
  std::vector<Step> steps = {};
  // The power goes at this operation of the disk, counted from the opening; 0: not before the end.
  unsigned cut_after = 0;
  bool has_fault = false;
  DiskFault fault = {};
  Ending ending = Ending::close;
  unsigned seed = 0;  // of what a power cut leaves
};

struct Lives {
  unsigned stretch_events = 1;
  std::vector<Life> lives = {};
};

std::ostream& operator<<(std::ostream& out, const Step& step);
std::ostream& operator<<(std::ostream& out, const Life& life);
std::ostream& operator<<(std::ostream& out, const Lives& lives);

// Shrinks towards fewer and shorter lives without trouble.
rc::Gen<Lives> any_lives();

}  // namespace thalo::store
