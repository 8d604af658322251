#include "load/connections.h"

#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <system_error>

namespace thalo::load {

namespace {

using base::Code;
using Clock = std::chrono::steady_clock;

class OneCall final : public net::ClientCall {
 public:
  void on_message(std::string_view message) override { message_ = message; }
  void on_end(const net::Status& status) override { status_ = status; }

  bool ended() const { return status_.has_value(); }
  base::Result<std::string> result() const {
    if (status_->is_ok()) return message_;
    return base::fail(status_->code < 16 ? static_cast<Code>(status_->code) : Code::unknown, status_->message);
  }

 private:
  std::string message_;
  std::optional<net::Status> status_;
};

}  // namespace

base::Result<std::unique_ptr<Connections>> Connections::open(const std::string& address, std::size_t count,
                                                             std::chrono::milliseconds timeout) {
  std::unique_ptr<Connections> out(new Connections);
  out->epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
  out->members_.reserve(count);
  for (std::size_t index = 0; index < count; ++index) {
    auto connection = net::ClientConnection::connect(address, timeout);
    if (!connection) {
      return base::fail(connection.error().code, "connection " + std::to_string(index + 1) + " of " +
                                                     std::to_string(count) + ": " + connection.error().message);
    }
    Member& member = out->members_.emplace_back();
    member.connection = *std::move(connection);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    if (::epoll_ctl(out->epoll_, EPOLL_CTL_ADD, member.connection->descriptor(), &event) != 0) {
      return base::fail(Code::resource_exhausted, "cannot wait for " + std::to_string(count) +
                                                      " connections: " + std::system_category().message(errno));
    }
  }
  return out;
}

Connections::~Connections() {
  if (epoll_ >= 0) ::close(epoll_);
}

void Connections::watch(Member& member) {
  if (!member.watched) return;
  if (member.connection->lost()) {
    // A lost connection is readable for ever.
    member.watched = false;
    ::epoll_ctl(epoll_, EPOLL_CTL_DEL, member.connection->descriptor(), nullptr);
    return;
  }
  const bool wanted = member.connection->write_waits();
  if (wanted == member.watches_write) return;
  member.watches_write = wanted;
  epoll_event event{};
  event.events = EPOLLIN | (wanted ? EPOLLOUT : 0U);
  event.data.u64 = static_cast<std::uint64_t>(&member - members_.data());
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, member.connection->descriptor(), &event);
}

void Connections::flush() {
  for (Member& member : members_) {
    if (!member.watched) continue;
    [[maybe_unused]] const auto sent = member.connection->write();  // its calls have heard of a failure
    watch(member);
  }
}

void Connections::wait(std::chrono::nanoseconds timeout) {
  std::array<epoll_event, 256> events;
  const timespec patience{timeout.count() / 1'000'000'000, timeout.count() % 1'000'000'000};
  const int count = ::epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &patience, nullptr);
  for (int index = 0; index < count; ++index) {
    Member& member = members_[events[static_cast<std::size_t>(index)].data.u64];
    if (!member.watched) continue;
    [[maybe_unused]] const auto taken = member.connection->read();
    watch(member);
  }
}

base::Result<std::string> Connections::call(std::string_view path, std::string_view message,
                                            std::chrono::milliseconds timeout) {
  OneCall call;
  net::ClientConnection& connection = *members_.front().connection;
  connection.start(call, path, message);
  const auto deadline = Clock::now() + timeout;
  while (!call.ended()) {
    if (Clock::now() >= deadline) {
      connection.forget(call);
      return base::fail(Code::deadline_exceeded, "no answer in time");
    }
    flush();
    wait(std::chrono::milliseconds(20));
  }
  return call.result();
}

base::Result<std::string> call_and_wait(const std::string& address, std::string_view path, std::string_view message,
                                        std::chrono::milliseconds timeout) {
  auto connections = Connections::open(address, 1, timeout);
  if (!connections) return std::unexpected(connections.error());
  return (*connections)->call(path, message, timeout);
}

}  // namespace thalo::load
