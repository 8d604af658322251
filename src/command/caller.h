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

}  // namespace thalo::command
