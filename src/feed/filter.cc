#include "feed/filter.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "model/stream_name.h"

namespace thalo::feed {
namespace {

using base::Code;
using base::fail;

using Check = base::Result<> (*)(std::string_view);

base::Result<> check_stream(std::string_view stream) {
  if (auto parsed = model::StreamName::parse(stream); !parsed) return std::unexpected(std::move(parsed.error()));
  return {};
}

base::Result<> check_texts(const std::vector<std::string>& texts, std::string_view field, Check check) {
  for (std::size_t index = 0; index < texts.size(); ++index) {
    if (auto legal = check(texts[index]); !legal) {
      return fail(legal.error().code,
                  std::string(field) + "[" + std::to_string(index) + "]: " + std::move(legal.error().message));
    }
  }
  return {};
}

void sort(std::vector<std::string>& texts) {
  std::ranges::sort(texts);
  texts.erase(std::ranges::unique(texts).begin(), texts.end());
}

auto parts_of(const store::Filter& filter) { return std::tie(filter.categories, filter.streams, filter.types); }

void describe_part(std::string_view what, const std::vector<std::string>& texts, std::string& out) {
  if (texts.empty()) return;
  if (!out.empty()) out += ", ";
  out += what;
  for (std::size_t index = 0; index < texts.size(); ++index) out += (index == 0 ? " " : " or ") + texts[index];
}

std::string describe_one(const store::Filter& filter) {
  std::string out;
  describe_part("category", filter.categories, out);
  describe_part("type", filter.types, out);
  describe_part("stream", filter.streams, out);
  return out.empty() ? "everything" : out;
}

}  // namespace

base::Result<> check_filter(const Filter& filter) {
  std::size_t texts = 0;
  std::size_t bytes = 0;
  for (const store::Filter& part : filter) {
    for (const auto* list : {&part.categories, &part.streams, &part.types}) {
      texts += list->size();
      for (const std::string& text : *list) bytes += text.size();
    }
  }
  if (texts > filter_texts_max || bytes > filter_bytes_max) {
    return fail(Code::invalid_argument, "the filter has " + std::to_string(texts) +
                                            " categories, types and streams of " + std::to_string(bytes) +
                                            " bytes, and may have " + std::to_string(filter_texts_max) + " of " +
                                            std::to_string(filter_bytes_max) +
                                            "; filter more widely at the server and " + "the rest at the consumer");
  }
  for (const store::Filter& part : filter) {
    if (auto legal = check_texts(part.categories, "categories", model::check_category); !legal) return legal;
    if (auto legal = check_texts(part.types, "types", model::check_event_type); !legal) return legal;
    if (auto legal = check_texts(part.streams, "streams", check_stream); !legal) return legal;
  }
  return {};
}

Filter normalized(Filter filter) {
  for (store::Filter& part : filter) {
    sort(part.categories);
    sort(part.streams);
    sort(part.types);
  }
  const auto is_everything = [](const store::Filter& part) {
    return part.categories.empty() && part.streams.empty() && part.types.empty();
  };
  if (std::ranges::any_of(filter, is_everything)) return {};
  std::ranges::sort(filter, [](const auto& a, const auto& b) { return parts_of(a) < parts_of(b); });
  filter.erase(std::ranges::unique(filter).begin(), filter.end());
  return filter;
}

std::vector<std::string> unseen_names(store::Store& store, const Filter& filter) {
  std::vector<std::string> out;
  for (const store::Filter& part : filter) {
    for (const std::string& category : part.categories) {
      const auto streams = store.list_streams({.category = category, .limit = 1}, [](const auto&) { return false; });
      if (streams && *streams == 0) out.push_back("category " + category);
    }
    for (const std::string& stream : part.streams) {
      const auto version = store.stream_version(stream);
      if (version && *version == 0) out.push_back("stream " + stream);
    }
  }
  return out;
}

std::string describe(const Filter& filter) {
  std::string out;
  for (const store::Filter& part : filter) out += (out.empty() ? "" : "; or ") + describe_one(part);
  return out.empty() ? "everything" : out;
}

}  // namespace thalo::feed
