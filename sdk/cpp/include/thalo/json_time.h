// std::chrono from and to ISO 8601 texts, for json.h.
//
// A point in time, std::chrono::sys_time<D> (e.g. sys_time<std::chrono::milliseconds>), is written in UTC,
// "2026-11-24T11:20:00.250Z", with the digits that D has; a sys_days or a year_month_day is a date, "2026-11-24"; a
// duration is "PT1H30M0.250S". Reading takes any offset from UTC, and refuses what D cannot hold exactly.
#pragma once

#include <charconv>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "thalo/reflect.h"

namespace thalo::json::time {

template <class T>
inline constexpr bool is_duration = false;
template <class R, class P>
inline constexpr bool is_duration<std::chrono::duration<R, P>> = std::is_integral_v<R>;
template <class T>
inline constexpr bool is_point = false;
template <class D>
inline constexpr bool is_point<std::chrono::time_point<std::chrono::system_clock, D>> = is_duration<D>;
template <class T>
concept Time = is_duration<T> || is_point<T> || std::is_same_v<T, std::chrono::year_month_day>;

inline constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;
inline constexpr std::int64_t seconds_per_day = 86400;

// An instant or a length of time: whole seconds, rounded down, and the rest.
struct Span {
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;  // 0 to 999,999,999
};

// ---- durations of any unit from and to a span ----

// False when it is too long to be said in seconds.
template <class D>
constexpr bool span_of(D value, Span& span) {
  using Period = typename D::period;
  static_assert(Period::den == 1 || (Period::num == 1 && nanoseconds_per_second % Period::den == 0),
                "thalo: the unit of this std::chrono type must be whole seconds or a decimal part of one");
  const auto count = static_cast<std::int64_t>(value.count());
  if constexpr (Period::den == 1) {
    return !__builtin_mul_overflow(count, static_cast<std::int64_t>(Period::num), &span.seconds);
  } else {
    const std::int64_t part = ((count % Period::den) + Period::den) % Period::den;
    span = {count / Period::den - (count % Period::den < 0 ? 1 : 0), part * (nanoseconds_per_second / Period::den)};
    return true;
  }
}

// False when `D` cannot hold it exactly.
template <class D>
constexpr bool from_span(const Span& span, D& value) {
  using Period = typename D::period;
  using Rep = typename D::rep;
  std::int64_t count = 0;
  if constexpr (Period::den == 1) {
    if (span.nanoseconds != 0 || span.seconds % Period::num != 0) return false;
    count = span.seconds / Period::num;
  } else {
    constexpr std::int64_t unit = nanoseconds_per_second / Period::den;
    if (span.nanoseconds % unit != 0) return false;
    if (__builtin_mul_overflow(span.seconds, static_cast<std::int64_t>(Period::den), &count) ||
        __builtin_add_overflow(count, span.nanoseconds / unit, &count)) {
      return false;
    }
  }
  if (!std::in_range<Rep>(count)) return false;
  value = D(static_cast<Rep>(count));
  return true;
}

// The number of digits after the point that a unit needs.
template <class D>
constexpr int fraction_digits() {
  int digits = 0;
  for (std::int64_t den = 1; den < D::period::den; den *= 10) ++digits;
  return digits;
}

// ---- writing ----

inline void append_padded(std::string& out, std::int64_t value, int width) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  for (auto size = end - digits; size < width; ++size) out += '0';
  out.append(digits, static_cast<std::size_t>(end - digits));
}

inline void append_fraction(std::string& out, std::int64_t nanoseconds, int digits) {
  if (digits == 0) return;
  for (int dropped = digits; dropped < 9; ++dropped) nanoseconds /= 10;
  out += '.';
  append_padded(out, nanoseconds, digits);
}

inline bool append_date(std::string& out, std::chrono::year_month_day date) {
  const int year = static_cast<int>(date.year());
  if (!date.ok() || year < 0 || year > 9999) return false;
  append_padded(out, year, 4);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.month()), 2);
  out += '-';
  append_padded(out, static_cast<unsigned>(date.day()), 2);
  return true;
}

THALO_COLD inline bool append_point(std::string& out, const Span& span, int digits) {
  const std::int64_t second = ((span.seconds % seconds_per_day) + seconds_per_day) % seconds_per_day;
  const std::int64_t day = (span.seconds - second) / seconds_per_day;
  if (day < -800'000 || day > 3'000'000) return false;  // outside the years 0 to 9999, by far
  const std::chrono::sys_days days{std::chrono::days(static_cast<int>(day))};
  if (!append_date(out, std::chrono::year_month_day(days))) return false;
  out += 'T';
  append_padded(out, second / 3600, 2);
  out += ':';
  append_padded(out, second / 60 % 60, 2);
  out += ':';
  append_padded(out, second % 60, 2);
  append_fraction(out, span.nanoseconds, digits);
  out += 'Z';
  return true;
}

THALO_COLD inline void append_duration(std::string& out, Span span, int digits) {
  auto length = static_cast<std::uint64_t>(span.seconds);
  if (span.seconds < 0) {
    out += '-';
    length = 0 - length;
    if (span.nanoseconds != 0) {
      --length;
      span.nanoseconds = nanoseconds_per_second - span.nanoseconds;
    }
  }
  out += "PT";
  const std::uint64_t hours = length / 3600;
  const std::uint64_t minutes = length / 60 % 60;
  const std::uint64_t seconds = length % 60;
  if (hours != 0) out += std::to_string(hours) + 'H';
  if (minutes != 0) out += std::to_string(minutes) + 'M';
  if (seconds == 0 && span.nanoseconds == 0 && (hours != 0 || minutes != 0)) return;
  out += std::to_string(seconds);
  if (span.nanoseconds != 0) append_fraction(out, span.nanoseconds, digits);
  out += 'S';
}

// False when the value is outside the years 0 to 9999 or no date at all, or a duration of more than 2^63 seconds.
template <Time T>
bool append(std::string& out, const T& value) {
  Span span;
  if constexpr (is_duration<T>) {
    return span_of(value, span) && (append_duration(out, span, fraction_digits<T>()), true);
  } else if constexpr (std::is_same_v<T, std::chrono::year_month_day>) {
    return append_date(out, value);
  } else if constexpr (std::is_same_v<T, std::chrono::sys_days>) {
    return append_date(out, std::chrono::year_month_day(value));
  } else {
    return span_of(value.time_since_epoch(), span) && append_point(out, span, fraction_digits<typename T::duration>());
  }
}

// ---- reading ----

// Takes a text from the front; every function returns false when the text goes on otherwise.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}
  bool done() const { return rest_.empty(); }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Exactly `width` digits.
  bool digits(std::size_t width, int& value) {
    if (rest_.size() < width) return false;
    value = 0;
    for (std::size_t at = 0; at < width; ++at) {
      if (rest_[at] < '0' || rest_[at] > '9') return false;
      value = value * 10 + (rest_[at] - '0');
    }
    rest_.remove_prefix(width);
    return true;
  }
  // At least one digit, up to nine of them counted, further zeros allowed.
  bool fraction(std::int64_t& nanoseconds) {
    std::int64_t unit = nanoseconds_per_second / 10;
    nanoseconds = 0;
    std::size_t at = 0;
    for (; at < rest_.size() && rest_[at] >= '0' && rest_[at] <= '9'; ++at, unit /= 10) {
      if (unit == 0 && rest_[at] != '0') return false;
      nanoseconds += (rest_[at] - '0') * unit;
    }
    rest_.remove_prefix(at);
    return at > 0;
  }
  bool number(std::int64_t& value) {
    const auto read = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (read.ec != std::errc() || rest_.front() == '-') return false;
    rest_.remove_prefix(static_cast<std::size_t>(read.ptr - rest_.data()));
    return true;
  }

 private:
  std::string_view rest_;
};

inline bool read_date(Cursor& cursor, std::chrono::year_month_day& date) {
  int year = 0;
  int month = 0;
  int day = 0;
  if (!cursor.digits(4, year) || !cursor.take('-') || !cursor.digits(2, month) || !cursor.take('-') ||
      !cursor.digits(2, day)) {
    return false;
  }
  date = {std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
          std::chrono::day(static_cast<unsigned>(day))};
  return date.ok();
}

// "Z", or the seconds that a local time is ahead of UTC.
inline bool read_zone(Cursor& cursor, std::int64_t& ahead) {
  ahead = 0;
  if (cursor.take('Z')) return true;
  const bool behind = cursor.take('-');
  int hours = 0;
  int minutes = 0;
  if ((!behind && !cursor.take('+')) || !cursor.digits(2, hours) || !cursor.take(':') || !cursor.digits(2, minutes) ||
      hours > 23 || minutes > 59) {
    return false;
  }
  ahead = (behind ? -1 : 1) * (hours * 3600 + minutes * 60);
  return true;
}

THALO_COLD inline bool read_point(std::string_view text, Span& span) {
  Cursor cursor(text);
  std::chrono::year_month_day date;
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::int64_t ahead = 0;
  if (!read_date(cursor, date) || !cursor.take('T') || !cursor.digits(2, hour) || !cursor.take(':') ||
      !cursor.digits(2, minute)) {
    return false;
  }
  if (cursor.take(':') && (!cursor.digits(2, second) || (cursor.take('.') && !cursor.fraction(span.nanoseconds))))
    return false;
  if (hour > 23 || minute > 59 || second > 59 || !read_zone(cursor, ahead) || !cursor.done()) return false;
  const auto days = std::chrono::sys_days(date).time_since_epoch().count();
  span.seconds = days * seconds_per_day + hour * 3600 + minute * 60 + second - ahead;
  return true;
}

// -P1DT2H3M4.5S, each part at most once and in this order.
THALO_COLD inline bool read_duration(std::string_view text, Span& span) {
  static constexpr std::string_view units = "DHMS";
  static constexpr std::int64_t seconds[] = {seconds_per_day, 3600, 60, 1};
  Cursor cursor(text);
  const bool negative = cursor.take('-');
  if (!cursor.take('P')) return false;
  bool timed = false;
  std::size_t next = 0;
  bool any = false;
  while (!cursor.done()) {
    if (!timed && cursor.take('T')) {
      timed = true;
      next = 1;
      if (cursor.done()) return false;
    }
    std::int64_t count = 0;
    if (!cursor.number(count)) return false;
    const bool fraction = cursor.take('.');
    if (fraction && !cursor.fraction(span.nanoseconds)) return false;
    while (next < units.size() && !cursor.take(units[next])) ++next;
    if (next == units.size() || timed == (next == 0) || (fraction && next != 3)) return false;
    if (__builtin_mul_overflow(count, seconds[next], &count) ||
        __builtin_add_overflow(span.seconds, count, &span.seconds)) {
      return false;
    }
    ++next;
    any = true;
  }
  if (negative) {
    span.seconds = -span.seconds;
    if (span.nanoseconds != 0) {
      --span.seconds;
      span.nanoseconds = nanoseconds_per_second - span.nanoseconds;
    }
  }
  return any;
}

// What a text of this type looks like, for messages.
template <Time T>
constexpr std::string_view form() {
  if constexpr (is_duration<T>) return "a duration such as \"PT1H30M\"";
  if constexpr (std::is_same_v<T, std::chrono::year_month_day> || std::is_same_v<T, std::chrono::sys_days>)
    return "a date such as \"2026-11-24\"";
  return "a time such as \"2026-11-24T11:20:00Z\"";
}

enum class Outcome : unsigned char { done, malformed, inexact };

template <Time T>
Outcome read(std::string_view text, T& value) {
  if constexpr (std::is_same_v<T, std::chrono::year_month_day> || std::is_same_v<T, std::chrono::sys_days>) {
    Cursor cursor(text);
    std::chrono::year_month_day date;
    if (!read_date(cursor, date) || !cursor.done()) return Outcome::malformed;
    value = T(date);
    return Outcome::done;
  } else {
    Span span;
    if constexpr (is_duration<T>) {
      if (!read_duration(text, span)) return Outcome::malformed;
      return from_span(span, value) ? Outcome::done : Outcome::inexact;
    } else {
      if (!read_point(text, span)) return Outcome::malformed;
      typename T::duration since_epoch{};
      if (!from_span(span, since_epoch)) return Outcome::inexact;
      value = T(since_epoch);
      return Outcome::done;
    }
  }
}

}  // namespace thalo::json::time
