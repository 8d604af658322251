#include "store/rocksdb/store_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include "env/files.h"

namespace thalo::store {
namespace {

using base::Code;
using base::fail;

constexpr std::string_view first_line = "thalo event store\n";
constexpr std::size_t store_file_size_bytes_max = 4096;

std::string error_text(int number) { return std::generic_category().message(number); }

model::StoreId random_id() {
  std::random_device random;
  model::StoreId id;
  for (auto& byte : id) byte = static_cast<std::uint8_t>(random());
  return id;
}

std::string hex(const model::StoreId& id) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : id) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

bool parse_hex(std::string_view text, model::StoreId& id) {
  if (text.size() != 2 * id.size()) return false;
  for (std::size_t index = 0; index < id.size(); ++index) {
    const char* const begin = text.data() + 2 * index;
    if (std::from_chars(begin, begin + 2, id[index], 16).ptr != begin + 2) return false;
  }
  return true;
}

// Takes `word` and what follows it up to the end of the line from the front of `text`.
bool take_line(std::string_view& text, std::string_view word, std::string_view& value) {
  if (!text.starts_with(word)) return false;
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return false;
  value = text.substr(word.size(), end - word.size());
  text.remove_prefix(end + 1);
  return true;
}

// The folder is there, and is a store or may become one.
base::Result<> check_folder(const std::filesystem::path& path, bool create_if_missing) {
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (status.type() == std::filesystem::file_type::not_found) {
    if (create_if_missing) return env::make_folder(path);
    return fail(Code::not_found, "there is no store at " + path.string() +
                                     ": the folder does not exist; check the path, or create a store there");
  }
  if (error)
    return fail(Code::permission_denied, "cannot look at the store folder " + path.string() + ": " + error.message());
  if (status.type() != std::filesystem::file_type::directory) {
    return fail(Code::failed_precondition,
                "the store path " + path.string() + " is a file and must be a folder; choose another path");
  }
  if (std::filesystem::exists(path / "STORE", error)) return {};
  std::filesystem::directory_iterator entries(path, error);
  if (error)
    return fail(Code::permission_denied, "cannot look into the store folder " + path.string() + ": " + error.message());
  for (const auto& entry : entries) {
    const std::string name = entry.path().filename().string();
    // What an interrupted creation may leave behind.
    if (name == "LOCK" || name.starts_with("STORE.") || name == "lost+found") continue;
    if (std::filesystem::is_directory(path / "rocksdb", error)) {
      return fail(Code::failed_precondition,
                  "the folder " + path.string() +
                      " has a database (rocksdb) but no file STORE: a restore into it was interrupted, or the file was "
                      "deleted; restore a backup into another folder");
    }
    return fail(Code::failed_precondition, "the folder " + path.string() +
                                               " is not a Thalo store: it has no file STORE but holds other files (" +
                                               name + "); choose an empty or a new folder");
  }
  if (create_if_missing) return {};
  return fail(Code::not_found, "there is no store at " + path.string() +
                                   ": the folder is empty; check the path, or create a store there");
}

base::Result<int> lock_folder(const std::filesystem::path& path) {
  const std::filesystem::path file = path / "LOCK";
  const int lock = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (lock < 0) {
    const Code code = errno == EACCES || errno == EPERM || errno == EROFS ? Code::permission_denied : Code::unavailable;
    return fail(code, "the store folder " + path.string() + " is not writable: cannot open " + file.string() + ": " +
                          error_text(errno));
  }
  if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return lock;
  const int number = errno;
  ::close(lock);
  if (number == EWOULDBLOCK) {
    return fail(
        Code::failed_precondition,
        "the store " + path.string() + " is in use by another process; stop that process, or choose another folder");
  }
  return fail(Code::unavailable, "cannot lock the store " + path.string() + ": " + error_text(number));
}

// A folder in which nothing was ever locked, as a copy may be, has no file to lock: -1.
base::Result<int> lock_folder_for_reading(const std::filesystem::path& path) {
  const std::filesystem::path file = path / "LOCK";
  const int lock = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0 && errno == ENOENT) return -1;
  if (lock < 0) return fail(Code::permission_denied, "cannot open " + file.string() + ": " + error_text(errno));
  if (::flock(lock, LOCK_SH | LOCK_NB) == 0) return lock;
  const int number = errno;
  ::close(lock);
  if (number == EWOULDBLOCK) {
    return fail(Code::failed_precondition,
                "the store " + path.string() + " is in use by a running process; ask that server (--url), or stop it");
  }
  return fail(Code::unavailable, "cannot lock the store " + path.string() + ": " + error_text(number));
}

}  // namespace

std::string description_of(const model::StoreId& id) {
  return std::string(first_line) + "format " + std::to_string(store_format) + "\nid " + hex(id) + "\n";
}

bool parse_description(std::string_view text, model::StoreId& id) {
  const std::size_t line = text.rfind("id ");
  if (line == std::string_view::npos || !text.ends_with('\n')) return false;
  text.remove_suffix(1);
  return parse_hex(text.substr(line + 3), id) && std::string(text) + "\n" == description_of(id);
}

StoreFolder::StoreFolder(StoreFolder&& other) noexcept
    : path_(std::move(other.path_)),
      lock_(std::exchange(other.lock_, -1)),
      id_(other.id_),
      is_new_(other.is_new_),
      is_exact_(other.is_exact_) {}

StoreFolder::~StoreFolder() {
  if (lock_ >= 0) ::close(lock_);
}

base::Result<StoreFolder> StoreFolder::open(const std::filesystem::path& path, bool create_if_missing) {
  if (auto checked = check_folder(path, create_if_missing); !checked)
    return std::unexpected(std::move(checked.error()));
  auto lock = lock_folder(path);
  if (!lock) return std::unexpected(std::move(lock.error()));
  StoreFolder folder(path, *lock);
  if (auto read = folder.read_or_create(); !read) return std::unexpected(std::move(read.error()));
  return folder;
}

base::Result<StoreFolder> StoreFolder::open_read_only(const std::filesystem::path& path) {
  if (auto checked = check_folder(path, false); !checked) return std::unexpected(std::move(checked.error()));
  auto lock = lock_folder_for_reading(path);
  if (!lock) return std::unexpected(std::move(lock.error()));
  StoreFolder folder(path, *lock);
  const auto text = env::read_file(path / "STORE", store_file_size_bytes_max);
  if (!text) return std::unexpected(text.error());
  if (auto parsed = folder.parse(*text); !parsed) return std::unexpected(std::move(parsed.error()));
  if (folder.is_new_)
    return fail(Code::failed_precondition,
                "the store " + path.string() + " was not completed when it was made; start the runtime on it once");
  return folder;
}

base::Result<> StoreFolder::read_or_create() {
  auto text = env::read_file(path_ / "STORE", store_file_size_bytes_max);
  if (text) return parse(*text);
  if (text.error().code != Code::not_found) return std::unexpected(std::move(text.error()));
  id_ = random_id();
  is_new_ = true;
  return write();
}

base::Result<> StoreFolder::parse(std::string_view text) {
  const std::string file = (path_ / "STORE").string();
  std::string_view rest = text;
  std::string_view value;
  if (!rest.starts_with(first_line)) {
    return fail(Code::failed_precondition, "the folder " + path_.string() + " is not a Thalo store: " + file +
                                               " does not begin with \"thalo event store\"");
  }
  rest.remove_prefix(first_line.size());
  std::uint32_t format = 0;
  const bool has_format = take_line(rest, "format ", value);
  const auto parsed = std::from_chars(value.data(), value.data() + value.size(), format);
  if (!has_format || parsed.ec != std::errc() || parsed.ptr != value.data() + value.size() || format == 0) {
    return fail(Code::data_loss,
                file + " is damaged: its line \"format\" is missing or no number; restore it from a backup");
  }
  if (format > store_format) {
    return fail(Code::failed_precondition, "the store " + path_.string() + " has format " + std::to_string(format) +
                                               " and this program reads formats up to " + std::to_string(store_format) +
                                               "; use a newer Thalo");
  }
  if (!take_line(rest, "id ", value) || !parse_hex(value, id_)) {
    return fail(
        Code::data_loss,
        file + " is damaged: its line \"id\" is missing or not 32 hexadecimal digits; restore it from a backup");
  }
  is_new_ = rest == "creating\n";
  if (!rest.empty() && !is_new_)
    return fail(Code::data_loss, file + " is damaged: it goes on after the id; restore it from a backup");
  is_exact_ = text == description();
  return {};
}

std::string StoreFolder::description() const { return description_of(id_) + (is_new_ ? "creating\n" : ""); }

base::Result<> StoreFolder::write() { return env::write_file_atomically(path_ / "STORE", description()); }

base::Result<> StoreFolder::finish_creation() {
  is_new_ = false;
  return write();
}

}  // namespace thalo::store
