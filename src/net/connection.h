// A client's connection: moves bytes between its transport and its session, and watches the clock over both. One loop
// thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "net/loop.h"
#include "net/session.h"
#include "net/transport.h"

namespace thalo::net {

class Connection;

// The connections of one loop.
class ConnectionOwner {
 public:
  virtual void on_call_started() = 0;
  virtual void on_closed(Connection& connection) = 0;  // drops it

 protected:
  ~ConnectionOwner() = default;
};

class Connection final : public std::enable_shared_from_this<Connection>,
                         public TransportEvents,
                         private SessionOwner,
                         private TurnMember,
                         private TimerNode {
 public:
  Connection(Loop& loop, std::unique_ptr<Transport> transport, std::string peer, ConnectionOwner& owner);
  ~Connection();

  void start();
  void drain();                       // gracefully: when its calls are done, it closes
  void cancel(const Status& status);  // answers its calls with `status` and closes
  void close();                       // at once
  std::size_t running_calls() const { return session_.running_calls() + session_.open_streams(); }

  void on_readable() override;
  void on_writable() override;

 private:
  void on_output() override { loop_.at_end_of_turn(*this); }
  void on_call_started() override { owner_.on_call_started(); }
  void end_of_turn() override;
  void on_timer() override;

  Transport::Moved write(const ByteQueue& bytes);
  void flush();
  bool write_unsent();
  void read_on();
  void say_goodbye();
  TimePoint check_clock();
  void watch_clock();
  TimePoint check_keepalive();
  TimePoint check_idle();

  Loop& loop_;
  const ServerOptions& options_;
  std::unique_ptr<Transport> transport_;
  ConnectionOwner& owner_;
  Session session_;
  ByteQueue unsent_;  // what the transport did not take yet
  bool reading_ = false;
  bool write_blocked_ = false;
  bool said_goodbye_ = false;
  bool closed_ = false;
  TimePoint started_at_;
  TimePoint heard_at_;
  TimePoint pinged_at_ = TimePoint::min();
  TimePoint blocked_at_ = TimePoint::max();
  TimePoint idle_at_;
  TimePoint drained_at_ = TimePoint::max();
  TimePoint ends_at_ = TimePoint::max();
  TimePoint alarm_at_ = TimePoint::max();
};

}  // namespace thalo::net
