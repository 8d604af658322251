#include "build/explain.h"

#include <algorithm>
#include <optional>

#include "env/files.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view sdk_mark = "thalo: ";
// What clang says of a template that it was in the middle of.
constexpr std::string_view instantiation_mark = "in instantiation of ";

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// Without the escape sequences of colours.
std::string without_colours(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '\x1b') {
      out += text[at];
      continue;
    }
    while (at < text.size() && text[at] != 'm' && text[at] != 'K') ++at;
  }
  return out;
}

// "FILE:LINE:COLUMN: error: TEXT", and the same with `note`.
struct Message {
  std::string_view place;  // FILE:LINE
  std::string_view text;
  bool is_error = false;
};

std::optional<Message> parse(std::string_view line) {
  for (const std::string_view kind : {": error: ", ": note: "}) {
    const auto at = line.find(kind);
    if (at == std::string_view::npos) continue;
    std::string_view place = line.substr(0, at);
    const auto column = place.rfind(':');
    if (column == std::string_view::npos || place.substr(0, column).rfind(':') == std::string_view::npos) continue;
    return Message{place.substr(0, column), line.substr(at + kind.size()), kind == ": error: "};
  }
  return std::nullopt;
}

// The arguments of "… 'thalo::detail::check_command<X, B>' …".
std::string_view arguments_of(std::string_view text, std::string_view function) {
  const auto begin = text.find(std::string(function) + "<");
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin + function.size() + 1);
  const auto end = text.find(">'");
  return end == std::string_view::npos ? std::string_view() : text.substr(0, end);
}

// The type an error is about: what the innermost of the SDK's templates was made for.
std::string_view subject_of(std::string_view text) {
  for (const std::string_view function : {"check_command", "check_event", "handle_as"}) {
    const auto arguments = arguments_of(text, function);
    const auto comma = arguments.find(", ");
    if (comma != std::string_view::npos) return arguments.substr(comma + 2);
  }
  for (const std::string_view function : {"read_struct", "write_struct", "type_name"}) {
    if (const auto argument = arguments_of(text, function); !argument.empty()) return argument;
  }
  return {};
}

// The SDK's own words in an error, if it has some.
std::string_view reason_in(std::string_view text) {
  const auto at = text.find(sdk_mark);
  const bool is_ours = text.starts_with("static assertion failed") && at != std::string_view::npos;
  return is_ours ? text.substr(at + sdk_mark.size()) : std::string_view();
}

class Explainer {
 public:
  explicit Explainer(std::string sdk) : sdk_(std::move(sdk)) {}

  void take(const Message& message) {
    if (message.is_error) {
      finish();
      reason_ = reason_in(message.text);
      if (reason_.ends_with("the errors say why")) reason_ = {};
    }
    if (reason_.empty()) return;
    if (subject_.empty() && message.text.starts_with(instantiation_mark)) subject_ = subject_of(message.text);
    if (place_.empty() && !message.place.starts_with(sdk_)) place_ = message.place;
  }

  std::vector<std::string> finish() {
    if (!reason_.empty()) {
      std::string line = (place_.empty() ? std::string() : std::string(place_) + ": ") +
                         (subject_.empty() ? std::string() : std::string(subject_) + ": ") + std::string(reason_);
      if (std::ranges::find(explanations_, line) == explanations_.end()) explanations_.push_back(std::move(line));
    }
    reason_ = subject_ = place_ = {};
    return explanations_;
  }

 private:
  const std::string sdk_;
  std::string_view reason_;
  std::string_view subject_;
  std::string_view place_;
  std::vector<std::string> explanations_;
};

// The places of THALO_EXPORT in the sources.
std::vector<std::string> exports_in(const Sources& sources) {
  std::vector<std::string> places;
  for (const auto& file : sources.files) {
    const auto content = env::read_file(file);
    if (!content) continue;
    std::size_t number = 0;
    for (std::string_view line : lines_of(*content)) {
      ++number;
      line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
      if (line.starts_with("THALO_EXPORT")) places.push_back(file.string() + ":" + std::to_string(number));
    }
  }
  return places;
}

std::string two_exports(const Sources& sources) {
  std::string line;
  for (const std::string& place : exports_in(sources)) line += (line.empty() ? "" : ", ") + place;
  return line + (line.empty() ? "" : ": ") +
         "THALO_EXPORT is there more than once, and a module is one aggregate: keep one, and give the other aggregate "
         "a "
         "folder of its own";
}

}  // namespace

std::vector<std::string> explain_errors(std::string_view output, const fs::path& sdk, const Sources& sources) {
  const std::string text = without_colours(output);
  Explainer explainer(sdk.string());
  bool twice = false;
  for (const auto line : lines_of(text)) {
    const bool about_export = line.find("thalo_entity_construct") != std::string_view::npos;
    if (about_export && (line.find("redefinition of") != std::string_view::npos ||
                         line.find("duplicate symbol") != std::string_view::npos)) {
      twice = true;
    }
    if (const auto message = parse(line)) explainer.take(*message);
  }
  auto explanations = explainer.finish();
  if (twice) explanations.push_back(two_exports(sources));
  return explanations;
}

}  // namespace thalo::build
