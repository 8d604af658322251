#include "cli/same_store.h"

#include <string>

#include "cli/event_text.h"

namespace thalo::cli {

base::Result<> check_same_store(client::Client& client, model::GlobalPosition position, std::string_view line) {
  std::string there;
  client::ReadAllOptions options;
  options.from = position;
  options.limit = 1;
  const auto read = client.read_all(options, [&](const client::Event& event) {
    there = to_json(event);
    return false;
  });
  if (!read) return std::unexpected(read.error());
  if (there == line) return {};
  return base::fail(base::Code::failed_precondition,
                    std::string("the store has ") + (there.empty() ? "no event" : "another event") +
                        " at global position " + std::to_string(position) +
                        ": it is another store, or one that was restored from a backup");
}

}  // namespace thalo::cli
