#include "cli/argument.h"

#include <iostream>
#include <iterator>

#include "env/files.h"
#include "model/stream_name.h"

namespace thalo::cli {
namespace {

// More than any server takes.
constexpr std::size_t size_bytes_max = std::size_t{64} << 20;

}  // namespace

base::Result<std::string> read_argument(const std::string& text) {
  if (text != "-" && !text.starts_with('@')) return text;
  base::Result<std::string> content;
  if (text == "-") {
    content = std::string(std::istreambuf_iterator<char>(std::cin), {});
  } else {
    content = env::read_file(text.substr(1), size_bytes_max);
  }
  while (content && (content->ends_with('\n') || content->ends_with('\r'))) content->pop_back();
  return content;
}

base::Error with_category_meant(base::Error error, std::string_view category) {
  const bool may_be_a_name = error.code == base::Code::invalid_argument || error.code == base::Code::not_found;
  if (!may_be_a_name || category.find_first_of("-_") == std::string_view::npos) return error;
  if (const auto meant = model::category_of_module(category)) error.message += "; did you mean " + *meant + "?";
  return error;
}

}  // namespace thalo::cli
