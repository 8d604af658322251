// A runtime inside this process: store, engine, modules and command path, without network. What is left of a command's
// cost when nobody has to be answered over a socket.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "load/driver.h"
#include "load/settings.h"

namespace thalo::load {

class InProcess {
 public:
  // Opens (or makes) the store and loads the modules that `settings` name. Errors are those of the store and the
  // modules; NOT_FOUND: no module serves the category.
  static base::Result<std::unique_ptr<InProcess>> open(const Settings& settings);
  virtual ~InProcess() = default;

  // Callers of one load thread; the transport must go before this object.
  virtual std::unique_ptr<Transport> transport(std::size_t callers, std::uint64_t seed) = 0;
  // The number of events in the store.
  virtual std::uint64_t head() = 0;
};

}  // namespace thalo::load
