// thalo new NAME --lang LANGUAGE, and thalo sdk-path, which the folders it makes are built with.
#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "build/build.h"
#include "build/scaffold.h"
#include "build/sdk_files.h"
#include "cli/subcommands.h"
#include "cli/terminal.h"

namespace thalo::cli {
namespace {

struct NewFlags {
  std::string name;
  std::string language = "cpp";
  std::string parent = ".";
};

int make_new(const NewFlags& flags) {
  const auto made = build::make_scaffold(flags.parent, flags.name, flags.language);
  if (!made) return report(made.error());
  const std::string folder = made->folder.lexically_normal().string();
  std::cout << "Made " << folder << "/ with";
  for (const auto& file : made->files) std::cout << (&file == made->files.data() ? " " : ", ") << file;
  std::cout << "\nNext:\n    thalo build " << folder << "\n    thalo-runtime &\n    thalo execute " << made->category
            << " one Open" << made->type << " '{\"title\":\"hello\"}'\nIts README.md says how to test it.\n";
  return exit_ok;
}

int print_sdk_path(const std::string& language) {
  const auto folder = build::sdk_folder(language, build::default_cache_folder());
  if (!folder) return report(folder.error());
  std::cout << folder->string() << '\n';
  return exit_ok;
}

}  // namespace

void add_new(CLI::App& app, Session& session) {
  auto flags = std::make_shared<NewFlags>();
  CLI::App* command = app.add_subcommand("new", "Make the folder of a new aggregate, with its test");
  command->footer("Example: thalo new bank_account --lang cpp");
  command->add_option("name", flags->name, "The aggregate's name, e.g. bank_account")->required();
  command->add_option("--lang", flags->language, "The language to write it in")
      ->check(CLI::IsMember(build::scaffold_languages()))
      ->capture_default_str();
  command->add_option("--in", flags->parent, "The folder to make it in")->capture_default_str();
  command->callback([flags, &session] { session.exit_code = make_new(*flags); });
}

void add_sdk_path(CLI::App& app, Session& session) {
  auto language = std::make_shared<std::string>("cpp");
  CLI::App* command =
      app.add_subcommand("sdk-path", "Print the folder of a language's SDK, for editors and native tests");
  command->footer("Example: thalo sdk-path --lang typescript");
  command->add_option("--lang", *language, "The language; for C++ it is the folder of the headers")
      ->check(CLI::IsMember(build::scaffold_languages()))
      ->capture_default_str();
  command->callback([language, &session] { session.exit_code = print_sdk_path(*language); });
}

}  // namespace thalo::cli
