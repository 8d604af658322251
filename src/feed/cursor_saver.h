// Saves cursors: all that changed together, at once when it has been quiet, else every so often.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "env/executor.h"
#include "feed/loop.h"
#include "store/store.h"

namespace thalo::feed {

// On the loop.
class CursorSaver {
 public:
  using Done = std::function<void(base::Result<>)>;
  // The cursor as it is now; absent when there is none of that name any more.
  using Take = std::function<std::optional<store::Cursor>(const std::string& name)>;

  // Everything must outlive it. `on_failed` is called when a save failed: the store refuses writes from then on.
  CursorSaver(store::Store& store, Loop& loop, env::Executor& executor, std::chrono::milliseconds interval, Take take,
              std::function<void(const base::Error&)> on_failed);

  void note_changed(const std::string& name);
  // Saves now; `done` is called when it is durable.
  void save(const std::string& name, Done done);
  // Deletes the cursor, after what is being saved.
  void remove(const std::string& name, Done done);

 private:
  void save_changed();
  void finish(const base::Result<>& result, std::vector<Done>& done);

  store::Store& store_;
  Loop& loop_;
  env::Executor& executor_;
  const std::chrono::milliseconds interval_;
  const Take take_;
  const std::function<void(const base::Error&)> on_failed_;
  std::set<std::string> changed_;  // perhaps deleted since
  std::vector<Done> waiting_;      // for what is in changed_
  std::set<std::string> round_;    // what had changed when its saving began, and is not saved yet
  std::vector<Done> waiting_for_round_;
  bool saving_ = false;
  bool scheduled_ = false;
  Loop::Time last_saved_{};
};

}  // namespace thalo::feed
