#include "build/scaffold.h"

#include <algorithm>
#include <cctype>
#include <system_error>
#include <utility>

#include "build/embedded.h"
#include "build/python_names.h"
#include "env/files.h"
#include "model/stream_name.h"

namespace thalo::build {
namespace {

namespace fs = std::filesystem;
using base::Code;

constexpr std::size_t name_size_bytes_max = 64;
constexpr std::string_view templates_prefix = "templates/";
constexpr std::string_view template_suffix = ".in";

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }

// The name becomes a file's, a C++ type's and a CMake target's.
base::Result<> check_name(std::string_view name) {
  const auto legal = [](char c) { return is_lower(c) || (c >= '0' && c <= '9') || c == '_' || c == '-'; };
  const std::string shown = "'" + std::string(name.substr(0, name_size_bytes_max)) + "'";
  if (name.empty() || name.size() > name_size_bytes_max || !is_lower(name.front()) ||
      !std::ranges::all_of(name, legal)) {
    return base::fail(Code::invalid_argument,
                      "the name " + shown +
                          " is illegal: use 1 to 64 lower-case letters, digits, '_' and '-', a letter first, e.g. "
                          "bank_account");
  }
  if (name.ends_with("_test"))
    return base::fail(Code::invalid_argument, "the name " + shown + " is illegal: files named *_test.cc are tests");
  return {};
}

// bank_account -> BankAccount
std::string type_of(std::string_view name) {
  std::string out;
  bool upper = true;
  for (const char c : name) {
    if (c == '_' || c == '-') {
      upper = true;
      continue;
    }
    out += upper ? static_cast<char>(std::toupper(static_cast<unsigned char>(c))) : c;
    upper = false;
  }
  return out;
}

// What an aggregate's own type cannot be called: its sources name something else so.
std::string_view taken_types(std::string_view language) {
  if (language != "rust") return " Command Event ";
  return " Aggregate Apply Command Deserialize Event Handle Result Self Serde Serialize String Thalo Vec ";
}

using Values = std::vector<std::pair<std::string, std::string>>;

std::string filled(std::string_view content, const Values& values) {
  std::string out(content);
  for (const auto& [mark, value] : values) {
    for (auto at = out.find(mark); at != std::string::npos; at = out.find(mark, at + value.size()))
      out.replace(at, mark.size(), value);
  }
  return out;
}

std::string file_name(std::string_view template_name, std::string_view name) {
  const std::string file(template_name.substr(0, template_name.size() - template_suffix.size()));
  if (file == "gitignore") return ".gitignore";
  return filled(file, {{"aggregate", std::string(name)}});
}

base::Result<> copy_embedded(std::string_view prefix, const fs::path& folder) {
  for (const auto& file : embedded_files()) {
    if (!file.path.starts_with(prefix)) continue;
    const auto target = folder / file.path.substr(prefix.size());
    if (auto made = env::make_folder(target.parent_path()); !made) return made;
    if (auto written = env::write_file_atomically(target, file.content); !written) return written;
  }
  return {};
}

}  // namespace

std::vector<std::string> scaffold_languages() {
  std::vector<std::string> languages;
  for (const auto& file : embedded_files()) {
    if (!file.path.starts_with(templates_prefix)) continue;
    const auto rest = file.path.substr(templates_prefix.size());
    const std::string language(rest.substr(0, rest.find('/')));
    if (std::ranges::find(languages, language) == languages.end()) languages.push_back(language);
  }
  return languages;
}

base::Result<Scaffold> make_scaffold(const fs::path& parent, std::string_view name, std::string_view language) {
  if (const auto legal = check_name(name); !legal) return std::unexpected(legal.error());
  const std::string prefix = std::string(templates_prefix) + std::string(language) + "/";
  const auto languages = scaffold_languages();
  if (std::ranges::find(languages, language) == languages.end()) {
    std::string known;
    for (const auto& one : languages) known += (known.empty() ? "" : ", ") + one;
    return base::fail(Code::invalid_argument,
                      "there is no template for the language '" + std::string(language) + "'; there are: " + known);
  }
  if (language == "python" && name.find('-') != std::string_view::npos)
    return base::fail(Code::invalid_argument,
                      "the name '" + std::string(name) + "' cannot be a Python module's; use '_' instead of '-'");
  if (language == "python" && is_taken_in_python(name))
    return base::fail(Code::invalid_argument,
                      "the name '" + std::string(name) +
                          "' is a word or a module of Python's own or Thalo's; use another, e.g. 'my_" +
                          std::string(name) + "'");
  if (taken_types(language).contains(" " + type_of(name) + " "))
    return base::fail(Code::invalid_argument, "the name '" + std::string(name) +
                                                  "' is taken by the language or the SDK; use another, e.g. 'my_" +
                                                  std::string(name) + "'");
  auto category = model::category_of_module(name);
  if (!category) return std::unexpected(category.error());

  Scaffold made{parent / name, {}, *std::move(category), type_of(name)};
  std::error_code error;
  // Making the folder is also what keeps anything from being overwritten.
  if (!fs::create_directory(made.folder, error)) {
    if (!error || fs::exists(made.folder)) {
      return base::fail(Code::already_exists, made.folder.lexically_normal().string() +
                                                  " exists already and is left as it is; choose another name");
    }
    return base::fail(Code::unavailable,
                      "cannot make the folder " + made.folder.lexically_normal().string() + ": " + error.message());
  }
  const Values values{{"@NAME@", std::string(name)}, {"@TYPE@", made.type}, {"@CATEGORY@", made.category}};
  for (const auto& file : embedded_files()) {
    if (!file.path.starts_with(prefix)) continue;
    const auto target = file_name(file.path.substr(prefix.size()), name);
    if (auto parent = env::make_folder((made.folder / target).parent_path()); !parent)
      return std::unexpected(parent.error());
    if (auto written = env::write_file_atomically(made.folder / target, filled(file.content, values)); !written)
      return std::unexpected(written.error());
    made.files.push_back(target);
  }
  // A path in Cargo.toml has to hold on every machine that the crate is built on, so the SDK goes with the crate.
  if (language == "rust") {
    if (auto copied = copy_embedded("rust/", made.folder / "sdk"); !copied) return std::unexpected(copied.error());
    made.files.emplace_back("sdk/");
  }
  std::ranges::sort(made.files);
  return made;
}

}  // namespace thalo::build
