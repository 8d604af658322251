#include "store/rocksdb/event_walk.h"

#include <rocksdb/metadata.h>
#include <rocksdb/sst_file_reader.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <vector>

#include "store/varint.h"

namespace thalo::store {
namespace {

constexpr std::uint64_t events_between_progress = 4096;

using Key = std::array<char, sizeof(model::GlobalPosition)>;

Key key_of(model::GlobalPosition position) {
  Key key;
  put_big_endian64(key.data(), position);
  return key;
}

void seek(rocksdb::Iterator& iterator, model::GlobalPosition position) {
  const Key key = key_of(position);
  iterator.Seek({key.data(), key.size()});
}

struct File {
  std::string path;
  model::GlobalPosition begin;
  model::GlobalPosition end;
};

class Walk {
 public:
  Walk(Database& database, EventCheck& check, VerifyReport& report)
      : database_(database), check_(check), report_(report) {
    std::vector<rocksdb::LiveFileMetaData> live;
    database.db().GetLiveFilesMetaData(&live);
    for (const auto& file : live) {
      if (file.column_family_name != "events") continue;
      total_ += file.num_entries;
      if (file.smallestkey.size() != sizeof(Key) || file.largestkey.size() != sizeof(Key)) continue;
      files_.push_back(
          {file.db_path + file.name, get_big_endian64(file.smallestkey), get_big_endian64(file.largestkey) + 1});
    }
    std::ranges::sort(files_, {}, &File::begin);
  }

  void run() {
    if (walk_merged()) return;
    // A damaged file can hide what other files hold from the iterator over all of them.
    for (const File& file : files_) walk_file(file);
    walk_buffers();
  }

 private:
  void see(rocksdb::Iterator& iterator) {
    check_.see(view(iterator.key()), view(iterator.value()));
    if (++seen_ % events_between_progress == 0) report_.progress("events", seen_, std::max(total_, seen_));
  }

  bool walk_merged() {
    const std::unique_ptr<rocksdb::Iterator> iterator(database_.db().NewIterator(options(), database_.events()));
    for (iterator->SeekToFirst(); iterator->Valid(); iterator->Next()) see(*iterator);
    return iterator->status().ok();
  }

  void walk_file(const File& file) {
    const model::GlobalPosition begin = std::max(check_.next(), file.begin);
    if (begin >= file.end) return;
    rocksdb::Options reader_options;
    reader_options.env = database_.db().GetEnv();
    rocksdb::SstFileReader reader(reader_options);
    if (const auto opened = reader.Open(file.path); !opened.ok()) return lose(begin, file.end, opened, file.path);
    for (model::GlobalPosition next = begin; next < file.end;) {
      const auto iterator = iterator_at(reader, next);
      for (; iterator->Valid(); iterator->Next()) see(*iterator);
      if (iterator->status().ok()) return;
      const model::GlobalPosition broken = std::max(check_.next(), file.begin);
      next = next_readable(reader, broken, file.end);
      lose(broken, next, iterator->status(), file.path);
    }
  }

  // A new one for every place: one that has met a damaged block may take it for a sound one that it stood in before.
  static std::unique_ptr<rocksdb::Iterator> iterator_at(rocksdb::SstFileReader& reader,
                                                        model::GlobalPosition position) {
    std::unique_ptr<rocksdb::Iterator> iterator(reader.NewIterator(options()));
    seek(*iterator, position);
    return iterator;
  }

  // The first place behind `broken` that can be read, or `end`.
  static model::GlobalPosition next_readable(rocksdb::SstFileReader& reader, model::GlobalPosition broken,
                                             model::GlobalPosition end) {
    model::GlobalPosition bad = broken;
    model::GlobalPosition good = end;
    for (std::uint64_t step = 1; bad + step < end; step *= 2) {
      if (iterator_at(reader, bad + step)->Valid()) {
        good = bad + step;
        break;
      }
      bad += step;
    }
    while (good - bad > 1) {
      const model::GlobalPosition middle = bad + (good - bad) / 2;
      (iterator_at(reader, middle)->Valid() ? good : bad) = middle;
    }
    return good;
  }

  // What no file holds yet.
  void walk_buffers() {
    auto buffers = options();
    buffers.read_tier = rocksdb::kMemtableTier;
    const std::unique_ptr<rocksdb::Iterator> iterator(database_.db().NewIterator(buffers, database_.events()));
    for (seek(*iterator, check_.next()); iterator->Valid(); iterator->Next()) see(*iterator);
  }

  void lose(model::GlobalPosition begin, model::GlobalPosition end, const rocksdb::Status& status,
            const std::string& file) {
    check_.miss_to(begin);
    report_.add({.invariant = intact_files,
                 .what = (end == begin + 1 ? "the event" : "the events from here to " + std::to_string(end - 1)) +
                         " cannot be read: " + status.ToString(),
                 .global_position = begin,
                 .file = file});
    check_.skip_to(end);
  }

  static rocksdb::ReadOptions options() {
    rocksdb::ReadOptions options = iterator_options();
    options.fill_cache = false;
    options.readahead_size = std::size_t{1} << 20;
    return options;
  }

  Database& database_;
  EventCheck& check_;
  VerifyReport& report_;
  std::vector<File> files_;
  std::uint64_t total_ = 0;
  std::uint64_t seen_ = 0;
};

}  // namespace

void walk_events(Database& database, EventCheck& check, VerifyReport& report) { Walk(database, check, report).run(); }

}  // namespace thalo::store
