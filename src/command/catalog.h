// The aggregates being served: category -> module. Readers see one consistent map; publishing swaps it.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "wasm/engine.h"

namespace thalo::command {

class Catalog {
 public:
  using Modules = std::map<std::string, std::shared_ptr<const wasm::Module>, std::less<>>;

  // Serves `module` as `category` from now on: entities move to it between two commands. Any thread.
  void publish(std::string category, std::shared_ptr<const wasm::Module> module);

  // Null when nothing serves `category`. Any thread.
  std::shared_ptr<const wasm::Module> find(std::string_view category) const;

  // The map as it is now, and a number that changes whenever the map does.
  std::shared_ptr<const Modules> modules() const;
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Modules> modules_ = std::make_shared<const Modules>();
  std::atomic<std::uint64_t> generation_ = 0;
};

}  // namespace thalo::command
