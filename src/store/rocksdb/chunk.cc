#include "store/rocksdb/chunk.h"

#include "store/varint.h"

namespace thalo::store {
namespace {

constexpr char chunk_version = 1;
constexpr std::size_t suffix_size = 1 + sizeof(model::Position);

std::unexpected<base::Error> damaged(std::string_view key, std::string_view what) {
  return base::fail(base::Code::data_loss, "the index of stream " + std::string(chunk_key_stream(key)) +
                                               " is damaged at position " + std::to_string(chunk_key_first(key)) +
                                               ": " + std::string(what) + "; restore the store from a backup");
}

// Takes the version and the count from the front.
base::Result<std::uint64_t> take_count(std::string_view key, std::string_view& value) {
  if (value.empty() || value[0] != chunk_version) return damaged(key, "its version is unknown");
  value.remove_prefix(1);
  std::uint64_t count = 0;
  if (!take_varint(value, count) || count == 0 || count > chunk_events_max) return damaged(key, "its count is wrong");
  return count;
}

}  // namespace

std::string chunk_key(std::string_view stream, model::Position first) {
  std::string key;
  key.reserve(stream.size() + suffix_size);
  key.append(stream).append(suffix_size, '\0');
  put_big_endian64(key.data() + stream.size() + 1, ~first);
  return key;
}

std::string_view chunk_key_prefix(std::string_view key) { return key.substr(0, key.size() - sizeof(model::Position)); }

bool is_chunk_key(std::string_view key) {
  return key.size() > suffix_size && key[0] != '\0' && key[key.size() - suffix_size] == '\0';
}

std::string_view chunk_key_stream(std::string_view key) { return key.substr(0, key.size() - suffix_size); }

model::Position chunk_key_first(std::string_view key) {
  return ~get_big_endian64(key.substr(key.size() - sizeof(model::Position)));
}

std::string encode_chunk(std::span<const model::GlobalPosition> positions) {
  std::string value;
  value.reserve(2 * varint_size_bytes_max + positions.size() * 2);
  value.push_back(chunk_version);
  append_varint(value, positions.size());
  append_varint(value, positions.front());
  for (std::size_t index = 1; index < positions.size(); ++index) {
    append_varint(value, positions[index] - positions[index - 1] - 1);
  }
  return value;
}

base::Result<std::uint64_t> decode_chunk_count(std::string_view key, std::string_view value) {
  return take_count(key, value);
}

base::Result<> decode_chunk(std::string_view key, std::string_view value, std::vector<model::GlobalPosition>& out) {
  const auto count = take_count(key, value);
  if (!count) return std::unexpected(count.error());
  model::GlobalPosition position = 0;
  if (!take_varint(value, position)) return damaged(key, "it is cut short");
  out.push_back(position);
  for (std::uint64_t index = 1; index < *count; ++index) {
    std::uint64_t gap = 0;
    if (!take_varint(value, gap)) return damaged(key, "it is cut short");
    if (gap >= UINT64_MAX - position) return damaged(key, "its positions do not ascend");
    position += gap + 1;
    out.push_back(position);
  }
  if (!value.empty()) return damaged(key, "it is too long");
  return {};
}

}  // namespace thalo::store
