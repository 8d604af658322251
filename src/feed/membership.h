// The member's side of a projection: what it says, on its way to the loop.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "feed/loop.h"
#include "feed/projections.h"
#include "feed/slots.h"

namespace thalo::feed {

// What a member has said and the loop has not heard yet. Bounded: a member has no reason to say more than something
// about everything in its window. Shared by the membership (any thread) and the loop.
class MemberOutbox {
 public:
  struct Message {
    enum class Kind : std::uint8_t { acknowledge, fail, leave } kind;
    std::optional<std::uint64_t> delivery;
    model::GlobalPosition position;
    std::string reason;
  };
  struct Said {
    std::vector<Message> messages;
    bool too_much = false;  // some were dropped: the member must go
  };

  MemberOutbox(std::string projection, MemberId member, std::size_t messages_max)
      : projection_(std::move(projection)), member_(member), messages_max_(messages_max) {}

  const std::string& projection() const { return projection_; }
  MemberId member() const { return member_; }

  // True when the loop must be told.
  bool put(Message message);
  Said take();

  // Whether nothing is held back until the member acknowledges: then the loop may hear of it together with others.
  void set_patient(bool patient) { patient_.store(patient, std::memory_order_relaxed); }
  bool is_patient() const { return patient_.load(std::memory_order_relaxed); }

 private:
  const std::string projection_;
  const MemberId member_;
  const std::size_t messages_max_;
  std::atomic<bool> patient_ = false;
  std::mutex mutex_;
  Said said_;
};

// Of a failure's reason; what is kept is less.
inline constexpr std::size_t reason_bytes_max = 4096;

class HostedMembership final : public Membership {
 public:
  // `hear` is called on the loop when something was said.
  HostedMembership(Loop& loop, std::shared_ptr<MemberOutbox> outbox,
                   std::function<void(const std::shared_ptr<MemberOutbox>&)> hear)
      : loop_(loop), outbox_(std::move(outbox)), hear_(std::move(hear)) {}
  ~HostedMembership() override { leave(); }

  void acknowledge(std::optional<std::uint64_t> delivery, model::GlobalPosition position) override {
    say({MemberOutbox::Message::Kind::acknowledge, delivery, position, {}});
  }
  void fail(std::optional<std::uint64_t> delivery, model::GlobalPosition position, std::string reason) override {
    reason.resize(std::min(reason.size(), reason_bytes_max));
    say({MemberOutbox::Message::Kind::fail, delivery, position, std::move(reason)});
  }
  void leave() override { say({MemberOutbox::Message::Kind::leave, {}, 0, {}}); }

 private:
  // As long as the end of the store pauses between its steps, at which most loops with many members wake.
  static constexpr std::chrono::microseconds patience{4500};

  void say(MemberOutbox::Message message) {
    const bool can_wait = message.kind == MemberOutbox::Message::Kind::acknowledge && outbox_->is_patient();
    if (!outbox_->put(std::move(message))) return;
    auto task = [hear = hear_, outbox = outbox_] { hear(outbox); };
    if (can_wait) {
      loop_.post_patiently(std::move(task), patience);
    } else {
      loop_.post(std::move(task));
    }
  }

  Loop& loop_;
  const std::shared_ptr<MemberOutbox> outbox_;
  const std::function<void(const std::shared_ptr<MemberOutbox>&)> hear_;
};

}  // namespace thalo::feed
