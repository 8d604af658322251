#include "store/rocksdb/durability_model.h"

#include <rapidcheck.h>

#include <algorithm>
#include <iostream>
#include <utility>

namespace thalo::store {
namespace {

using base::Code;

void require(bool holds, const std::string& promise) {
  if (!holds) broken(promise);
}

template <typename Value>
Value require_value(base::Result<Value> result, const std::string& doing) {
  if (!result) broken(doing + ": " + result.error().message);
  return *std::move(result);
}

template <typename Query>
std::vector<DurabilityModel::Event> read(Store& store, const Query& query) {
  std::vector<DurabilityModel::Event> events;
  const auto show = [&](const model::EventView& event) {
    events.push_back({std::string(event.stream), event.position, std::string(event.data)});
    return true;
  };
  if constexpr (std::is_same_v<Query, AllQuery>) require_value(store.read_all(query, show), "reading all events");
  if constexpr (std::is_same_v<Query, StreamQuery>)
    require_value(store.read_stream(query, show), "reading " + std::string(query.stream));
  return events;
}

template <typename Value>
bool contains(const std::vector<Value>& values, const Value& value) {
  return std::ranges::find(values, value) != values.end();
}

std::string text(const DurabilityModel::Event& event) {
  return event.stream + "/" + std::to_string(event.position) + " \"" + event.data.substr(0, 20) + "\"";
}

// Where two sequences of events differ first.
std::string difference(const std::vector<DurabilityModel::Event>& found,
                       const std::vector<DurabilityModel::Event>& expected) {
  const auto [left, right] = std::ranges::mismatch(found, expected);
  const auto name = [](auto place, auto end) { return place == end ? std::string("nothing") : text(*place); };
  return "at " + std::to_string(left - found.begin()) + " there is " + name(left, found.end()) + " instead of " +
         name(right, expected.end());
}

}  // namespace

void broken(const std::string& promise) {
  std::cout << "broken: " << promise << std::endl;
  RC_FAIL(promise);
  std::abort();
}

std::uint64_t DurabilityModel::version(const std::string& stream) const {
  const auto found = streams_.find(stream);
  return found == streams_.end() ? 0 : found->second.size();
}

std::uint64_t DurabilityModel::version_to_be(const std::string& stream) const {
  std::uint64_t version = this->version(stream);
  for (const Unanswered& unanswered : unanswered_) {
    if (unanswered.append.stream == stream && unanswered.append.expected.accepts(version))
      version += unanswered.append.events.size();
  }
  return version;
}

void DurabilityModel::queued(const Append& append) {
  Unanswered unanswered{.append = append, .broken_chain = nullptr};
  unanswered.append.chain = nullptr;  // it outlives the store
  if (append.chain != nullptr) {
    auto& chain = chains_[append.chain.get()];
    if (chain == nullptr) chain = std::make_shared<bool>(false);
    unanswered.broken_chain = chain;
  }
  unanswered_.push_back(std::move(unanswered));
}

// Appends the events to what is stored if the append is to be accepted.
bool DurabilityModel::take(const Unanswered& unanswered, std::vector<Event>& events) const {
  const Append& append = unanswered.append;
  if (unanswered.broken_chain != nullptr && *unanswered.broken_chain) return false;
  std::uint64_t version = this->version(std::string(append.stream));
  version += static_cast<std::uint64_t>(std::ranges::count(events, append.stream, &Event::stream));
  if (!append.expected.accepts(version)) {
    if (unanswered.broken_chain != nullptr) *unanswered.broken_chain = true;
    return false;
  }
  for (const auto& event : append.events) events.push_back({std::string(append.stream), version++, event.data});
  return true;
}

bool DurabilityModel::answered(std::span<const AppendOutcome> outcomes) {
  const bool is_stored = std::ranges::none_of(outcomes, [](const AppendOutcome& outcome) {
    return !outcome.result && outcome.result.error().code != Code::aborted;
  });
  std::vector<Event> events;
  for (const AppendOutcome& outcome : outcomes) {
    require(!unanswered_.empty() && unanswered_.front().append.tag == outcome.tag, "answers come in order, each once");
    const std::size_t before = events.size();
    const bool is_accepted = take(unanswered_.front(), events);
    if (is_stored && is_accepted) {
      const Appended appended = require_value(outcome.result, "an append that is to be accepted");
      require(appended.first_global_position == events_.size() + before &&
                  appended.first_position == events[before].position && appended.count == events.size() - before,
              "an accepted append is told where its events are");
    }
    if (is_stored && !is_accepted) require(!outcome.result, "an append with a wrong expected version was accepted");
    if (!is_stored) {
      require(!outcome.result && outcome.result.error().code == Code::unavailable,
              "all of a batch that cannot be written fails alike");
    }
    unanswered_.pop_front();
  }
  if (unanswered_.empty()) chains_.clear();
  if (is_stored) {
    require(!has_failed_ || events.empty(), "a store that could not write accepts nothing until it is opened again");
    add(events);
    if (!events.empty()) all_synced();
    return true;
  }
  if (!std::exchange(has_failed_, true)) uncertain_ = std::move(events);
  return false;
}

void DurabilityModel::add(const std::vector<Event>& events) {
  for (const Event& event : events) {
    streams_[event.stream].push_back(events_.size());
    events_.push_back(event);
  }
}

void DurabilityModel::cursor_written(const std::string& name, std::optional<Cursor> cursor, bool worked) {
  auto& candidates = cursors_.try_emplace(name, 1).first->second;
  require(!worked || !has_failed_, "a store that could not write saves no cursor until it is opened again");
  if (worked) {
    candidates = {std::move(cursor)};
    all_synced();
  } else if (!std::exchange(has_failed_, true)) {
    candidates.push_back(std::move(cursor));
  }
}

void DurabilityModel::snapshot_written(const std::string& stream, std::optional<Snapshot> snapshot, bool worked) {
  Versions& versions = snapshots_[stream];
  require(!worked || !has_failed_, "a store that could not write saves no snapshot until it is opened again");
  if (worked) {
    versions.written.push_back(std::move(snapshot));
  } else if (!std::exchange(has_failed_, true)) {
    versions.failed = std::move(snapshot);
  }
}

void DurabilityModel::opened() {
  has_failed_ = false;
  is_fresh_ = true;
}

void DurabilityModel::all_synced() {
  for (auto& [stream, versions] : snapshots_)
    versions.written.erase(versions.written.begin(), versions.written.end() - 1);
}

void DurabilityModel::check(Store& store) {
  check_events(store);
  check_streams(store);
  check_cursors(store);
  check_snapshots(store);
  is_fresh_ = false;
}

void DurabilityModel::check_events(Store& store) {
  const std::vector<Event> found = read(store, AllQuery{});
  if (is_fresh_) {
    if (found.size() > events_.size()) add(uncertain_);
    uncertain_.clear();
  }
  require(found == events_, "the store does not hold what was acknowledged: " + difference(found, events_));
  require(store.head() == events_.size(), "the head is the number of events");
}

void DurabilityModel::check_streams(Store& store) const {
  for (const auto& [name, places] : streams_) {
    std::vector<Event> expected;
    for (const std::size_t place : places) expected.push_back(events_[place]);
    const auto found = read(store, StreamQuery{.stream = name});
    require(found == expected, "stream " + name + " is not what a scan says: " + difference(found, expected));
    require(require_value(store.stream_version(name), "asking for a version") == expected.size(), "version of " + name);
  }
  std::map<std::string, std::uint64_t> listed;
  const auto list = [&](const StreamSummary& summary) {
    return listed.emplace(summary.stream, summary.version).second;
  };
  require_value(store.list_streams({}, list), "listing the streams");
  for (const auto& [name, places] : streams_)
    require(listed[name] == places.size(), "the list of streams knows " + name);
  require(listed.size() == streams_.size(), "the list of streams knows no stream that was not stored");
}

void DurabilityModel::check_cursors(Store& store) {
  for (auto& [name, candidates] : cursors_) {
    const auto found = require_value(store.load_cursor(name), "loading the cursor " + name);
    if (!is_fresh_ && candidates.size() > 1) continue;
    require(contains(candidates, found), "the cursor " + name + " is not the one that was saved");
    candidates = {found};
  }
}

void DurabilityModel::check_snapshots(Store& store) {
  for (auto& [stream, versions] : snapshots_) {
    const auto found = require_value(store.load_snapshot(stream), "loading the snapshot of " + stream);
    const bool is_failed = versions.failed.has_value() && *versions.failed == found;
    const bool is_one_of_them = is_fresh_ ? contains(versions.written, found) || is_failed
                                          : versions.last() == found || versions.failed.has_value();
    require(is_one_of_them, "the snapshot of " + stream + " is not one that was saved since the last synced one");
    if (is_fresh_) versions = {.written = {found}, .failed = std::nullopt};
  }
}

}  // namespace thalo::store
