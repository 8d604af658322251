#include "command/gate.h"

#include <utility>

namespace thalo::command {
namespace {

base::Error computed_from_lost_events(const Answer& answer) {
  return {
      base::Code::aborted,
      "stream " + answer.flight->stream.text() +
          ": an earlier command on this entity could not be stored, so this one was computed from events that do not "
          "exist; nothing of it is stored; retry"};
}

}  // namespace

Gate::Gate(std::function<void(const base::SharedText&)> on_wake, std::function<void(Answer)> on_original,
           AnswerRuns* runs)
    : on_wake_(std::move(on_wake)), on_original_(std::move(on_original)), runs_(runs) {}

void Gate::hold_for_append(Answer answer) {
  answer.flight->appends.fetch_add(1);
  std::lock_guard lock(mutex_);
  held_.push_back({std::move(answer), true});
  ++appends_;
  ++unfinished_;
}

Answer Gate::take_back() {
  std::lock_guard lock(mutex_);
  Answer answer = std::move(held_.back().answer);
  held_.pop_back();
  --appends_;
  --unfinished_;
  answer.flight->appends.fetch_sub(1);
  return answer;
}

void Gate::let_out(Answer answer) {
  if (answer.flight != nullptr && answer.flight->appends.load() > 0) {
    std::lock_guard lock(mutex_);
    if (appends_ > 0) {
      held_.push_back({std::move(answer), false});
      return;
    }
  }
  std::vector<Held> now;
  now.push_back({std::move(answer), false});
  settle(now.front(), nullptr);
  pass_on(now);
}

void Gate::release(std::span<store::AppendOutcome> outcomes) {
  std::vector<Held> released;
  {
    std::lock_guard lock(mutex_);
    for (store::AppendOutcome& outcome : outcomes) {
      released.push_back(std::move(held_.front()));
      held_.pop_front();
      --appends_;
      settle(released.back(), &outcome.result);
      // Once the last append has its outcome nothing may stay behind it, or nobody would ever let it out.
      while (!held_.empty() && !held_.front().is_append) {
        released.push_back(std::move(held_.front()));
        held_.pop_front();
        settle(released.back(), nullptr);
      }
    }
  }
  if (runs_ != nullptr) runs_->begin();
  pass_on(released);
  if (runs_ != nullptr) runs_->end();
  // Under the lock: a shard that has nothing unfinished any more may end, and this gate with it.
  std::lock_guard lock(mutex_);
  unfinished_ -= outcomes.size();
  if (shard_waits_) drained_.notify_one();
}

void Gate::settle(Held& held, base::Result<store::Appended>* appended) {
  Answer& answer = held.answer;
  if (answer.flight == nullptr) return;
  if (appended == nullptr) {
    if (!answer.flight->chain.broken.load()) return;
    answer.outcome = std::unexpected(computed_from_lost_events(answer));
    answer.original.reset();
    return;
  }
  if (!*appended) {
    answer.flight->chain.broken.store(true);  // the store has said so already, unless the append stood alone
    answer.outcome = std::unexpected(appended->error());
    return;
  }
  auto& accepted = std::get<model::Accepted>(*answer.outcome);
  accepted.version = (*appended)->first_position + (*appended)->count;
  std::uint64_t index = 0;
  for (model::Event& event : accepted.events) {
    event.position = (*appended)->first_position + index;
    event.global_position = (*appended)->first_global_position + index;
    ++index;
  }
}

void Gate::pass_on(std::vector<Held>& released) {
  for (Held& held : released) {
    Answer& answer = held.answer;
    if (held.is_append) {
      Flight& flight = *answer.flight;
      if (flight.appends.fetch_sub(1) == 1 && flight.wake_wanted.exchange(false)) on_wake_(flight.stream.shared());
    }
    if (answer.original) {
      on_original_(std::move(answer));
    } else {
      answer.caller->answer(std::move(answer.outcome));
    }
  }
}

void Gate::wait_below(std::size_t appends) {
  std::unique_lock lock(mutex_);
  if (unfinished_ < appends) return;
  shard_waits_ = true;
  drained_.wait(lock, [&] { return unfinished_ < appends; });
  shard_waits_ = false;
}

}  // namespace thalo::command
