// For tests: a session without a socket or a thread. Bytes go in, frames come out, and time stands still between the
// calls.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/loop.h"
#include "net/session.h"
#include "net/test_frames.h"

namespace thalo::net::testing {

class TestSession final : private SessionOwner {
 public:
  explicit TestSession(Router router, ServerOptions options = {})
      : loop_(std::make_shared<Loop>(std::make_shared<const ServerOptions>(std::move(options)),
                                     std::make_shared<const Router>(std::move(router)))) {
    SessionOwner& owner = *this;
    loop_->turn([&] { session_ = std::make_unique<Session>(*loop_, "192.0.2.1:1000", owner); });
  }
  ~TestSession() {
    close();
    loop_->stop();
  }
  TestSession(const TestSession&) = delete;
  TestSession& operator=(const TestSession&) = delete;

  // Takes bytes as one turn and collects what comes of them.
  void receive(std::string_view bytes) {
    if (session_ == nullptr) return;
    loop_->turn([&] { session_->receive(bytes); });
    collect();
  }
  // A turn for what other threads, or `work`, have done.
  void turn(const std::function<void()>& work = [] {}) {
    loop_->turn(work);
    collect();
  }
  // The client goes away.
  void close() {
    loop_->turn([&] { session_.reset(); });
    loop_->turn([] {});
  }

  Session& session() { return *session_; }
  ClientFrames& client() { return client_; }
  const std::vector<Frame>& frames() const { return frames_; }
  Outcome outcome(std::int32_t stream_id) const { return outcome_of(frames_, stream_id); }
  std::size_t produced_bytes() const { return produced_bytes_; }
  void forget_frames() { frames_.clear(); }

  // The GOAWAY frames so far: their reasons.
  std::vector<std::pair<std::uint32_t, std::string>> goaways() const {
    std::vector<std::pair<std::uint32_t, std::string>> all;
    for (const Frame& frame : frames_) {
      if (frame.type != NGHTTP2_GOAWAY) continue;
      std::uint32_t code = 0;
      for (std::size_t index = 4; index < 8; ++index)
        code = code << 8 | static_cast<unsigned char>(frame.payload[index]);
      all.emplace_back(code, frame.payload.substr(8));
    }
    return all;
  }
  std::size_t count(std::uint8_t type) const {
    std::size_t number = 0;
    for (const Frame& frame : frames_) number += frame.type == type ? 1 : 0;
    return number;
  }

 private:
  void on_output() override {}
  void on_call_started() override {}

  void collect() {
    if (session_ == nullptr) return;
    for (ByteQueue bytes;;) {
      loop_->turn([&] { session_->produce(bytes, 64 << 10); });
      if (bytes.empty()) return;
      produced_bytes_ += bytes.size();
      while (!bytes.empty()) {
        std::string_view parts[3];
        const std::size_t count = bytes.front(parts);
        for (std::size_t part = 0; part < count; ++part) server_.add(parts[part]);
        for (std::size_t part = 0; part < count; ++part) bytes.drop_front(parts[part].size());
      }
      while (auto frame = server_.next()) frames_.push_back(std::move(*frame));
    }
  }

  std::shared_ptr<Loop> loop_;
  std::unique_ptr<Session> session_;
  ClientFrames client_;
  ServerFrames server_;
  std::vector<Frame> frames_;
  std::size_t produced_bytes_ = 0;
};

}  // namespace thalo::net::testing
