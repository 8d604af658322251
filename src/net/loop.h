// One thread, its event loop, and what its connections share: time, timers, the mailbox of calls, spare call objects.
//
// Work comes in turns: a readiness event, a timer or a wake-up. At the end of a turn the calls that were answered
// meanwhile, on this thread or another, are handed to their sessions, and every connection with output writes it in one
// go. Everything is for the loop's thread unless it says otherwise.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/wake_ups.h"
#include "net/byte_queue.h"
#include "net/mailbox.h"
#include "net/server.h"
#include "net/timer_heap.h"

namespace thalo::net {

// Something with output to write at the end of the turn.
class TurnMember {
 public:
  virtual void end_of_turn() = 0;

 protected:
  ~TurnMember() = default;

 private:
  friend class Loop;
  bool listed_ = false;
};

class Loop : public std::enable_shared_from_this<Loop> {
 public:
  Loop(std::shared_ptr<const ServerOptions> options, std::shared_ptr<const Router> router);
  ~Loop();

  void start(std::size_t number);  // any thread; runs the loop in a thread of its own, `net-<number>`
  // Any thread but the loop's: ends the thread. Calls that arrive later are dropped.
  void stop();
  // Any thread: runs `work` as a turn.
  void post(std::function<void()> work);

  // Runs `work` as a turn on the calling thread, which must be the loop's (or the only one, without start()).
  template <class Work>
  void turn(Work&& work) {
    begin_turn();
    {
      const base::HeldWakeUps held;
      work();
    }
    end_turn();
  }

  static Loop* current();  // the loop whose turn runs on this thread, or null

  TimePoint now() const { return now_; }  // when this turn began
  TimerHeap& timers() { return timers_; }
  asio::io_context& context() { return context_; }
  const ServerOptions& options() const { return *options_; }
  const Router& router() const { return *router_; }
  ByteQueue& output_buffer() { return output_buffer_; }
  std::string& input_buffer() { return input_buffer_; }

  Call* new_call();
  void recycle(Call* call);

  // Any thread: hands over a call (and the reference with it) that has something for its session.
  void deliver(Call* call);
  // Any thread: the same for a chain of calls, the newest at `head`.
  void deliver_chain(Call* head, Call* tail);

  // Has `member` called at the end of this turn, once.
  void at_end_of_turn(TurnMember& member);
  // `member` goes away.
  void forget(TurnMember& member);
  // For what ends in the middle of its own work.
  void keep_until_turn_ends(std::shared_ptr<void> object) { kept_.push_back(std::move(object)); }

 private:
  void begin_turn();
  void end_turn();
  void hand_out(Call* oldest);
  void wake();
  void arm_timer();

  const std::shared_ptr<const ServerOptions> options_;
  const std::shared_ptr<const Router> router_;
  asio::io_context context_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  asio::steady_timer timer_;
  TimePoint timer_at_ = TimePoint::max();
  TimePoint now_;
  TimerHeap timers_;
  Mailbox mailbox_;
  Call* local_oldest_ = nullptr;  // answered on this thread
  Call* local_newest_ = nullptr;
  std::vector<TurnMember*> members_;
  std::vector<TurnMember*> ending_;
  std::vector<std::shared_ptr<void>> kept_;
  std::vector<Call*> spare_calls_;
  std::string input_buffer_;
  ByteQueue output_buffer_;
  std::thread thread_;
};

}  // namespace thalo::net
