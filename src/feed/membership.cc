#include "feed/membership.h"

namespace thalo::feed {

bool MemberOutbox::put(Message message) {
  const std::lock_guard lock(mutex_);
  std::vector<Message>& messages = said_.messages;
  const bool tell = messages.empty();
  if (message.kind == Message::Kind::acknowledge && message.delivery && !messages.empty()) {
    // Acknowledgements add up: the newest says it all.
    Message& last = messages.back();
    if (last.kind == Message::Kind::acknowledge && last.delivery &&
        std::pair(*last.delivery, last.position) <= std::pair(*message.delivery, message.position)) {
      last = std::move(message);
      return false;
    }
  }
  if (messages.size() >= messages_max_ && message.kind != Message::Kind::leave) {
    said_.too_much = true;
  } else {
    messages.push_back(std::move(message));
  }
  return tell;
}

MemberOutbox::Said MemberOutbox::take() {
  const std::lock_guard lock(mutex_);
  return std::exchange(said_, {});
}

}  // namespace thalo::feed
