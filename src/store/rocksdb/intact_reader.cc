#include "store/rocksdb/intact_reader.h"

#include <rocksdb/metadata.h>

#include <array>
#include <vector>

#include "store/varint.h"

namespace thalo::store {

rocksdb::Status IntactReader::read(model::GlobalPosition position, rocksdb::PinnableSlice& value) {
  std::array<char, sizeof position> bytes;
  put_big_endian64(bytes.data(), position);
  const rocksdb::Slice key(bytes.data(), bytes.size());
  const auto opened = open_file_of(position);
  // What is in no file is in memory.
  if (opened.IsNotFound()) return database_.db().Get({}, database_.events(), key, &value);
  if (!opened.ok()) return opened;
  if (iterator_->Valid()) iterator_->Next();
  if (!iterator_->Valid() || iterator_->key() != key) iterator_->Seek(key);
  if (!iterator_->status().ok()) return iterator_->status();
  if (!iterator_->Valid() || iterator_->key() != key) return rocksdb::Status::NotFound();
  value.PinSelf(iterator_->value());
  return rocksdb::Status::OK();
}

rocksdb::Status IntactReader::open_file_of(model::GlobalPosition position) {
  if (position >= begin_ && position < end_) return rocksdb::Status::OK();
  std::vector<rocksdb::LiveFileMetaData> files;
  database_.db().GetLiveFilesMetaData(&files);
  for (const auto& file : files) {
    if (file.column_family_name != "events" || file.smallestkey.size() != sizeof position ||
        file.largestkey.size() != sizeof position)
      continue;
    const model::GlobalPosition begin = get_big_endian64(file.smallestkey);
    const model::GlobalPosition end = get_big_endian64(file.largestkey) + 1;
    if (position < begin || position >= end) continue;
    rocksdb::Options options;
    options.env = database_.db().GetEnv();
    iterator_.reset();
    file_ = std::make_unique<rocksdb::SstFileReader>(options);
    begin_ = end_ = 0;
    if (const auto opened = file_->Open(file.db_path + file.name); !opened.ok()) return opened;
    iterator_.reset(file_->NewIterator(iterator_options()));
    begin_ = begin;
    end_ = end;
    return rocksdb::Status::OK();
  }
  return rocksdb::Status::NotFound();
}

}  // namespace thalo::store
