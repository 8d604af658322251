#include "cli/argument.h"

#include <iostream>
#include <iterator>

#include "env/files.h"

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

}  // namespace thalo::cli
