// LoopFeed: what operators and clients ask about projections.
#include <utility>

#include "feed/feed_loop.h"

namespace thalo::feed {
namespace {

using base::Code;

constexpr std::chrono::milliseconds watch_interval{100};

template <class T>
void tell(const Answer<T>& answer, base::Error error) {
  answer(base::Result<T>(std::unexpected(std::move(error))));
}

}  // namespace

template <class T, class Act>
void LoopFeed::with(const std::string& name, const Answer<T>& answer, Act act) {
  auto posted = loop_.request([this, name, answer, act = std::move(act)]() mutable {
    HostedProjection* const projection = find(name);
    if (projection == nullptr) return tell(answer, {Code::not_found, "there is no projection " + name});
    act(*projection);
  });
  if (!posted) tell(answer, posted.error());
}

void LoopFeed::list(Answer<std::vector<ProjectionDescription>> answer) {
  auto posted = loop_.request([this, answer] {
    std::vector<ProjectionDescription> descriptions;
    descriptions.reserve(projections_.size());
    for (auto& [name, projection] : projections_) descriptions.push_back(projection->describe());
    complete(std::move(descriptions), answer);
  });
  if (!posted) tell(answer, posted.error());
}

void LoopFeed::get(const std::string& name, Answer<ProjectionDescription> answer) {
  with<ProjectionDescription>(name, answer, [this, answer](HostedProjection& projection) {
    complete({projection.describe()}, [answer](base::Result<std::vector<ProjectionDescription>> filled) {
      if (!filled) return tell(answer, filled.error());
      answer(std::move(filled->front()));
    });
  });
}

// What must be read: how old the events at the cursors are, and what of the filters has no event.
void LoopFeed::complete(std::vector<ProjectionDescription> descriptions,
                        const Answer<std::vector<ProjectionDescription>>& answer) {
  auto work = [this, descriptions = std::move(descriptions), answer]() mutable {
    for (ProjectionDescription& description : descriptions) {
      std::vector<std::string> unseen = unseen_names(store_, description.filter);
      description.unseen.insert(description.unseen.begin(), unseen.begin(), unseen.end());
      if (description.lag_events == 0 || description.lag_ms != 0) continue;
      const auto read = store_.read_all({.from = description.cursor, .limit = 1}, [&](const model::EventView& event) {
        description.lag_ms = std::max<std::int64_t>(0, clock_.now_ms() - event.time_ms);
        return false;
      });
      if (!read) description.stopped = read.error().message;
    }
    loop_.post([descriptions = std::move(descriptions), answer]() mutable { answer(std::move(descriptions)); });
  };
  if (auto posted = readers_.post(std::move(work)); !posted) tell(answer, posted.error());
}

void LoopFeed::reset(const std::string& name, Start to, Answer<> answer) {
  with<void>(name, answer, [this, name, to, answer](HostedProjection& projection) {
    const auto position = position_of(to);
    if (!position) return tell(answer, position.error());
    projection.reset(*position);
    saver_.save(name, answer);
  });
}

void LoopFeed::pause(const std::string& name, Answer<> answer) {
  with<void>(name, answer, [this, name, answer](HostedProjection& projection) {
    projection.pause();
    saver_.save(name, answer);
  });
}

void LoopFeed::resume(const std::string& name, Answer<> answer) {
  with<void>(name, answer, [this, name, answer](HostedProjection& projection) {
    projection.resume();
    saver_.save(name, answer);
  });
}

void LoopFeed::remove(const std::string& name, Answer<> answer) {
  with<void>(name, answer, [this, name, answer](HostedProjection& projection) {
    if (projection.is_internal() && projection.member_count() > 0) {
      return tell(answer, {Code::failed_precondition,
                           "a running relay delivers projection " + name +
                               " and would make it anew at once and send every event again; to send again, reset it; "
                               "to end the relay, take it out of the configuration, restart, and delete it then"});
    }
    const base::Error reason{Code::not_found, "projection " + name + " was deleted"};
    projection.stop_members(reason);
    projection.stop_waiting(reason);
    projections_.erase(name);
    saved_cursors_.erase(name);
    new_.erase(name);
    saver_.remove(name, answer);
  });
}

void LoopFeed::retry(const std::string& name, const std::string& stream, Answer<std::uint64_t> answer) {
  with<std::uint64_t>(name, answer, [this, name, stream, answer](HostedProjection& projection) {
    const auto tried = projection.retry(stream);
    if (!tried) return tell(answer, tried.error());
    saver_.save(name, [answer, tried = *tried](const base::Result<>& saved) {
      if (!saved) return tell(answer, saved.error());
      answer(tried);
    });
  });
}

void LoopFeed::skip(const std::string& name, const std::string& stream, model::GlobalPosition position,
                    Answer<> answer) {
  with<void>(name, answer, [this, name, stream, position, answer](HostedProjection& projection) {
    if (auto skipped = projection.skip(stream, position); !skipped) return answer(std::move(skipped));
    saver_.save(name, answer);
  });
}

void LoopFeed::wait_for(const std::string& name, model::GlobalPosition position, Loop::Time deadline,
                        Answer<Passed> answer, std::function<bool()> is_gone) {
  auto act = [this, position, deadline, answer, is_gone = std::move(is_gone)](HostedProjection& projection) mutable {
    if (waiting_ >= options_.waiting_max) {
      return tell(answer, {Code::resource_exhausted,
                           std::to_string(waiting_) + " calls wait for projections already; retry with backoff"});
    }
    ++waiting_;
    auto answered = [this, answer](base::Result<Passed> passed) {
      --waiting_;
      answer(std::move(passed));
    };
    projection.wait_for({position, deadline, std::move(answered), std::move(is_gone)});
    watch_waiting();
  };
  with<Passed>(name, answer, std::move(act));
}

// Deadlines, and callers that have gone.
void LoopFeed::watch_waiting() {
  if (waiting_ == 0 || std::exchange(watching_, true)) return;
  loop_.after(watch_interval, [this] {
    watching_ = false;
    answer_waiting();
    watch_waiting();
  });
}

}  // namespace thalo::feed
