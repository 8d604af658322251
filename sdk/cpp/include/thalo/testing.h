// Tests of an aggregate's rules, in an ordinary native program: given events, when a command comes, then events (or a
// refusal).
//
//   using thalo::testing::given;
//   given<Counter>({Incremented{5}}).when(Decrement{2}).then(Decremented{2});
//   given<Counter>({}).when(Decrement{2}).then_rejected(BelowZero{0, 2});
//
// Commands, events and errors take the way through JSON as in the runtime, so what cannot be stored fails here. An
// aggregate with snapshots is also put through one before the command. What nothing is expected of fails, too: a
// `given` without a `when`, a `when` without one of the `then` or `state`.
//
// A failed expectation fails the GoogleTest test around it when <gtest/gtest.h> was included before this header;
// otherwise it is printed and the program ends with 1. Another framework sets thalo::testing::on_failure.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <initializer_list>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "thalo/aggregate.h"

namespace thalo::testing {

using FailureHandler = void (*)(const std::source_location& where, const std::string& message);

inline void print_and_exit(const std::source_location& where, const std::string& message) {
  std::fprintf(stderr, "%s:%u: %s\n", where.file_name(), static_cast<unsigned>(where.line()), message.c_str());
  std::exit(1);
}

// Called with the place of the `given` or `when` whose expectation failed.
inline FailureHandler on_failure = &print_and_exit;

#if defined(GTEST_TEST)
namespace detail {
[[maybe_unused]] static const bool reports_to_googletest = [] {
  on_failure = [](const std::source_location& where, const std::string& message) {
    ADD_FAILURE_AT(where.file_name(), static_cast<int>(where.line())) << message;
  };
  return true;
}();
}  // namespace detail
#endif

namespace detail {

// `Incremented {"amount":5}`, as the command line prints events.
template <class T>
std::string described(const T& value) {
  std::string text(reflect::type_name<T>());
  text += ' ';
  json::Writer writer(text);
  if (!json::write(writer, value)) text += "(no JSON: " + writer.error() + ")";
  return text;
}

template <class T>
std::string payload_of(const T& value) {
  std::string text;
  json::Writer writer(text);
  // Half a text is no JSON and will be refused where it is read, with a message of its own.
  json::write(writer, value);
  return text;
}

// Fails a test in which it ends unused. A copy takes the duty over.
class ToBeUsed {
 public:
  ToBeUsed(const char* complaint, std::source_location where) : complaint_(complaint), where_(where) {}
  ToBeUsed(const ToBeUsed& other) : complaint_(std::exchange(other.complaint_, nullptr)), where_(other.where_) {}
  ToBeUsed& operator=(const ToBeUsed&) = delete;
  // A handler may throw, as those of some test frameworks do.
  ~ToBeUsed() noexcept(false) {
    if (complaint_ != nullptr && std::uncaught_exceptions() == 0) on_failure(where_, complaint_);
  }
  void use() const { complaint_ = nullptr; }

 private:
  mutable const char* complaint_;
  std::source_location where_;
};

inline std::string listed(const std::vector<std::string>& lines) {
  if (lines.empty()) return "    nothing\n";
  std::string text;
  for (const auto& line : lines) text += "    " + line + "\n";
  return text;
}

}  // namespace detail

// What came of a command. The expectations return it, so that several can be made.
template <class A>
class Outcome {
 public:
  // Exactly these events, in this order.
  template <class... E>
  const Outcome& then(const E&... events) const {
    return expect({detail::described(events)...});
  }
  const Outcome& then_nothing() const { return expect({}); }

  // The refusal with exactly this content: a struct, or the text given to thalo::reject.
  template <class E>
    requires reflect::Struct<E>
  const Outcome& then_rejected(const E& error) const {
    return expect({"rejected: " + reject(error).error().json});
  }
  const Outcome& then_rejected(std::string message) const { return then_rejected(Rejected{std::move(message)}); }
  // A refusal of this kind, whatever its content.
  template <class E>
  const Outcome& then_rejected() const {
    to_be_used_.use();
    const bool kind = answer_.failure && answer_.failure->kind == thalo::detail::FailureCase::command &&
                      answer_.failure->name == reflect::type_name<E>();
    if (!kind) fail({"rejected: " + std::string(reflect::type_name<E>())});
    return *this;
  }

  // Not understood: an unknown command or a payload that is none, with `part` in what is said about it.
  const Outcome& then_invalid(std::string_view part = {}) const {
    to_be_used_.use();
    const bool invalid = answer_.failure && answer_.failure->kind == thalo::detail::FailureCase::deserialize_command &&
                         answer_.failure->message.find(part) != std::string::npos;
    if (!invalid) fail({"invalid: " + std::string(part)});
    return *this;
  }

  // The entity after the new events.
  const A& state() const { return to_be_used_.use(), state_; }

 private:
  template <class>
  friend class Given;
  Outcome(A state, std::string story, std::source_location where)
      : state_(std::move(state)),
        story_(std::move(story)),
        where_(where),
        to_be_used_("nothing is expected of this when: where is the then?", where) {}

  std::vector<std::string> actual() const {
    std::vector<std::string> lines;
    if (answer_.failure) {
      using thalo::detail::FailureCase;
      const char* what = answer_.failure->kind == FailureCase::command               ? "rejected: "
                         : answer_.failure->kind == FailureCase::deserialize_command ? "invalid: "
                                                                                     : "failed: ";
      lines.push_back(what + answer_.failure->message);
      return lines;
    }
    for (const auto& event : answer_.events)
      lines.push_back(std::string(event.type) + " " + std::string(answer_.payload(event)));
    return lines;
  }
  const Outcome& expect(const std::vector<std::string>& expected) const {
    to_be_used_.use();
    if (actual() != expected) fail(expected);
    return *this;
  }
  void fail(const std::vector<std::string>& expected) const {
    on_failure(where_, story_ + "  expected\n" + detail::listed(expected) + "  but got\n" + detail::listed(actual()));
  }

  A state_;
  thalo::detail::Answer answer_;
  std::string story_;
  std::source_location where_;
  detail::ToBeUsed to_be_used_;
};

// An entity's past, and what surrounds the next command.
template <class A>
class Given {
 public:
  Given(std::vector<typename A::Event> events, std::source_location where)
      : events_(std::move(events)), to_be_used_("nothing is done with this given: where is the when?", where) {
    context_.version = events_.size();
  }

  Given& with_id(std::string id) { return id_ = std::move(id), *this; }
  Given& at(std::uint64_t time_ms) { return context_.time_ms = time_ms, *this; }
  // Its texts must outlive `when`; the id is set by with_id.
  Given& with(const Context& context) { return context_ = context, *this; }

  template <class C>
  [[nodiscard("where is the then?")]] Outcome<A> when(const C& command,
                                                      std::source_location where = std::source_location::current()) {
    static_assert(thalo::detail::is_kind_of<C, typename A::Command>, "this is no command of the aggregate");
    return when_json(reflect::type_name<C>(), detail::payload_of(command), where);
  }

  // The same with a command as a client sends it: its name and its payload in JSON.
  [[nodiscard("where is the then?")]] Outcome<A> when_json(
      std::string_view name, std::string_view payload, std::source_location where = std::source_location::current()) {
    static_assert(thalo::detail::check_aggregate<A>());
    to_be_used_.use();
    context_.id = id_;
    std::string story = "given\n" + detail::listed(lines()) + "  when\n    ";
    story.append(name).append(" ").append(payload).append("\n");
    Outcome<A> outcome(past(story, where), story, where);
    thalo::detail::handle(outcome.state_, name, payload, context_, outcome.answer_);
    if (!outcome.answer_.failure) {
      for (const auto& event : outcome.answer_.events)
        apply(outcome.state_, event.type, outcome.answer_.payload(event), story, where);
    }
    return outcome;
  }

 private:
  std::vector<std::string> lines() const {
    std::vector<std::string> texts;
    for (const auto& event : events_)
      texts.push_back(std::visit([](const auto& kind) { return detail::described(kind); }, event));
    return texts;
  }

  static void apply(A& state, std::string_view type, std::string_view payload, const std::string& story,
                    const std::source_location& where) {
    std::string error;
    if (!thalo::detail::apply(state, type, payload, error)) {
      on_failure(where, story + "  the event " + std::string(type) + " " + std::string(payload) +
                            " cannot be applied: " + error);
    }
  }

  A past(const std::string& story, const std::source_location& where) const {
    A state = thalo::detail::make<A>(id_);
    for (const auto& event : events_) {
      std::visit([&]<class E>(
                     const E& kind) { apply(state, reflect::type_name<E>(), detail::payload_of(kind), story, where); },
                 event);
    }
    if constexpr (thalo::detail::HasSnapshots<A>) return through_snapshot(state, story, where);
    return state;
  }

  A through_snapshot(const A& state, const std::string& story, const std::source_location& where) const {
    A restored = thalo::detail::make<A>(id_);
    std::string before;
    std::string after;
    std::string error;
    const bool done = thalo::detail::snapshot(state, before, error) &&
                      thalo::detail::restore(restored, before, error) &&
                      thalo::detail::snapshot(restored, after, error);
    if (!done) on_failure(where, story + "  the snapshot " + before + " does not work: " + error);
    if (done && before != after)
      on_failure(where, story + "  a restored snapshot is another\n    " + before + "\n    " + after);
    return restored;
  }

  std::vector<typename A::Event> events_;
  std::string id_ = "test";
  Context context_{.time_ms = 946684800000};  // 2000-01-01
  detail::ToBeUsed to_be_used_;
};

template <class A>
[[nodiscard("where is the when?")]] Given<A> given(std::initializer_list<typename A::Event> events = {},
                                                   std::source_location where = std::source_location::current()) {
  return Given<A>(std::vector<typename A::Event>(events), where);
}
template <class A>
[[nodiscard("where is the when?")]] Given<A> given(std::vector<typename A::Event> events,
                                                   std::source_location where = std::source_location::current()) {
  return Given<A>(std::move(events), where);
}

}  // namespace thalo::testing
