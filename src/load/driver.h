// One load thread: starts operations when they are due and hears how they end.
//
// Closed loop: every caller starts its next operation when its last has ended. Open loop (Settings::rate): operations
// are due at fixed times, and an operation's latency counts from the time it was due, whether or not a caller was free
// then; so a server that stalls is charged for everything that waited (no coordinated omission).
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

#include "base/result.h"
#include "load/recorder.h"

namespace thalo::load {

// Something that does one operation at a time.
class Caller {
 public:
  virtual ~Caller() = default;
  virtual void begin() = 0;
  // It can begin no more: its connection is lost.
  virtual bool lost() const { return false; }

 private:
  friend class Driver;
  TimePoint started_{};
};

class Driver;

// How the operations of one thread reach what is measured. Used by that thread alone.
class Transport {
 public:
  virtual ~Transport() = default;
  // Makes the callers, which end their operations with driver.finished(); they live as long as the transport.
  virtual std::vector<Caller*> callers(Driver& driver) = 0;
  // Begins what goes on beside the load until end().
  virtual void begin_beside(Driver&) {}
  // Sends what was begun since.
  virtual void flush() = 0;
  // Waits for answers, at most for `timeout`, and handles them.
  virtual void wait(std::chrono::nanoseconds timeout) = 0;
  // Nothing more will begin; what goes on by itself is to end.
  virtual void end() {}
  // Everything has ended: removes what was made for the run alone.
  virtual void clean_up() {}
};

struct Pace {
  double rate = 0;                            // of this thread; 0: closed loop
  TimePoint begin;                            // of the warm-up
  std::uint64_t operations_max = UINT64_MAX;  // of this thread
  std::chrono::nanoseconds drain_timeout{std::chrono::seconds{30}};
};

class Driver {
 public:
  Driver(const Window& window, const Pace& pace);

  // Runs until the window has ended and everything begun has ended, or `drain_timeout` passed.
  void run(Transport& transport);

  // Any thread: run() has returned.
  bool ended() const { return ended_.load(std::memory_order_acquire); }
  // Any thread: the window ends now.
  void stop() { stopped_.store(true, std::memory_order_relaxed); }
  // When the window ended; after run().
  TimePoint measured_until() const { return measured_until_; }

  // The operation of `caller` has ended `now`; may begin its next one.
  void finished(Caller& caller, const Ending& ending, TimePoint now);
  void finished(Caller& caller, const Ending& ending) { finished(caller, ending, std::chrono::steady_clock::now()); }

  // Begins an operation that is not one of the load's: it is waited for, and not begun again.
  void begin_beside(Caller& caller);
  // Begun and not ended.
  std::uint64_t under_way() const { return under_way_; }

  Recorder& recorder() { return recorder_; }
  bool ending() const { return ending_; }
  // Operations that were due and found no caller free when the window ended.
  std::uint64_t never_begun() const { return never_begun_; }

 private:
  void begin(Caller& caller, TimePoint started);
  void begin_due(TimePoint now);
  TimePoint due(std::uint64_t number) const;
  std::chrono::nanoseconds patience(TimePoint now) const;

  const Pace pace_;
  Recorder recorder_;
  std::vector<Caller*> idle_;
  std::uint64_t under_way_ = 0;
  std::uint64_t beside_ = 0;
  std::uint64_t begun_ = 0;
  std::uint64_t never_begun_ = 0;
  bool ending_ = false;
  std::atomic<bool> stopped_ = false;
  std::atomic<bool> ended_ = false;
  TimePoint measured_until_{};
};

}  // namespace thalo::load
