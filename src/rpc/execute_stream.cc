#include "rpc/execute_stream.h"

#include <google/protobuf/arena.h>

#include <algorithm>
#include <deque>
#include <mutex>
#include <string>
#include <utility>

#include "rpc/answer_runs.h"
#include "rpc/execute_response.h"
#include "rpc/translate.h"

namespace thalo::rpc {
namespace {

using base::Code;

// Beyond these the call is not read any further, until answers have left.
constexpr std::size_t under_way_max = 4096;        // commands
constexpr std::size_t unsent_bytes_max = 1 << 20;  // answers
constexpr std::size_t message_bytes = 64 << 10;    // answers in one message, about
constexpr int commands_per_message_max = 10000;

// One call. Shared by its handler (loop thread) and the commands under way (answered on runtime threads).
class Session final : public Flushable, public std::enable_shared_from_this<Session> {
 public:
  Session(net::Stream stream, command::Router& commands, const store::Store& store)
      : stream_(std::move(stream)), commands_(commands), store_(store) {}

  // Loop thread.
  void take(std::string_view bytes);
  void half_close();
  void drain();
  void writable() { flush(); }

  bool gone() const { return stream_.cancelled(); }
  void answer(std::uint64_t tag, base::Result<command::ExecuteOutcome> outcome);
  void flush() override;

 private:
  void execute(v1::ExecuteStreamRequest::Command& command);
  void send_if_possible(std::unique_lock<std::mutex>& lock);

  net::Stream stream_;
  command::Router& commands_;
  const store::Store& store_;

  std::mutex mutex_;                // guards the rest
  std::deque<std::string> unsent_;  // of about message_bytes each, however many answers wait for a slow client
  std::size_t unsent_bytes_ = 0;
  std::size_t under_way_ = 0;
  bool paused_ = false;
  bool half_closed_ = false;
  bool draining_ = false;
  bool finished_ = false;
};

class TaggedCaller final : public command::Caller {
 public:
  TaggedCaller(std::shared_ptr<Session> session, std::uint64_t tag) : session_(std::move(session)), tag_(tag) {}
  bool gone() const override { return session_->gone(); }
  void answer(base::Result<command::ExecuteOutcome> outcome) override { session_->answer(tag_, std::move(outcome)); }

 private:
  const std::shared_ptr<Session> session_;
  const std::uint64_t tag_;
};

void Session::take(std::string_view bytes) {
  google::protobuf::Arena arena;
  auto* const request = google::protobuf::Arena::CreateMessage<v1::ExecuteStreamRequest>(&arena);
  base::Result<> legal = parse_into(*request, bytes);
  if (legal && request->commands_size() > commands_per_message_max) {
    legal = base::fail(Code::invalid_argument, "a message has " + std::to_string(request->commands_size()) +
                                                   " commands and may have " +
                                                   std::to_string(commands_per_message_max) + "; split it");
  }
  if (!legal) return stream_.finish(net::Status::from(std::move(legal.error())));
  {
    std::lock_guard lock(mutex_);
    under_way_ += static_cast<std::size_t>(request->commands_size());
    paused_ = under_way_ >= under_way_max || unsent_bytes_ >= unsent_bytes_max;
    if (paused_) stream_.pause_reading();
  }
  for (auto& command : *request->mutable_commands()) execute(command);
}

void Session::execute(v1::ExecuteStreamRequest::Command& command) {
  auto request = from_wire(*command.mutable_request());
  request.deadline = stream_.deadline();
  if (command.timeout_ms() != 0) {
    const auto timeout = std::chrono::milliseconds(std::min<std::uint64_t>(command.timeout_ms(), 86'400'000));
    request.deadline = std::min(request.deadline, std::chrono::steady_clock::now() + timeout);
  }
  commands_.execute(std::move(request), std::make_unique<TaggedCaller>(shared_from_this(), command.tag()));
}

void Session::half_close() {
  std::unique_lock lock(mutex_);
  half_closed_ = true;
  send_if_possible(lock);
}

void Session::drain() {
  stream_.pause_reading();
  std::unique_lock lock(mutex_);
  draining_ = true;
  send_if_possible(lock);
}

void Session::answer(std::uint64_t tag, base::Result<command::ExecuteOutcome> outcome) {
  bool large = false;
  {
    std::lock_guard lock(mutex_);
    --under_way_;
    if (unsent_.empty() || unsent_.back().size() >= message_bytes) unsent_.emplace_back();
    std::string& message = unsent_.back();
    const std::size_t before = message.size();
    append_stream_answer(message, tag, store_.id(), outcome);
    unsent_bytes_ += message.size() - before;
    large = unsent_bytes_ >= message_bytes;
  }
  if (large) return flush();
  flush_after_run(shared_from_this());
}

void Session::flush() {
  std::unique_lock lock(mutex_);
  send_if_possible(lock);
}

void Session::send_if_possible(std::unique_lock<std::mutex>&) {
  if (finished_) return;
  while (!unsent_.empty() && stream_.writable()) {
    const auto written = stream_.write(unsent_.front());
    unsent_bytes_ -= unsent_.front().size();
    unsent_.pop_front();
    if (!written) {  // nobody listens any more
      finished_ = true;
      return stream_.finish(net::Status::from(written.error()));
    }
  }
  if (half_closed_ && under_way_ == 0 && unsent_.empty()) {
    finished_ = true;
    return stream_.finish(net::Status::ok());
  }
  if (draining_) {
    if (under_way_ > 0 || !unsent_.empty()) return;
    finished_ = true;
    return stream_.finish(net::Status::error(
        Code::unavailable,
        "the server is shutting down; commands without an answer were not executed; retry elsewhere"));
  }
  if (paused_ && under_way_ < under_way_max / 2 && unsent_bytes_ < unsent_bytes_max) {
    paused_ = false;
    stream_.resume_reading();
  }
}

class ExecuteStreamHandler final : public net::StreamHandler {
 public:
  explicit ExecuteStreamHandler(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  void on_message(std::string_view message) override { session_->take(message); }
  void on_half_close() override { session_->half_close(); }
  void on_writable() override { session_->writable(); }
  void on_draining() override { session_->drain(); }

 private:
  const std::shared_ptr<Session> session_;
};

}  // namespace

std::unique_ptr<net::StreamHandler> make_execute_stream(net::Stream stream, command::Router& commands,
                                                        const store::Store& store) {
  return std::make_unique<ExecuteStreamHandler>(std::make_shared<Session>(std::move(stream), commands, store));
}

}  // namespace thalo::rpc
