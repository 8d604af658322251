#include <nlohmann/json.hpp>

#include "base/json.h"
#include "command/metadata.h"
#include "model/stream_name.h"
#include "tests/fuzz/check.h"
#include "tests/fuzz/targets.h"

namespace thalo::fuzz {

namespace {

void note(bool accepted, Reached& reached) { ++(accepted ? reached.accepted : reached.rejections); }

void read_stream_name(std::string_view text, Reached& reached) {
  const auto name = model::StreamName::parse(text);
  note(name.has_value(), reached);
  if (!name) return check(!name.error().message.empty(), "a refusal says why");
  check(name->text() == text, "a stream's name is what was given");
  check(base::is_utf8(text) && text.find('\0') == std::string_view::npos,
        "a stream's name is UTF-8 and has no zero byte");
  check(name->category() == model::category_of(text), "both ways to find the category agree");
  const auto again = model::StreamName::make(name->category(), name->id());
  check(again && *again == *name, "category and id make the same name");
}

void read_type(std::string_view text, Reached& reached) {
  note(model::check_event_type(text).has_value(), reached);
  if (model::check_event_type(text)) check(base::is_utf8(text) && !text.empty(), "an event's type is a text");
  if (const auto category = model::category_of_module(text))
    check(model::check_category(*category).has_value(), "a module serves a category");
}

void read_json(std::string_view text, Reached& reached) {
  const bool is_json = base::check_json(text).has_value();
  note(is_json, reached);
  if (is_json) check(nlohmann::json::accept(text), "another reader agrees that it is JSON");
  const std::string quoted = base::json_quote(text);
  check(base::check_json(quoted).has_value(), "a quoted text is JSON");
  if (base::is_utf8(text))
    check(nlohmann::json::parse(quoted).get<std::string>() == text, "a quoted text means the text");
  const auto members = base::json_members(text);
  if (!members) return;
  check(nlohmann::json::accept(text), "what has members is JSON");
  for (const auto& [key, value] : *members) {
    check(key.data() >= text.data() && key.data() + key.size() <= text.data() + text.size(), "a key is in the text");
    check(base::check_json(value).has_value(), "a member's value is JSON");
  }
}

void read_metadata(std::string_view text, Reached& reached) {
  (void)command::command_id_of(text);
  if (!base::is_utf8(text)) return;
  model::Command command{model::StreamName::make("c", "1").value()};
  command.id = text.substr(0, text.find('\n'));
  if (!base::is_utf8(command.id)) return;
  command.correlation_id = text;
  // The router lets no deeper one through.
  if (base::json_members(text) && base::check_json("[" + std::string(text) + "]")) command.metadata = text;
  const std::string metadata = command::event_metadata(command);
  note(!metadata.empty(), reached);
  if (metadata.empty()) return;
  check(base::check_json(metadata).has_value(), "the metadata of an event is JSON");
  check(command::command_id_of(metadata) == command.id, "the id of a command can be read back");
}

}  // namespace

void client_text(std::string_view input, Reached& reached) {
  if (input.empty()) return;
  const std::string_view rest = input.substr(1);
  switch (input[0] % 4) {
    case 0:
      return read_stream_name(rest, reached);
    case 1:
      return read_type(rest, reached);
    case 2:
      return read_json(rest, reached);
    default:
      return read_metadata(rest, reached);
  }
}

std::vector<std::string> client_text_seeds() {
  const auto seed = [](char kind, std::string_view text) { return std::string(1, kind) + std::string(text); };
  return {seed(0, "counter-abc123"),
          seed(0, "account:command+position-\xc3\xa9-1"),
          seed(1, "bank_account"),
          seed(1, "Deposited"),
          seed(2, R"({"amount":12.5e3,"a":[true,null,"\u00e9\n"],"b":{}})"),
          seed(2, "\"\xf0\x9f\x98\x80\""),
          seed(2, "[1,-0.5,\"\\\"\"]"),
          seed(3, "id-1\nrest"),
          seed(3, R"({"command_id":"x"})")};
}

}  // namespace thalo::fuzz
