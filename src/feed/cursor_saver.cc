#include "feed/cursor_saver.h"

#include <memory>
#include <optional>

namespace thalo::feed {
namespace {

// In one write.
constexpr std::size_t cursors_max = 1000;
constexpr std::size_t cursors_bytes_max = std::size_t{8} << 20;

}  // namespace

CursorSaver::CursorSaver(store::Store& store, Loop& loop, env::Executor& executor, std::chrono::milliseconds interval,
                         Take take, std::function<void(const base::Error&)> on_failed)
    : store_(store),
      loop_(loop),
      executor_(executor),
      interval_(interval),
      take_(std::move(take)),
      on_failed_(std::move(on_failed)) {}

void CursorSaver::note_changed(const std::string& name) {
  changed_.insert(name);
  if (saving_ || scheduled_) return;
  scheduled_ = true;
  const auto due = last_saved_ + interval_;
  const auto save = [this] {
    scheduled_ = false;
    save_changed();
  };
  // Not within the call: whoever changes something may not be done with it.
  if (due <= loop_.clock().steady_now()) return loop_.post(save);
  loop_.at(due, save);
}

void CursorSaver::save(const std::string& name, Done done) {
  changed_.insert(name);
  waiting_.push_back(std::move(done));
  loop_.post([this] { save_changed(); });
}

// All that has changed by now is saved, in several writes when it is too much for one, before what changes meanwhile.
void CursorSaver::save_changed() {
  if (saving_) return;
  if (round_.empty()) {
    round_.swap(changed_);
    waiting_for_round_.swap(waiting_);
  }
  if (round_.empty()) return;
  auto cursors = std::make_shared<std::vector<std::pair<std::string, store::Cursor>>>();
  std::size_t bytes = 0;
  while (!round_.empty() && cursors->size() < cursors_max && bytes < cursors_bytes_max) {
    const std::string name = std::move(round_.extract(round_.begin()).value());
    auto cursor = take_(name);
    if (!cursor) continue;
    bytes += cursor->data.size();
    cursors->emplace_back(name, *std::move(cursor));
  }
  auto done = std::make_shared<std::vector<Done>>();
  if (round_.empty()) done->swap(waiting_for_round_);
  saving_ = true;
  auto posted = executor_.post([this, cursors, done] {
    auto result = store_.save_cursors(*cursors);
    loop_.post([this, result = std::move(result), done] { finish(result, *done); });
  });
  if (!posted) finish(std::unexpected(posted.error()), *done);
}

void CursorSaver::finish(const base::Result<>& result, std::vector<Done>& done) {
  saving_ = false;
  last_saved_ = loop_.clock().steady_now();
  for (Done& tell : done) tell(result);
  if (!result) on_failed_(result.error());
  if (!round_.empty() || !waiting_.empty()) {
    save_changed();
  } else if (!changed_.empty()) {
    note_changed(*changed_.begin());
  }
}

void CursorSaver::remove(const std::string& name, Done done) {
  auto posted = executor_.post([this, name, done] {
    auto result = store_.delete_cursor(name);
    loop_.post([result = std::move(result), done] { done(result); });
  });
  if (!posted) done(std::unexpected(posted.error()));
}

}  // namespace thalo::feed
