#include "store/rocksdb/durability_lives.h"

#include <array>
#include <string>

namespace thalo::store {
namespace {

namespace gen = rc::gen;

constexpr std::array<const char*, 6> action_names = {"append",          "read",         "save_snapshot", "save_cursor",
                                                     "delete_snapshot", "delete_cursor"};
constexpr std::array<const char*, 3> expectation_names = {"right", "any", "wrong"};
constexpr std::array<const char*, 6> operation_names = {"write", "sync", "sync_folder", "create", "rename", "remove"};
constexpr std::array<const char*, 4> ending_names = {"close", "kill", "cut", "cut_torn"};

rc::Gen<unsigned> number(unsigned begin, unsigned end) {
  // Not the smaller the younger the run, as inRange gives by itself.
  return gen::resize(rc::kNominalSize, gen::inRange(begin, end));
}

// One of `values`; shrinks towards the first.
template <typename Value, std::size_t count>
rc::Gen<Value> one_of(std::array<Value, count> values) {
  return gen::map(number(0, count), [values](unsigned place) { return values[place]; });
}

// True `percent` times of a hundred; shrinks to false.
rc::Gen<bool> sometimes(unsigned percent) {
  return gen::map(number(0, 100), [percent](unsigned drawn) { return drawn >= 100 - percent; });
}

rc::Gen<Action> any_action() {
  using enum Action;
  return one_of(std::array{append, append, append, append, append, append, append, append, append, append, read, read,
                           save_snapshot, save_snapshot, save_cursor, save_cursor, delete_snapshot, delete_cursor});
}

rc::Gen<unsigned> any_bytes() {
  return gen::map(number(0, 1000), [](unsigned drawn) {
    if (drawn < 900) return drawn % 50;
    return drawn < 990 ? drawn * 4 : drawn * 20;
  });
}

rc::Gen<Step> any_step() {
  using enum Expectation;
  return gen::build<Step>(gen::set(&Step::action, any_action()), gen::set(&Step::stream, number(0, 5)),
                          gen::set(&Step::events, number(1, 5)), gen::set(&Step::bytes, any_bytes()),
                          gen::set(&Step::expectation, one_of(std::array{right, right, right, any, any, wrong})),
                          gen::set(&Step::is_chained, sometimes(40)),
                          gen::set(&Step::waits, gen::map(sometimes(60), [](bool drawn) { return !drawn; })));
}

rc::Gen<DiskFault> any_fault() {
  using enum DiskOperation;
  const std::array<std::string, 6> parts = {".log", ".log", ".log", ".sst", "MANIFEST", ""};
  return gen::build<DiskFault>(
      gen::set(&DiskFault::operation,
               one_of(std::array{write, write, write, write, sync, sync, sync, sync_folder, create, rename, remove})),
      gen::set(&DiskFault::part, one_of(parts)),
      gen::set(&DiskFault::countdown, gen::map(number(1, 12), [](unsigned drawn) { return std::uint64_t{drawn}; })),
      gen::set(&DiskFault::torn_bytes, gen::map(number(0, 5'000), [](unsigned drawn) { return std::uint64_t{drawn}; })),
      gen::set(&DiskFault::seems_to_pass, sometimes(30)));
}

rc::Gen<Life> any_life() {
  using enum Ending;
  return gen::build<Life>(
      gen::set(&Life::steps, gen::resize(20, gen::container<std::vector<Step>>(any_step()))),
      gen::set(&Life::cut_after,
               gen::map(number(0, 200), [](unsigned drawn) { return drawn < 120 ? 0 : drawn - 119; })),
      gen::set(&Life::has_fault, sometimes(40)), gen::set(&Life::fault, any_fault()),
      gen::set(&Life::ending, one_of(std::array{close, kill, cut, cut_torn, cut_torn, cut_torn})),
      gen::set(&Life::seed, number(0, 1'000'000)));
}

}  // namespace

std::ostream& operator<<(std::ostream& out, const Step& step) {
  out << action_names[static_cast<std::size_t>(step.action)] << " s-" << step.stream;
  if (step.action != Action::append) return out;
  return out << " " << step.events << " x " << step.bytes << " B, "
             << expectation_names[static_cast<std::size_t>(step.expectation)] << (step.is_chained ? ", chained" : "")
             << (step.waits ? "" : ", not waiting");
}

std::ostream& operator<<(std::ostream& out, const Life& life) {
  out << "\n  open";
  if (life.cut_after > 0) out << " with a power cut at operation " << life.cut_after;
  if (life.has_fault) {
    out << " with a failing " << operation_names[static_cast<std::size_t>(life.fault.operation)] << " of \""
        << life.fault.part << "\", number " << life.fault.countdown << ", torn at " << life.fault.torn_bytes
        << (life.fault.seems_to_pass ? ", seems to pass" : "");
  }
  for (const Step& step : life.steps) out << "\n    " << step;
  return out << "\n  " << ending_names[static_cast<std::size_t>(life.ending)] << " (seed " << life.seed << ")";
}

std::ostream& operator<<(std::ostream& out, const Lives& lives) {
  out << "a store with " << lives.stretch_events << " events a stretch";
  for (const Life& life : lives.lives) out << life;
  return out;
}

rc::Gen<Lives> any_lives() {
  return gen::build<Lives>(gen::set(&Lives::stretch_events, one_of(std::array{1U, 3U, 20U, 100U})),
                           gen::set(&Lives::lives, gen::container<std::vector<Life>>(any_life())));
}

}  // namespace thalo::store
