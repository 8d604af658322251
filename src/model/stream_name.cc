#include "model/stream_name.h"

#include <algorithm>
#include <cctype>

namespace thalo::model {
namespace {

using base::Code;
using base::fail;

bool ascii_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// Decodes nothing, only decides: RFC 3629 UTF-8 without C0 and C1 controls and DEL. Returns the offset of the first
// offending byte or npos.
std::size_t first_illegal(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto b0 = static_cast<unsigned char>(text[i]);
    if (b0 < 0x20 || b0 == 0x7f) return i;
    if (b0 < 0x80) {
      ++i;
      continue;
    }
    const std::size_t length = b0 >= 0xc2 && b0 < 0xe0 ? 2 : (b0 & 0xf0) == 0xe0 ? 3 : b0 >= 0xf0 && b0 < 0xf5 ? 4 : 0;
    if (length == 0 || i + length > text.size()) return i;
    for (std::size_t k = 1; k < length; ++k) {
      if ((static_cast<unsigned char>(text[i + k]) & 0xc0) != 0x80) return i;
    }
    const auto b1 = static_cast<unsigned char>(text[i + 1]);
    if ((b0 == 0xc2 && b1 < 0xa0) || (b0 == 0xe0 && b1 < 0xa0) || (b0 == 0xed && b1 >= 0xa0) ||
        (b0 == 0xf0 && b1 < 0x90) || (b0 == 0xf4 && b1 >= 0x90)) {
      return i;
    }
    i += length;
  }
  return std::string_view::npos;
}

base::Result<> check_text(std::string_view what, std::string_view text, std::size_t size_bytes_max) {
  if (text.empty()) return fail(Code::invalid_argument, std::string(what) + " is empty");
  if (text.size() > size_bytes_max) {
    return fail(Code::invalid_argument, std::string(what) + " has " + std::to_string(text.size()) + " bytes; at most " +
                                            std::to_string(size_bytes_max) + " are allowed");
  }
  if (const auto at = first_illegal(text); at != std::string_view::npos) {
    return fail(Code::invalid_argument,
                std::string(what) + " has a control character or invalid UTF-8 at byte " + std::to_string(at));
  }
  return {};
}

}  // namespace

base::Result<> check_category(std::string_view category) {
  if (auto ok = check_text("aggregate name", category, category_size_bytes_max); !ok) return ok;
  if (!ascii_alnum(category.front())) {
    return fail(Code::invalid_argument,
                "aggregate name '" + std::string(category) + "' must start with a letter or a digit");
  }
  for (const char c : category) {
    if (ascii_alnum(c) || c == '_' || c == '.' || c == ':' || c == '+') continue;
    return fail(Code::invalid_argument, "aggregate name '" + std::string(category) + "' has the illegal character '" +
                                            std::string(1, c) +
                                            "'; letters, digits, '_', '.', ':' and '+' are allowed");
  }
  return {};
}

base::Result<> check_entity_id(std::string_view id) { return check_text("id", id, entity_id_size_bytes_max); }

base::Result<> check_event_type(std::string_view type) {
  return check_text("event type", type, event_type_size_bytes_max);
}

base::Result<StreamName> StreamName::make(std::string_view category, std::string_view id) {
  if (auto ok = check_category(category); !ok) return std::unexpected(ok.error());
  if (auto ok = check_entity_id(id); !ok) return std::unexpected(ok.error());
  return StreamName(base::SharedText::joined({category, "-", id}));
}

base::Result<StreamName> StreamName::parse(std::string_view text) {
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) {
    return fail(Code::invalid_argument, "stream name '" + std::string(text.substr(0, 64)) +
                                            "' has no '-': expected category-id, e.g. counter-abc123");
  }
  return make(text.substr(0, dash), text.substr(dash + 1));
}

std::string_view category_of(std::string_view stream) { return stream.substr(0, stream.find('-')); }

base::Result<std::string> category_of_module(std::string_view module_name) {
  std::string out;
  bool upper = false;
  for (const char c : module_name) {
    if (c == '_' || c == '-') {
      upper = !out.empty();
    } else if (ascii_alnum(c)) {
      const auto byte = static_cast<unsigned char>(c);
      out += upper ? static_cast<char>(std::toupper(byte)) : out.empty() ? static_cast<char>(std::tolower(byte)) : c;
      upper = false;
    } else {
      return fail(Code::invalid_argument, "module name '" + std::string(module_name) + "' has the illegal character '" +
                                              std::string(1, c) + "'; letters, digits, '_' and '-' are allowed");
    }
  }
  if (auto ok = check_category(out); !ok) {
    return fail(Code::invalid_argument, "module name '" + std::string(module_name) + "': " + ok.error().message);
  }
  return out;
}

}  // namespace thalo::model
