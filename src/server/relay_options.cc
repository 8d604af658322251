#include "server/relay_options.h"

#include <chrono>
#include <string>
#include <type_traits>
#include <utility>

namespace thalo::server {
namespace {

// Reads the keys of one table and remembers the first that cannot be read.
class RelayTable {
 public:
  RelayTable(const toml::table& table, std::string relay) : table_(table), relay_(std::move(relay)) {}

  template <class Value>
  void read(const std::string& key, Value& out) {
    known_ += (known_.empty() ? "" : ", ") + key;
    const toml::node* node = table_.get(key);
    if (node == nullptr) return;
    ++read_;
    if (!assign(*node, out)) refuse(key, std::string("must be ") + wanted(out));
  }

  base::Result<> finish() {
    if (!refusal_.empty()) return base::fail(base::Code::invalid_argument, refusal_);
    if (read_ == table_.size()) return {};
    for (const auto& [key, value] : table_) {
      if ((", " + known_ + ",").find(", " + std::string(key.str()) + ",") != std::string::npos) continue;
      return base::fail(base::Code::invalid_argument,
                        relay_ + "unknown key '" + std::string(key.str()) + "'; there are " + known_);
    }
    return {};
  }

 private:
  static bool assign(const toml::node& node, std::string& out) {
    const auto* text = node.as_string();
    if (text != nullptr) out = text->get();
    return text != nullptr;
  }
  static bool assign(const toml::node& node, std::filesystem::path& out) {
    const auto* text = node.as_string();
    if (text != nullptr) out = text->get();
    return text != nullptr;
  }
  static bool assign(const toml::node& node, std::vector<std::string>& out) {
    const auto* array = node.as_array();
    if (array == nullptr) return false;
    for (const auto& element : *array) {
      if (element.as_string() == nullptr) return false;
      out.push_back(element.as_string()->get());
    }
    return true;
  }
  static bool assign(const toml::node& node, bool& out) {
    const auto* flag = node.as_boolean();
    if (flag != nullptr) out = flag->get();
    return flag != nullptr;
  }
  static bool assign(const toml::node& node, std::uint64_t& out) {
    const auto* number = node.as_integer();
    if (number == nullptr || number->get() < 0) return false;
    out = static_cast<std::uint64_t>(number->get());
    return true;
  }
  static bool assign(const toml::node& node, std::chrono::milliseconds& out) {
    const auto* number = node.as_integer();
    if (number == nullptr || number->get() < 0) return false;
    out = std::chrono::milliseconds(number->get());
    return true;
  }

  template <class Value>
  static const char* wanted(const Value&) {
    if constexpr (std::is_same_v<Value, bool>) return "true or false";
    if constexpr (std::is_same_v<Value, std::vector<std::string>>) return "a list of strings";
    if constexpr (std::is_same_v<Value, std::string> || std::is_same_v<Value, std::filesystem::path>) return "a string";
    return "a whole number, 0 or more";
  }

  void refuse(const std::string& key, const std::string& why) {
    if (refusal_.empty()) refusal_ = relay_ + key + ": " + why;
  }

  const toml::table& table_;
  const std::string relay_;
  std::string known_;
  std::size_t read_ = 0;
  std::string refusal_;
};

base::Result<relay::Settings> read_relay(const toml::table& table, std::size_t number) {
  const auto* name = table.get_as<std::string>("name");
  RelayTable reader(table, "relay " + (name == nullptr ? std::to_string(number) : "'" + name->get() + "'") + ": ");
  relay::Settings out;
  reader.read("name", out.name);
  reader.read("kind", out.kind);
  reader.read("url", out.url);
  reader.read("template", out.name_template);
  reader.read("categories", out.categories);
  reader.read("streams", out.streams);
  reader.read("types", out.types);
  reader.read("batch-events", out.batch_events_max);
  reader.read("batch-bytes", out.batch_bytes_max);
  reader.read("timeout-ms", out.timeout);
  reader.read("retry-max-ms", out.retry_max);
  reader.read("stream-max-len", out.stream_max_len);
  reader.read("batched", out.batched);
  reader.read("secret-file", out.secret_file);
  if (auto finished = reader.finish(); !finished) return std::unexpected(finished.error());
  return out;
}

}  // namespace

base::Result<std::vector<relay::Settings>> read_relays(const toml::node& relays) {
  const auto* tables = relays.as_array();
  if (tables == nullptr) {
    return base::fail(base::Code::invalid_argument,
                      "'relay' must be a list of tables: each relay begins with a line [[relay]]");
  }
  std::vector<relay::Settings> out;
  for (const auto& one : *tables) {
    if (one.as_table() == nullptr) {
      return base::fail(base::Code::invalid_argument,
                        "'relay' must be a list of tables: each relay begins with a line [[relay]]");
    }
    auto relay = read_relay(*one.as_table(), out.size() + 1);
    if (!relay) return std::unexpected(relay.error());
    out.push_back(*std::move(relay));
  }
  return out;
}

}  // namespace thalo::server
