#include "net/loop.h"

#include <pthread.h>

#include <asio/post.hpp>
#include <string>
#include <utility>

#include "base/prompt.h"
#include "net/session.h"

namespace thalo::net {

namespace {

constexpr std::size_t spare_calls_max = 1024;
constexpr std::size_t input_buffer_bytes = 64 << 10;
// A turn hands out and flushes this often before it lets other connections have theirs.
constexpr int rounds_per_turn_max = 16;

thread_local Loop* current_loop = nullptr;

}  // namespace

Loop* Loop::current() { return current_loop; }

Loop::Loop(std::shared_ptr<const ServerOptions> options, std::shared_ptr<const Router> router)
    : options_(std::move(options)),
      router_(std::move(router)),
      work_(asio::make_work_guard(context_)),
      timer_(context_),
      now_(std::chrono::steady_clock::now()),
      input_buffer_(input_buffer_bytes, '\0') {}

Loop::~Loop() = default;

void Loop::start(std::size_t number) {
  thread_ = std::thread([this, number] {
    pthread_setname_np(pthread_self(), ("net-" + std::to_string(number)).c_str());
    base::run_promptly();
    context_.run();
  });
}

void Loop::stop() {
  work_.reset();
  context_.stop();
  if (thread_.joinable()) thread_.join();
  for (Call* call = mailbox_.close(); call != nullptr;) {
    Call* next = call->next_delivered;
    call->release();
    call = next;
  }
  while (local_oldest_ != nullptr) std::exchange(local_oldest_, local_oldest_->next_delivered)->release();
  local_newest_ = nullptr;
  for (Call* call : std::exchange(spare_calls_, {})) delete call;
}

void Loop::post(std::function<void()> work) {
  asio::post(context_, [this, work = std::move(work)] { turn(work); });
}

Call* Loop::new_call() {
  if (spare_calls_.empty()) return new Call(shared_from_this());
  Call* call = spare_calls_.back();
  spare_calls_.pop_back();
  call->retain();
  return call;
}

void Loop::recycle(Call* call) {
  if (spare_calls_.size() >= spare_calls_max) {
    delete call;
    return;
  }
  call->reset();
  spare_calls_.push_back(call);
}

void Loop::deliver(Call* call) {
  if (current_loop != this) return deliver_chain(call, call);
  call->next_delivered = nullptr;
  (local_newest_ == nullptr ? local_oldest_ : local_newest_->next_delivered) = call;
  local_newest_ = call;
}

void Loop::deliver_chain(Call* head, Call* tail) {
  // The calls may be the last owners of the loop and be gone as soon as they are in the mailbox.
  const std::shared_ptr<Loop> self = head->loop;
  switch (mailbox_.push(head, tail)) {
    case Mailbox::Pushed::first:
      wake();
      break;
    case Mailbox::Pushed::another:
      break;
    case Mailbox::Pushed::closed:
      while (true) {
        Call* next = head == tail ? nullptr : head->next_delivered;
        head->release();
        if (next == nullptr) break;
        head = next;
      }
  }
}

void Loop::wake() {
  asio::post(context_, [this] { turn([] {}); });
}

void Loop::at_end_of_turn(TurnMember& member) {
  if (std::exchange(member.listed_, true)) return;
  members_.push_back(&member);
}

void Loop::forget(TurnMember& member) {
  if (!member.listed_) return;
  std::erase(members_, &member);
  for (TurnMember*& other : ending_) {
    if (other == &member) other = nullptr;
  }
}

void Loop::begin_turn() {
  current_loop = this;
  now_ = std::chrono::steady_clock::now();
}

void Loop::hand_out(Call* oldest) {
  while (oldest != nullptr) {
    Call* call = std::exchange(oldest, oldest->next_delivered);
    call->delivered.store(false, std::memory_order_release);
    if (call->progress.session != nullptr) call->progress.session->on_delivered(*call);
    call->release();
  }
}

void Loop::end_turn() {
  for (int round = 0; round < rounds_per_turn_max; ++round) {
    hand_out(mailbox_.take());
    local_newest_ = nullptr;
    hand_out(std::exchange(local_oldest_, nullptr));
    if (local_oldest_ != nullptr) continue;
    if (members_.empty()) break;
    ending_.swap(members_);
    for (std::size_t index = 0; index < ending_.size(); ++index) {
      TurnMember* member = ending_[index];
      if (member == nullptr) continue;
      member->listed_ = false;
      ending_[index] = nullptr;
      member->end_of_turn();
    }
    ending_.clear();
  }
  arm_timer();
  if (local_oldest_ != nullptr || !members_.empty()) wake();
  kept_.clear();
  current_loop = nullptr;
}

void Loop::arm_timer() {
  const TimePoint next = timers_.next();
  if (next >= timer_at_) return;
  timer_at_ = next;
  timer_.expires_at(next);
  timer_.async_wait([this](const asio::error_code& error) {
    if (error) return;
    timer_at_ = TimePoint::max();
    turn([this] { timers_.run(now_); });
  });
}

}  // namespace thalo::net
