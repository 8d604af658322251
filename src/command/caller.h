// Who asked for a command and is waiting for what comes of it.
#pragma once

#include <variant>

#include "base/result.h"
#include "model/command.h"

namespace thalo::command {

using ExecuteOutcome = std::variant<model::Accepted, model::Rejection>;

class Caller {
 public:
  virtual ~Caller() = default;

  // Whether nobody waits any more (the call was cancelled or its connection is gone): work not yet appended is then
  // given up. Any thread.
  virtual bool gone() const = 0;

  // The one answer, after everything it depends on is durable. Called once, on a thread of the runtime: must not block,
  // must not call the store or the router.
  virtual void answer(base::Result<ExecuteOutcome> outcome) = 0;
};

// Told when a run of answers to many callers begins and ends on a thread, so that a transport can send them together.
// Any thread; runs of one thread do not overlap.
class AnswerRuns {
 public:
  virtual ~AnswerRuns() = default;
  virtual void begin() = 0;
  virtual void end() = 0;
};

}  // namespace thalo::command
