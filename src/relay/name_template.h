// A name made from an event: "{category}_events" is "counter_events" for an event of counter-7.
//
// Placeholders: {category}, {stream}, {id} (the entity's) and {type} (the event's).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/event.h"

namespace thalo::relay {

// What a target allows in a name. Values are made to fit, in a way that keeps different values different where the
// target's alphabet allows it.
enum class NameAlphabet : std::uint8_t {
  any,            // Redis keys: as they are
  nats_subject,   // '.', '*', '>', '%', white space and control characters become %XX
  kafka_topic,    // everything but letters, digits, '.', '_' and '-' becomes '_'
  uri_reference,  // what is not unreserved in RFC 3986 becomes %XX
};

// A value; any thread.
class NameTemplate {
 public:
  // INVALID_ARGUMENT: empty, an unknown placeholder, a brace without its partner, or fixed text that the alphabet does
  // not allow.
  static base::Result<NameTemplate> parse(std::string_view text, NameAlphabet alphabet);

  // Replaces the content of `out`, so that its memory is used again.
  void name_of(const model::EventView& event, std::string& out) const;

 private:
  enum class Part : std::uint8_t { text, category, stream, id, type };
  struct Piece {
    Part part;
    std::string text;
  };
  static base::Result<> check_text(std::string_view text, NameAlphabet alphabet);
  NameAlphabet alphabet_ = NameAlphabet::any;
  std::vector<Piece> pieces_;
};

}  // namespace thalo::relay
