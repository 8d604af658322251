#include "store/head_table.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "store/idle_versions.h"
#include "store/stream_hash.h"

namespace thalo::store {

struct HeadTable::Head {
  Shard* shard = nullptr;
  Head* next_in_bucket = nullptr;
  std::uint64_t hash = 0;
  std::uint64_t version = 0;
  std::uint32_t pins = 0;
  bool known = false;  // the lookup is done
  base::SharedText stream;
};

// A hash table with chains, whose entries are used again: a stream that comes in place of another costs no allocation.
struct alignas(64) HeadTable::Shard {
  mutable std::mutex mutex;
  std::condition_variable looked_up;
  std::vector<Head*> buckets = std::vector<Head*>(64);
  std::size_t size = 0;
  std::deque<Head> heads;    // all that were ever made, for their addresses
  std::vector<Head*> spare;  // those without a stream
  IdleVersions idle;

  Head*& bucket_of(std::uint64_t hash) { return buckets[hash & (buckets.size() - 1)]; }

  Head* find(std::string_view stream, std::uint64_t hash) {
    Head* head = bucket_of(hash);
    while (head != nullptr && (head->hash != hash || head->stream != stream)) head = head->next_in_bucket;
    return head;
  }

  Head* insert(const base::SharedText& stream, std::uint64_t hash) {
    if (size == buckets.size()) grow();
    if (spare.empty()) spare.push_back(&heads.emplace_back());
    Head* const head = spare.back();
    spare.pop_back();
    head->shard = this;
    head->hash = hash;
    head->stream = stream;
    head->pins = 1;
    head->known = false;
    head->next_in_bucket = std::exchange(bucket_of(hash), head);
    ++size;
    return head;
  }

  void erase(Head* head) {
    Head** link = &bucket_of(head->hash);
    while (*link != head) link = &(*link)->next_in_bucket;
    *link = head->next_in_bucket;
    head->stream = {};
    --size;
    spare.push_back(head);
  }

  void grow() {
    std::vector<Head*> old(buckets.size() * 2);
    old.swap(buckets);
    for (Head* head : old) {
      while (head != nullptr) {
        Head* const next = head->next_in_bucket;
        head->next_in_bucket = std::exchange(bucket_of(head->hash), head);
        head = next;
      }
    }
  }
};

const base::SharedText& HeadTable::Pin::stream() const { return head_->stream; }
std::uint64_t HeadTable::Pin::hash() const { return head_->hash; }
std::uint64_t HeadTable::Pin::version() const { return head_->version; }
void HeadTable::Pin::set_version(std::uint64_t version) { head_->version = version; }

void HeadTable::Pin::release() {
  Head* const head = std::exchange(head_, nullptr);
  if (head == nullptr) return;
  Shard& shard = *head->shard;
  const std::lock_guard lock(shard.mutex);
  if (--head->pins != 0) return;
  shard.idle.put(std::move(head->stream), head->hash, head->version);
  shard.erase(head);
}

HeadTable::HeadTable(std::size_t idle_max, Lookup lookup)
    : lookup_(std::move(lookup)), shards_(std::make_unique<std::array<Shard, shard_count>>()) {
  for (Shard& shard : *shards_) shard.idle = IdleVersions(idle_max / shard_count);
}

HeadTable::~HeadTable() = default;

base::Result<HeadTable::Pin> HeadTable::pin(const base::SharedText& stream) {
  return pin(stream, stream_hash(stream), lookup_);
}

base::Result<HeadTable::Pin> HeadTable::pin(const base::SharedText& stream, std::uint64_t hash, const Lookup& lookup) {
  // Chosen by other bits of the hash than those that choose the bucket.
  Shard& shard = (*shards_)[(hash >> 48) % shard_count];
  std::unique_lock lock(shard.mutex);
  Head* head = shard.find(stream, hash);
  while (head != nullptr && !head->known) {
    shard.looked_up.wait(lock);
    head = shard.find(stream, hash);
  }
  if (head != nullptr) {
    ++head->pins;
    return Pin(head);
  }

  head = shard.insert(stream, hash);
  if (const auto remembered = shard.idle.take(stream, hash)) {
    head->version = *remembered;
    head->known = true;
    return Pin(head);
  }
  lock.unlock();
  const base::Result<std::uint64_t> version = lookup(stream, hash);
  lock.lock();
  if (version) {
    head->version = *version;
    head->known = true;
  } else {
    shard.erase(head);
  }
  shard.looked_up.notify_all();
  if (!version) return std::unexpected(version.error());
  return Pin(head);
}

std::size_t HeadTable::size() const {
  std::size_t total = 0;
  for (const Shard& shard : *shards_) {
    const std::lock_guard lock(shard.mutex);
    total += shard.size + shard.idle.size();
  }
  return total;
}

}  // namespace thalo::store
