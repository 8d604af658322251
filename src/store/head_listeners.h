// Who wants to hear that the head of the store moved.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>

#include "store/store.h"

namespace thalo::store {

// add and remove: any thread, also from within a callback. call: the committer.
class HeadListeners {
 public:
  using Callback = std::function<void(const Commit&)>;

  std::uint64_t add(Callback callback);
  // Waits for a call that is under way on another thread, so that what the callback uses may go away afterwards.
  void remove(std::uint64_t id);
  void call(const Commit& commit);

 private:
  std::recursive_mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<Callback>> callbacks_;
  std::uint64_t next_id_ = 1;
};

}  // namespace thalo::store
