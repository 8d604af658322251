#include "build/componentize.h"

#include <thalo_componentize.h>

#include <algorithm>

#include "build/embedded.h"

namespace thalo::build {
namespace {

using base::Code;

constexpr std::string_view contract = "thalo:aggregate/aggregate@1.0.0";
constexpr std::string_view own_package = "thalo:aggregate/";

thalo_borrowed_text_t borrow(std::string_view text) { return {text.data(), text.size()}; }

std::string take(thalo_owned_text_t& text) {
  std::string copy(text.data, text.size);
  thalo_owned_text_delete(&text);
  return copy;
}

std::string joined(const std::vector<std::string>& names) {
  if (names.empty()) return "nothing";
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace

base::Result<std::string> componentize(std::string_view module) {
  const std::string_view wit = embedded_file("wit/aggregate.wit");
  // The adapter writes to the log and needs nothing else of the contract.
  const std::string adapter_wit = std::string(wit) + "\nworld preview1-adapter { import log; }\n";
  const thalo_componentize_input_t input{
      .module = borrow(module),
      .wit = borrow(wit),
      .world = borrow("component"),
      .adapter_name = borrow("wasi_snapshot_preview1"),
      .adapter = borrow(embedded_file("preview1_adapter.wat")),
      .adapter_wit = borrow(adapter_wit),
      .adapter_world = borrow("preview1-adapter"),
  };
  thalo_owned_text_t output{};
  const bool ok = thalo_componentize(&input, &output);
  std::string text = take(output);
  if (!ok) return base::fail(Code::invalid_argument, "the module cannot be made a component: " + text);
  return text;
}

base::Result<Interfaces> interfaces_of(std::string_view component) {
  thalo_owned_text_t output{};
  const bool ok = thalo_component_interfaces(borrow(component), &output);
  const std::string text = take(output);
  if (!ok) return base::fail(Code::invalid_argument, "not a component: " + text);
  Interfaces interfaces;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(rest.size(), line.size() + 1));
    if (line.starts_with("import ")) interfaces.imports.emplace_back(line.substr(7));
    if (line.starts_with("export ")) interfaces.exports.emplace_back(line.substr(7));
  }
  return interfaces;
}

base::Result<> check_aggregate(std::string_view component) {
  const auto interfaces = interfaces_of(component);
  if (!interfaces) return std::unexpected(interfaces.error());
  if (std::ranges::find(interfaces->exports, contract) == interfaces->exports.end()) {
    return base::fail(Code::failed_precondition, "the component does not export " + std::string(contract) +
                                                     "; it exports " + joined(interfaces->exports));
  }
  for (const auto& name : interfaces->imports) {
    if (!name.starts_with(own_package)) {
      return base::fail(
          Code::failed_precondition,
          "the component imports " + name +
              "; an aggregate may use nothing outside the runtime's own interfaces, or its state would depend "
              "on the machine it runs on");
    }
  }
  return {};
}

}  // namespace thalo::build
