// What an entity may know about the outside while it handles a command.
#pragma once

#include <cstdint>
#include <string_view>

namespace thalo {

// The texts live as long as the call of `handle`. Whatever of this matters later belongs into an event: state comes
// from events alone.
struct Context {
  std::string_view id{};              // the entity's id: the stream's name after `category-`
  std::string_view command_id{};      // the client's id for this command, or empty
  std::uint64_t time_ms = 0;          // when the runtime received the command, since the Unix epoch
  std::uint64_t version = 0;          // how many events the entity has
  std::string_view correlation_id{};  // may be empty
  std::string_view causation_id{};    // may be empty
  std::string_view metadata{};        // the client's own, a JSON object, or empty
};

}  // namespace thalo
