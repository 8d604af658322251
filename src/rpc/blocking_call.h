// Unary methods that block: run on an executor, never on a loop thread.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "env/executor.h"
#include "net/server.h"

namespace thalo::rpc {

// A handler that runs `work` on `executor`, which must outlive the server, unless nobody waits for it any more when its
// turn comes. A full executor answers RESOURCE_EXHAUSTED.
inline net::UnaryHandler blocking(env::Executor& executor,
                                  std::function<void(const std::shared_ptr<net::UnaryCall>&)> work) {
  return [&executor, work = std::move(work)](net::UnaryCall call) {
    auto shared = std::make_shared<net::UnaryCall>(std::move(call));
    auto posted = executor.post([shared, work] {
      if (!shared->cancelled()) work(shared);
    });
    if (!posted) shared->fail(std::move(posted.error()));
  };
}

}  // namespace thalo::rpc
