#include "build/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <sstream>
#include <string_view>
#include <system_error>

namespace thalo::build {
namespace {

using base::Code;

constexpr std::size_t output_bytes_max = std::size_t{64} << 10;

std::vector<char*> pointers_to(const std::vector<std::string>& words) {
  std::vector<char*> pointers;
  pointers.reserve(words.size() + 1);
  for (const auto& word : words) pointers.push_back(const_cast<char*>(word.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// This program's environment, with what `process` sets in place of what was there.
std::vector<std::string> environment_of(const Process& process) {
  std::vector<std::string> variables;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const std::string_view text = *variable;
    const auto name = text.substr(0, text.find('='));
    if (std::ranges::none_of(process.environment, [&](const auto& set) { return set.first == name; }))
      variables.emplace_back(text);
  }
  for (const auto& [name, value] : process.environment) variables.push_back(name + "=" + value);
  return variables;
}

base::Result<pid_t> start(const Process& process, int output_fd) {
  const auto arguments = pointers_to(process.command);
  const auto environment = environment_of(process);
  const auto variables = pointers_to(environment);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output_fd, STDERR_FILENO);
  if (!process.folder.empty()) posix_spawn_file_actions_addchdir_np(&actions, process.folder.c_str());
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) {
    return base::fail(Code::unavailable,
                      "cannot run " + process.command[0] + ": " + std::generic_category().message(error));
  }
  return child;
}

base::Result<int> wait_for(pid_t child) {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR)
      return base::fail(Code::internal, "waiting for a program failed: " + std::generic_category().message(errno));
  }
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

// Reads to the end, keeping the beginning.
std::string read_all(int fd) {
  std::string text;
  char buffer[4096];
  while (true) {
    const ssize_t count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return text;
    text.append(buffer, std::min(static_cast<std::size_t>(count), output_bytes_max - text.size()));
  }
}

}  // namespace

base::Result<ProcessResult> run_process(const Process& process, int output_fd) {
  const auto child = start(process, output_fd);
  if (!child) return std::unexpected(child.error());
  const auto exit_code = wait_for(*child);
  if (!exit_code) return std::unexpected(exit_code.error());
  return ProcessResult{*exit_code, ""};
}

base::Result<ProcessResult> run_process_quietly(const Process& process) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return base::fail(Code::resource_exhausted, "cannot make a pipe: " + std::generic_category().message(errno));
  }
  const auto child = start(process, ends[1]);
  ::close(ends[1]);
  if (!child) {
    ::close(ends[0]);
    return std::unexpected(child.error());
  }
  ProcessResult result;
  result.output = read_all(ends[0]);
  ::close(ends[0]);
  const auto exit_code = wait_for(*child);
  if (!exit_code) return std::unexpected(exit_code.error());
  result.exit_code = *exit_code;
  return result;
}

std::optional<std::filesystem::path> find_program(const std::string& name, const std::string& path) {
  if (name.find('/') != std::string::npos) {
    return ::access(name.c_str(), X_OK) == 0 ? std::optional<std::filesystem::path>(name) : std::nullopt;
  }
  std::istringstream folders(path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    auto program = std::filesystem::path(folder) / name;
    if (!folder.empty() && ::access(program.c_str(), X_OK) == 0) return program;
  }
  return std::nullopt;
}

}  // namespace thalo::build
