#include "store/head_table.h"

namespace thalo::store {

namespace {

struct Hash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};

}  // namespace

struct HeadTable::Head {
  std::string_view stream;  // the key's text in the map
  std::uint64_t version = 0;
  std::uint32_t pins = 0;            // guarded by the shard's mutex, as is the rest
  bool known = false;                // the lookup is done
  std::list<Head*>::iterator place;  // in one of the shard's lists
};

struct alignas(64) HeadTable::Shard {
  mutable std::mutex mutex;
  std::condition_variable looked_up;
  std::unordered_map<std::string, Head, Hash, std::equal_to<>> heads;
  std::list<Head*> pinned;
  std::list<Head*> idle;  // used longest ago first
};

std::string_view HeadTable::Pin::stream() const { return head_->stream; }
std::uint64_t HeadTable::Pin::version() const { return head_->version; }
void HeadTable::Pin::set_version(std::uint64_t version) { head_->version = version; }

void HeadTable::Pin::release() {
  if (head_ != nullptr) table_->release(*head_);
  head_ = nullptr;
  table_ = nullptr;
}

HeadTable::HeadTable(std::size_t idle_max, Lookup lookup)
    : idle_per_shard_max_(idle_max / shard_count),
      lookup_(std::move(lookup)),
      shards_(std::make_unique<std::array<Shard, shard_count>>()) {}

HeadTable::~HeadTable() = default;

HeadTable::Shard& HeadTable::shard_of(std::string_view stream) const {
  // Other bits than those by which the shard's map chooses its bucket.
  return (*shards_)[(Hash{}(stream) >> 48) % shard_count];
}

base::Result<HeadTable::Pin> HeadTable::pin(std::string_view stream) {
  Shard& shard = shard_of(stream);
  std::unique_lock lock(shard.mutex);
  auto found = shard.heads.find(stream);
  while (found != shard.heads.end() && !found->second.known) {
    shard.looked_up.wait(lock);
    found = shard.heads.find(stream);
  }
  if (found != shard.heads.end()) {
    Head& head = found->second;
    if (head.pins++ == 0) shard.pinned.splice(shard.pinned.end(), shard.idle, head.place);
    return Pin(this, &head);
  }

  const auto made = shard.heads.try_emplace(std::string(stream)).first;
  Head& head = made->second;
  head.stream = made->first;
  head.pins = 1;
  head.place = shard.pinned.insert(shard.pinned.end(), &head);
  lock.unlock();
  const base::Result<std::uint64_t> version = lookup_(stream);
  lock.lock();
  if (!version) {
    shard.pinned.erase(head.place);
    shard.heads.erase(shard.heads.find(stream));
    shard.looked_up.notify_all();
    return std::unexpected(version.error());
  }
  head.version = *version;
  head.known = true;
  shard.looked_up.notify_all();
  return Pin(this, &head);
}

void HeadTable::release(Head& head) {
  Shard& shard = shard_of(head.stream);
  const std::lock_guard lock(shard.mutex);
  if (--head.pins != 0) return;
  shard.idle.splice(shard.idle.end(), shard.pinned, head.place);
  if (shard.idle.size() > idle_per_shard_max_) {
    Head* const oldest = shard.idle.front();
    shard.idle.pop_front();
    shard.heads.erase(shard.heads.find(oldest->stream));
  }
}

std::size_t HeadTable::size() const {
  std::size_t total = 0;
  for (const Shard& shard : *shards_) {
    const std::lock_guard lock(shard.mutex);
    total += shard.heads.size();
  }
  return total;
}

}  // namespace thalo::store
