#include "rpc/answer_runs.h"

#include <optional>
#include <utility>
#include <vector>

#include "net/call.h"

namespace thalo::rpc {
namespace {

// The run of the thread, if it is in one.
struct Run {
  std::optional<net::AnswerBatch> wake_ups;
  std::vector<std::shared_ptr<Flushable>> to_flush;
  bool active = false;
};
thread_local Run run;

}  // namespace

void RpcAnswerRuns::begin() {
  run.active = true;
  run.wake_ups.emplace();
}

void RpcAnswerRuns::end() {
  for (const auto& flushable : run.to_flush) flushable->flush();
  run.to_flush.clear();
  run.wake_ups.reset();
  run.active = false;
}

void flush_after_run(std::shared_ptr<Flushable> flushable) {
  if (!run.active) return flushable->flush();
  for (const auto& known : run.to_flush) {
    if (known == flushable) return;
  }
  run.to_flush.push_back(std::move(flushable));
}

}  // namespace thalo::rpc
