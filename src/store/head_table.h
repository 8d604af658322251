// The versions of the streams that are being appended to, so that the committer never reads the disk.
//
// The thread that appends *pins* its stream: if the table does not have it, that thread looks the version up (in the
// index, perhaps on disk) while later appends to the same stream wait for it. From then on the committer alone reads
// and moves the version. A stream stays pinned until its append is committed *and published to the index*; so a stream
// that is in nobody's hands can be forgotten and looked up again without missing an event.
//
// Memory: some 60 bytes per stream that is pinned, by an append in the queue or a chain, plus the versions of up to
// `idle_max` streams that were used last, 20 bytes each (idle_versions.h). A stream's name is that of who appended to
// it last.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "base/shared_text.h"

namespace thalo::store {

class HeadTable {
 public:
  struct Head;

  // Keeps a stream in the table; movable. The table must outlive it.
  class Pin {
   public:
    Pin() = default;
    Pin(Pin&& other) noexcept : head_(std::exchange(other.head_, nullptr)) {}
    Pin& operator=(Pin&& other) noexcept {
      std::swap(head_, other.head_);
      return *this;
    }
    ~Pin() { release(); }

    bool is_set() const { return head_ != nullptr; }
    // Has it brought up from memory.
    void fetch() const { __builtin_prefetch(head_); }
    const base::SharedText& stream() const;
    std::uint64_t hash() const;
    // The number of events that are committed or about to be. The committer only.
    std::uint64_t version() const;
    void set_version(std::uint64_t version);
    void release();

   private:
    friend class HeadTable;
    explicit Pin(Head* head) : head_(head) {}
    Head* head_ = nullptr;
  };

  // Looks up the number of committed events of a stream with this stream_hash. Called without a lock held, on the
  // thread that pins.
  using Lookup = std::function<base::Result<std::uint64_t>(std::string_view stream, std::uint64_t hash)>;

  HeadTable(std::size_t idle_max, Lookup lookup);
  HeadTable(const HeadTable&) = delete;
  HeadTable& operator=(const HeadTable&) = delete;
  ~HeadTable();

  // Any thread. An error is the lookup's.
  base::Result<Pin> pin(const base::SharedText& stream);
  // The same with a lookup for this time. If it is called, what it tells is the number of committed events until the
  // pin is released or used for an append.
  base::Result<Pin> pin(const base::SharedText& stream, std::uint64_t hash, const Lookup& lookup);

  // Streams in the table, pinned or idle.
  std::size_t size() const;

 private:
  struct Shard;
  static constexpr std::size_t shard_count = 32;

  const Lookup lookup_;
  const std::unique_ptr<std::array<Shard, shard_count>> shards_;
};

}  // namespace thalo::store
