// Sends what was built to a server and tells how that went, for `thalo build --publish`. One thread.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "cli/connection.h"

namespace thalo::cli {

class Publisher {
 public:
  // `json`: what is published is told as one JSON object a line.
  Publisher(ServerFlags server, bool json);

  // The next publish() sends this; what could not be sent before is forgotten.
  void take(std::string name, std::string component);
  // Sends what was taken and is not there yet, if anything. False: it failed, which has been reported.
  bool publish();
  // How long to wait before trying again; nothing when all is sent or a retry would fail the same way.
  std::optional<std::chrono::milliseconds> retry_after() const;

 private:
  ServerFlags server_;
  bool json_;
  std::string name_;
  std::string component_;  // empty: nothing to send
  int failures_ = 0;       // of this component, worth another try
};

}  // namespace thalo::cli
