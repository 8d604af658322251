#include "command/catalog.h"

namespace thalo::command {

void Catalog::publish(std::string category, std::shared_ptr<const wasm::Module> module) {
  std::lock_guard lock(mutex_);
  auto changed = std::make_shared<Modules>(*modules_);
  changed->insert_or_assign(std::move(category), std::move(module));
  modules_ = std::move(changed);
  generation_.fetch_add(1, std::memory_order_release);
}

std::shared_ptr<const wasm::Module> Catalog::find(std::string_view category) const {
  const auto map = modules();
  const auto found = map->find(category);
  return found == map->end() ? nullptr : found->second;
}

std::shared_ptr<const Catalog::Modules> Catalog::modules() const {
  std::lock_guard lock(mutex_);
  return modules_;
}

}  // namespace thalo::command
