#include "feed/projection_record.h"

#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "store/varint.h"

namespace thalo::feed {
namespace {

constexpr char version = 2;
constexpr char version_without_unseen_types = 1;
constexpr std::uint64_t flag_paused = 1;

// Reads until something does not fit; then everything is empty and ok() is false.
class Input {
 public:
  explicit Input(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number() {
    std::uint64_t value = 0;
    if (ok_) ok_ = store::take_varint(rest_, value);
    return ok_ ? value : 0;
  }
  std::int64_t time_ms() { return static_cast<std::int64_t>(number()); }
  std::string text() {
    std::string_view value;
    if (ok_) ok_ = store::take_text(rest_, value);
    return std::string(ok_ ? value : std::string_view());
  }
  // A count of things that have at least one byte each.
  std::uint64_t count() {
    const std::uint64_t value = number();
    if (value > rest_.size()) ok_ = false;
    return ok_ ? value : 0;
  }
  bool ok() const { return ok_; }
  bool is_at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

template <class Texts>
void append_texts(std::string& out, const Texts& texts) {
  store::append_varint(out, texts.size());
  for (const std::string& text : texts) store::append_text(out, text);
}

std::vector<std::string> take_texts(Input& in) {
  std::vector<std::string> texts;
  for (std::uint64_t left = in.count(); left > 0; --left) texts.push_back(in.text());
  return texts;
}

void append_held(std::string& out, const HeldStream& held) {
  store::append_text(out, held.stream);
  store::append_text(out, held.error);
  for (const std::uint64_t number :
       {std::uint64_t{held.state == HeldState::parked}, held.position, held.global_position,
        std::uint64_t{held.attempts}, static_cast<std::uint64_t>(held.first_failed_ms),
        static_cast<std::uint64_t>(held.last_failed_ms), static_cast<std::uint64_t>(held.retry_at_ms)}) {
    store::append_varint(out, number);
  }
}

HeldStream take_held(Input& in) {
  HeldStream held;
  held.stream = in.text();
  held.error = in.text();
  held.state = in.number() == 0 ? HeldState::retrying : HeldState::parked;
  held.position = in.number();
  held.global_position = in.number();
  held.attempts = static_cast<std::uint32_t>(in.number());
  held.first_failed_ms = in.time_ms();
  held.last_failed_ms = in.time_ms();
  held.retry_at_ms = in.time_ms();
  return held;
}

}  // namespace

std::set<std::string, std::less<>> types_of(const Filter& filter) {
  std::set<std::string, std::less<>> types;
  for (const store::Filter& part : filter) types.insert(part.types.begin(), part.types.end());
  return types;
}

store::Cursor encode_record(const ProjectionRecord& record) {
  // The version that earlier releases read, as long as it says all.
  const bool has_unseen_types = !record.unseen_types.empty();
  store::Cursor cursor{.next = record.place.cursor,
                       .data = std::string(1, has_unseen_types ? version : version_without_unseen_types)};
  std::string& out = cursor.data;
  const FailurePolicy& policy = record.place.policy;
  for (const std::uint64_t number : {record.place.paused ? flag_paused : 0, std::uint64_t{policy.attempts_max},
                                     static_cast<std::uint64_t>(policy.backoff_first.count()),
                                     static_cast<std::uint64_t>(policy.backoff_max.count()),
                                     std::uint64_t{policy.parked_streams_max}, record.place.resets}) {
    store::append_varint(out, number);
  }
  store::append_varint(out, record.filter.size());
  for (const store::Filter& part : record.filter) {
    append_texts(out, part.categories);
    append_texts(out, part.types);
    append_texts(out, part.streams);
  }
  store::append_varint(out, record.place.held.size());
  for (const HeldStream& held : record.place.held) append_held(out, held);
  if (has_unseen_types) append_texts(out, record.unseen_types);
  return cursor;
}

base::Result<ProjectionRecord> decode_record(std::string_view name, const store::Cursor& cursor) {
  const bool has_unseen_types = cursor.data.starts_with(version);
  if (!has_unseen_types && !cursor.data.starts_with(version_without_unseen_types)) {
    return base::fail(base::Code::data_loss,
                      "the cursor " + std::string(name) + " is of no known version; was it written by a newer Thalo?");
  }
  Input in(std::string_view(cursor.data).substr(1));
  ProjectionRecord record;
  record.place.cursor = cursor.next;
  record.place.paused = (in.number() & flag_paused) != 0;
  record.place.policy.attempts_max = static_cast<std::uint32_t>(in.number());
  record.place.policy.backoff_first = std::chrono::milliseconds(in.time_ms());
  record.place.policy.backoff_max = std::chrono::milliseconds(in.time_ms());
  record.place.policy.parked_streams_max = static_cast<std::uint32_t>(in.number());
  record.place.resets = in.number();
  for (std::uint64_t left = in.count(); left > 0; --left) {
    store::Filter part;
    part.categories = take_texts(in);
    part.types = take_texts(in);
    part.streams = take_texts(in);
    record.filter.push_back(std::move(part));
  }
  for (std::uint64_t left = in.count(); left > 0; --left) record.place.held.push_back(take_held(in));
  if (has_unseen_types) {
    for (std::string& type : take_texts(in)) record.unseen_types.insert(std::move(type));
  }
  if (!in.ok() || !in.is_at_end()) {
    return base::fail(base::Code::data_loss,
                      "the cursor " + std::string(name) + " is damaged; restore the store from a backup");
  }
  return record;
}

}  // namespace thalo::feed
