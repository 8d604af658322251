#include "relay/name_template.h"

#include <algorithm>
#include <utility>

#include "model/stream_name.h"

namespace thalo::relay {
namespace {

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool allowed_in_value(char c, NameAlphabet alphabet) {
  switch (alphabet) {
    case NameAlphabet::any:
      return true;
    case NameAlphabet::nats_subject:
      return static_cast<unsigned char>(c) > ' ' && c != 0x7f && c != '.' && c != '*' && c != '>' && c != '%';
    case NameAlphabet::kafka_topic:
      return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
    case NameAlphabet::uri_reference:
      return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-' || c == '~';
  }
  return false;
}

// In the template's own text the characters that structure a name are allowed as well.
bool allowed_in_text(char c, NameAlphabet alphabet) {
  if (allowed_in_value(c, alphabet)) return true;
  if (alphabet == NameAlphabet::nats_subject) return c == '.';
  if (alphabet == NameAlphabet::uri_reference)
    return std::string_view("/:?#[]@!$&'()*+,;=%").find(c) != std::string_view::npos;
  return false;
}

void append_value(std::string& out, std::string_view value, NameAlphabet alphabet) {
  static constexpr char hex[] = "0123456789ABCDEF";
  if (alphabet == NameAlphabet::any) {
    out += value;
    return;
  }
  for (const char c : value) {
    if (allowed_in_value(c, alphabet)) {
      out += c;
    } else if (alphabet == NameAlphabet::kafka_topic) {
      out += '_';
    } else {
      out += '%';
      out += hex[static_cast<unsigned char>(c) >> 4];
      out += hex[static_cast<unsigned char>(c) & 15];
    }
  }
}

base::Result<> refused(std::string_view text, const std::string& why) {
  return base::fail(base::Code::invalid_argument, "'" + std::string(text) + "' " + why);
}

}  // namespace

base::Result<> NameTemplate::check_text(std::string_view text, NameAlphabet alphabet) {
  for (const char c : text) {
    if (!allowed_in_text(c, alphabet))
      return refused(text, std::string("has the character '") + c + "', which the target does not allow in a name");
  }
  return {};
}

base::Result<NameTemplate> NameTemplate::parse(std::string_view text, NameAlphabet alphabet) {
  static constexpr std::pair<std::string_view, Part> placeholders[] = {
      {"category", Part::category}, {"stream", Part::stream}, {"id", Part::id}, {"type", Part::type}};
  NameTemplate out;
  out.alphabet_ = alphabet;
  if (text.empty()) return base::fail(base::Code::invalid_argument, "the template is empty");
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t brace = std::min(text.find_first_of("{}", at), text.size());
    if (brace > at) {
      const std::string_view fixed = text.substr(at, brace - at);
      if (auto checked = check_text(fixed, alphabet); !checked) return std::unexpected(checked.error());
      out.pieces_.push_back({Part::text, std::string(fixed)});
    }
    if (brace == text.size()) break;
    const std::size_t end = text.find('}', brace);
    if (text[brace] == '}' || end == std::string_view::npos)
      return std::unexpected(refused(text, "has a brace without its partner").error());
    const std::string_view word = text.substr(brace + 1, end - brace - 1);
    const auto* found = std::find_if(std::begin(placeholders), std::end(placeholders),
                                     [&](const auto& placeholder) { return placeholder.first == word; });
    if (found == std::end(placeholders)) {
      return std::unexpected(refused(text, "has the unknown placeholder {" + std::string(word) +
                                               "}; there are {category}, {stream}, {id} and {type}")
                                 .error());
    }
    out.pieces_.push_back({found->second, {}});
    at = end + 1;
  }
  return out;
}

void NameTemplate::name_of(const model::EventView& event, std::string& out) const {
  out.clear();
  for (const Piece& piece : pieces_) {
    const std::string_view category = model::category_of(event.stream);
    switch (piece.part) {
      case Part::text:
        out += piece.text;
        break;
      case Part::category:
        append_value(out, category, alphabet_);
        break;
      case Part::stream:
        append_value(out, event.stream, alphabet_);
        break;
      case Part::id:
        append_value(out, event.stream.substr(std::min(category.size() + 1, event.stream.size())), alphabet_);
        break;
      case Part::type:
        append_value(out, event.type, alphabet_);
        break;
    }
  }
}

}  // namespace thalo::relay
