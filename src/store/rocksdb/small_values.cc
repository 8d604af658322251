#include "store/rocksdb/small_values.h"

#include "store/varint.h"

namespace thalo::store {
namespace {

constexpr char cursor_version = 1;
constexpr char snapshot_version = 1;

bool take_version(std::string_view& value, char version) {
  if (value.empty() || value[0] != version) return false;
  value.remove_prefix(1);
  return true;
}

}  // namespace

std::string encode_cursor(const Cursor& cursor) {
  std::string value(1, cursor_version);
  append_varint(value, cursor.next);
  value += cursor.data;
  return value;
}

base::Result<Cursor> decode_cursor(std::string_view name, std::string_view value) {
  Cursor cursor;
  if (!take_version(value, cursor_version) || !take_varint(value, cursor.next)) {
    return base::fail(base::Code::data_loss,
                      "the cursor " + std::string(name) +
                          " is damaged; delete it to begin again, or restore the store from a backup");
  }
  cursor.data = value;
  return cursor;
}

std::string encode_snapshot(const Snapshot& snapshot) {
  std::string value(1, snapshot_version);
  value.reserve(64 + snapshot.module_digest.size() + snapshot.format.size() + snapshot.data.size());
  append_varint(value, snapshot.version);
  append_text(value, snapshot.module_digest);
  append_text(value, snapshot.format);
  value += snapshot.data;
  return value;
}

base::Result<Snapshot> decode_snapshot(std::string_view stream, std::string_view value) {
  Snapshot snapshot;
  std::string_view digest;
  std::string_view format;
  if (!take_version(value, snapshot_version) || !take_varint(value, snapshot.version) || !take_text(value, digest) ||
      !take_text(value, format)) {
    return base::fail(base::Code::data_loss, "the snapshot of stream " + std::string(stream) +
                                                 " is damaged; delete it: it is made again from the events");
  }
  snapshot.module_digest = digest;
  snapshot.format = format;
  snapshot.data = value;
  return snapshot;
}

}  // namespace thalo::store
