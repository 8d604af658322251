// Cursors and snapshots as bytes (docs/format.md). Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "store/store.h"

namespace thalo::store {

std::string encode_cursor(const Cursor& cursor);
// DATA_LOSS names the cursor.
base::Result<Cursor> decode_cursor(std::string_view name, std::string_view value);

std::string encode_snapshot(const Snapshot& snapshot);
// DATA_LOSS names the stream.
base::Result<Snapshot> decode_snapshot(std::string_view stream, std::string_view value);

}  // namespace thalo::store
