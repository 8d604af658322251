#include "cli/publisher.h"

#include <algorithm>
#include <iostream>
#include <utility>

#include "base/json.h"
#include "cli/modules.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

constexpr int doublings_max = 5;  // 1 s, 2 s, … 32 s

}  // namespace

Publisher::Publisher(ServerFlags server, bool json) : server_(std::move(server)), json_(json) {}

void Publisher::take(std::string name, std::string component) {
  name_ = std::move(name);
  component_ = std::move(component);
  failures_ = 0;
}

bool Publisher::publish() {
  if (component_.empty()) return true;
  auto client = connect(server_);
  const auto module = client ? (*client)->publish(name_, component_) : std::unexpected(client.error());
  if (!module) {
    auto error = module.error();
    error.message = "not published to " + server_.url + ": " + error.message;
    report(error);
    if (error.retryable()) {
      ++failures_;
    } else {
      component_.clear();
    }
    return false;
  }
  component_.clear();
  if (json_) {
    std::cout << "{\"published\":" << base::json_quote(module->name) << ",\"version\":" << module->version
              << ",\"digest\":" << base::json_quote(module->digest) << "}" << std::endl;
  } else {
    std::cout << published_line(*module) << std::endl;
  }
  return true;
}

std::optional<std::chrono::milliseconds> Publisher::retry_after() const {
  if (component_.empty() || failures_ == 0) return std::nullopt;
  return std::chrono::seconds(1 << std::min(failures_ - 1, doublings_max));
}

}  // namespace thalo::cli
