#include "client/command_stream.h"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "client/wire.h"

namespace thalo::client {
namespace {

using base::Code;

constexpr int commands_per_message_max = 256;
constexpr std::size_t message_bytes = 256 << 10;  // about
// What a server may take beyond the timeout of its commands to say so.
constexpr std::chrono::seconds grace{5};

// One call. Its thread reads the answers; one writes the commands, and one ends the call when the server falls silent.
class CommandStream {
 public:
  CommandStream(v1::Commands::Stub& commands, std::chrono::milliseconds timeout, CommandSource& source,
                std::size_t under_way_max)
      : timeout_(timeout), source_(source), under_way_max_(under_way_max), stream_(commands.ExecuteStream(&context_)) {}

  base::Result<> run(const Channel& channel,
                     const std::function<void(std::uint64_t, base::Result<Outcome>)>& answered) {
    std::jthread writer([this] { write(); });
    std::jthread watchdog([this] { watch(); });
    v1::ExecuteStreamResponse response;
    while (stream_->Read(&response)) {
      note_answers(static_cast<std::size_t>(response.answers_size()));
      for (auto& answer : *response.mutable_answers()) answered(answer.tag(), outcome_of(answer));
    }
    end();
    source_.stop();
    writer.join();
    watchdog.join();
    const auto status = stream_->Finish();
    if (silent_) {
      return base::fail(Code::deadline_exceeded,
                        "the server has not answered for " + std::to_string((timeout_ + grace).count()) + " ms");
    }
    if (!status.ok()) return channel.failed(status, context_);
    return {};
  }

 private:
  static base::Result<Outcome> outcome_of(v1::ExecuteStreamResponse::Answer& answer) {
    if (!answer.has_failure()) return from_wire(*answer.mutable_response());
    auto& failure = *answer.mutable_failure();
    const bool known = failure.code() >= 1 && failure.code() <= 15;
    return std::unexpected(base::Error{known ? static_cast<Code>(failure.code()) : Code::unknown,
                                       std::move(*failure.mutable_message()), failure.do_not_retry()});
  }

  void write() {
    bool more = true;
    while (more && wait_for_room()) {
      v1::ExecuteStreamRequest message;
      more = fill(message);
      if (message.commands_size() > 0 && !stream_->Write(message)) return;
    }
    stream_->WritesDone();
  }

  // False: that was the last.
  bool fill(v1::ExecuteStreamRequest& message) {
    std::size_t size_bytes = 0;
    do {
      auto next = source_.next();
      if (!next) return false;
      auto& command = *message.add_commands();
      command.set_tag(next->tag);
      command.set_timeout_ms(static_cast<std::uint64_t>(timeout_.count()));
      *command.mutable_request() = to_wire(next->command);
      size_bytes += next->command.payload.size() + next->command.metadata.size();
    } while (note_command() && message.commands_size() < commands_per_message_max && size_bytes < message_bytes &&
             source_.ready());
    return true;
  }

  // Whether there is room for another one.
  bool note_command() {
    std::lock_guard lock(mutex_);
    if (under_way_++ == 0) heard_ = std::chrono::steady_clock::now();
    return under_way_ < under_way_max_;
  }
  bool wait_for_room() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return ended_ || under_way_ < under_way_max_; });
    return !ended_;
  }
  void note_answers(std::size_t count) {
    std::lock_guard lock(mutex_);
    under_way_ -= std::min(count, under_way_);
    heard_ = std::chrono::steady_clock::now();
    changed_.notify_all();
  }
  void end() {
    std::lock_guard lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  void watch() {
    std::unique_lock lock(mutex_);
    while (!changed_.wait_for(lock, std::chrono::seconds(1), [this] { return ended_; })) {
      if (under_way_ == 0 || std::chrono::steady_clock::now() - heard_ < timeout_ + grace) continue;
      silent_ = true;
      return context_.TryCancel();
    }
  }

  const std::chrono::milliseconds timeout_;
  CommandSource& source_;
  const std::size_t under_way_max_;
  ::grpc::ClientContext context_;
  const std::unique_ptr<::grpc::ClientReaderWriter<v1::ExecuteStreamRequest, v1::ExecuteStreamResponse>> stream_;

  std::mutex mutex_;  // guards the rest
  std::condition_variable changed_;
  std::size_t under_way_ = 0;
  std::chrono::steady_clock::time_point heard_ = std::chrono::steady_clock::now();
  bool ended_ = false;
  bool silent_ = false;
};

}  // namespace

base::Result<> run_command_stream(v1::Commands::Stub& commands, const Channel& channel,
                                  std::chrono::milliseconds timeout, CommandSource& source, std::size_t under_way_max,
                                  const std::function<void(std::uint64_t, base::Result<Outcome>)>& answered) {
  return CommandStream(commands, timeout, source, under_way_max).run(channel, answered);
}

}  // namespace thalo::client
