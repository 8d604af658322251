// Stream names follow the message-db convention
// (http://docs.eventide-project.org/core-concepts/streams/stream-names.html): `category-id`, e.g. `counter-abc123`; the
// category may carry types (`account:command+position`); everything after the first `-` is the id.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/shared_text.h"

namespace thalo::model {

// Limits in bytes.
inline constexpr std::size_t category_size_bytes_max = 128;
inline constexpr std::size_t entity_id_size_bytes_max = 256;
inline constexpr std::size_t event_type_size_bytes_max = 256;

// The category of a stream name's text, without checking it.
std::string_view category_of(std::string_view stream);

// A value: copies, which share their text, and compares. Always valid once made.
class StreamName {
 public:
  // The stream of entity `id` of `category`. INVALID_ARGUMENT names the part that is empty, too long or has an illegal
  // character.
  static base::Result<StreamName> make(std::string_view category, std::string_view id);
  // Parses `category-id`.
  static base::Result<StreamName> parse(std::string_view text);

  const base::SharedText& shared() const { return text_; }
  std::string_view view() const { return text_; }
  std::string text() const { return std::string(view()); }
  std::string_view category() const { return category_of(text_); }
  std::string_view id() const { return view().substr(category().size() + 1); }

  friend bool operator==(const StreamName&, const StreamName&) = default;
  friend auto operator<=>(const StreamName&, const StreamName&) = default;

 private:
  explicit StreamName(base::SharedText text) : text_(std::move(text)) {}
  base::SharedText text_;
};

// A category: a letter or digit first, then letters, digits, `_`, `.`, `:`, `+`; no `-` (that ends it).
// INVALID_ARGUMENT says what is wrong.
base::Result<> check_category(std::string_view category);
// An entity id: any UTF-8 without control characters, 1 to entity_id_size_bytes_max bytes.
base::Result<> check_entity_id(std::string_view id);
// An event type: any UTF-8 without control characters, 1 to event_type_size_bytes_max bytes.
base::Result<> check_event_type(std::string_view type);

// The category that a module file serves: its name without the extension in lowerCamelCase, e.g. `bank_account.wasm`
// serves `bankAccount`. INVALID_ARGUMENT when that is no category.
base::Result<std::string> category_of_module(std::string_view module_name);

}  // namespace thalo::model
