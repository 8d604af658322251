// Sends answers that are given in a run (a whole group commit of them) together: one wake-up a loop thread, one message
// a stream.
#pragma once

#include <memory>

#include "command/caller.h"

namespace thalo::rpc {

// Somebody who collects answers and sends them when told.
class Flushable {
 public:
  virtual ~Flushable() = default;
  virtual void flush() = 0;
};

class RpcAnswerRuns final : public command::AnswerRuns {
 public:
  void begin() override;
  void end() override;
};

// Flushes at the end of this thread's run of answers, or at once when there is none.
void flush_after_run(std::shared_ptr<Flushable> flushable);

}  // namespace thalo::rpc
