#include "command/entity_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <random>
#include <string>

namespace thalo::command {
namespace {

model::StreamName name(std::size_t number) {
  return model::StreamName::make("counter", std::to_string(number)).value();
}

// What the cache promises, in the slowest way.
class Expected {
 public:
  explicit Expected(std::size_t capacity) : capacity_(capacity) {}

  struct Entry {
    std::size_t number;
    bool stays;
  };
  bool has(std::size_t number) const { return in(used_, number) || in(placeholders_, number); }
  std::size_t size() const { return used_.size() + placeholders_.size(); }
  void use(std::size_t number) {
    for (auto* list : {&used_, &placeholders_}) {
      const auto found = std::ranges::find(*list, number, &Entry::number);
      if (found != list->end()) return used_.splice(used_.begin(), *list, found);
    }
  }
  void add(Entry entry, bool is_placeholder) {
    for (auto* list : {&placeholders_, &used_}) {
      auto entry_at = list->end();
      for (int steps = 0; steps < 16 && size() >= capacity_ && entry_at != list->begin(); ++steps) {
        --entry_at;
        if (!entry_at->stays) entry_at = list->erase(entry_at);
      }
    }
    (is_placeholder ? placeholders_ : used_).push_front(entry);
  }
  void remove(std::size_t number) {
    const auto is_it = [&](const Entry& entry) { return entry.number == number; };
    used_.remove_if(is_it);
    placeholders_.remove_if(is_it);
  }

 private:
  static bool in(const std::list<Entry>& list, std::size_t number) {
    return std::ranges::find(list, number, &Entry::number) != list.end();
  }
  const std::size_t capacity_;
  std::list<Entry> used_;
  std::list<Entry> placeholders_;
};

TEST(EntityCache, ThrowsOutExactlyTheLeastRecentlyUsed) {
  constexpr std::size_t capacity = 40;
  constexpr std::size_t names = 100;
  for (unsigned seed = 0; seed < 5; ++seed) {
    std::mt19937 random(seed);
    EntityCache cache(capacity);
    Expected expected(capacity);
    for (int step = 0; step < 5'000; ++step) {
      const std::size_t number = random() % names;
      const auto stream = name(number);
      const std::uint64_t hash = store::stream_hash(stream.view());
      if (random() % 10 == 0) {
        cache.remove(stream.view());
        expected.remove(number);
      } else if (random() % 2 == 0 || expected.has(number)) {
        Entity* const found = cache.find(stream.view(), hash);
        ASSERT_EQ(found != nullptr, expected.has(number));
        if (found != nullptr) {
          ASSERT_EQ(found->stream(), stream);
        }
        expected.use(number);
      } else {
        const bool is_placeholder = random() % 4 == 0;
        const bool stays = random() % 8 == 0;
        Entity& added = is_placeholder ? cache.add_placeholder(stream, hash) : cache.add(stream, hash);
        // Loading, or with an append under way: it cannot go.
        if (!stays || random() % 2 == 0) added.state = EntityState::ready;
        if (stays && added.state == EntityState::ready) added.flight->appends = 1;
        expected.add({number, stays}, is_placeholder);
      }
      ASSERT_EQ(cache.size(), expected.size());
      for (std::size_t each = 0; each < names; ++each)
        ASSERT_EQ(cache.peek(name(each).view()) != nullptr, expected.has(each)) << "seed " << seed << ", step " << step;
    }
  }
}

TEST(EntityCache, EntitiesKeepTheirPlaceWhileItGrowsAndShrinks) {
  constexpr std::size_t count = 20'000;
  EntityCache cache(count);
  std::vector<Entity*> entities;
  for (std::size_t number = 0; number < count; ++number) {
    const auto stream = name(number);
    entities.push_back(&cache.add(stream, store::stream_hash(stream.view())));
    entities.back()->version = number;
  }
  for (std::size_t number = 0; number < count; number += 2) cache.remove(name(number).view());
  EXPECT_EQ(cache.size(), count / 2);
  for (std::size_t number = 0; number < count; ++number) {
    Entity* const found = cache.find(name(number).view());
    if (number % 2 == 0) {
      ASSERT_EQ(found, nullptr);
      continue;
    }
    ASSERT_EQ(found, entities[number]);
    ASSERT_EQ(found->version, number);
  }
}

}  // namespace
}  // namespace thalo::command
