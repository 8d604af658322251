// Reads single events although there is damage elsewhere. The engine asks several files for a key, and a damaged block
// in one of them makes it fail for events that another one holds whole. This asks only the file that has the event.
#pragma once

#include <rocksdb/sst_file_reader.h>

#include <memory>

#include "store/rocksdb/database.h"

namespace thalo::store {

// For one thread. Much slower than the engine: for after it has failed. The database must outlive it.
class IntactReader {
 public:
  explicit IntactReader(Database& database) : database_(database) {}

  // Sets `value`, which is valid until the next call. NotFound: no event is there.
  rocksdb::Status read(model::GlobalPosition position, rocksdb::PinnableSlice& value);

 private:
  rocksdb::Status open_file_of(model::GlobalPosition position);

  Database& database_;
  // The file that was asked last.
  std::unique_ptr<rocksdb::SstFileReader> file_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  model::GlobalPosition begin_ = 0;
  model::GlobalPosition end_ = 0;
};

}  // namespace thalo::store
