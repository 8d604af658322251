#include "store/head_listeners.h"

#include <utility>

namespace thalo::store {

std::uint64_t HeadListeners::add(Callback callback) {
  const std::lock_guard lock(mutex_);
  const std::uint64_t id = next_id_++;
  callbacks_.emplace(id, std::make_shared<Callback>(std::move(callback)));
  return id;
}

void HeadListeners::remove(std::uint64_t id) {
  const std::lock_guard lock(mutex_);
  callbacks_.erase(id);
}

void HeadListeners::call(const Commit& commit) {
  const std::lock_guard lock(mutex_);
  // A callback may add or remove callbacks, itself included: go by id, and keep the one that runs alive.
  for (auto next = callbacks_.begin(); next != callbacks_.end();) {
    const std::uint64_t id = next->first;
    const std::shared_ptr<Callback> callback = next->second;
    (*callback)(commit);
    next = callbacks_.upper_bound(id);
  }
}

}  // namespace thalo::store
