// The whole runtime, wired: store, engine, modules, command path, services, listener.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "server/options.h"

namespace thalo::server {

class Runtime {
 public:
  // Opens the store, loads the modules and serves. Errors say which part failed and what to do. While modules are
  // compiled, `interrupted` is asked now and then; once it is true, nothing is served: CANCELLED.
  static base::Result<std::unique_ptr<Runtime>> start(const Options& options, const std::function<bool()>& interrupted);
  virtual ~Runtime() = default;

  virtual std::vector<std::string> addresses() const = 0;

  // To be called about once a second, from the thread that stops it: looks for changed module files where that is asked
  // for, and says once in the log and in the health service when the store has begun to refuse writes.
  virtual void tick() = 0;

  // Stops accepting, finishes what is in flight (at most for the drain timeout), syncs, closes. True when nothing had
  // to be cut off.
  virtual bool stop() = 0;
};

}  // namespace thalo::server
