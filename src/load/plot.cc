// The picture of a run: throughput over time, latency over time, latency by percentile.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "load/report.h"

namespace thalo::load {

namespace {

using Points = std::vector<std::pair<double, double>>;

constexpr double width = 860;
constexpr double height = 210;
constexpr double left = 90;
constexpr double right = 840;
constexpr double top = 34;
constexpr double bottom = 172;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else {
      out += static_cast<unsigned char>(c) < ' ' ? ' ' : c;  // which XML may not have
    }
  }
  return out;
}

std::string text_at(double x, double y, std::string_view anchor, std::string_view text) {
  return fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor, escaped(text));
}

std::string rate_text(double rate) {
  if (rate >= 1e6) return fmt::format("{:g}M/s", rate / 1e6);
  return rate >= 1e3 ? fmt::format("{:g}k/s", rate / 1e3) : fmt::format("{:g}/s", rate);
}

std::string time_text(double microseconds) {
  if (microseconds >= 1e6) return fmt::format("{:g} s", microseconds / 1e6);
  return microseconds >= 1e3 ? fmt::format("{:g} ms", microseconds / 1e3) : fmt::format("{:g} µs", microseconds);
}

// 1, 2 or 5 times a power of ten, at least `value`.
double round_up(double value) {
  const double power = std::pow(10, std::floor(std::log10(std::max(value, 1.0))));
  for (const double step : {1.0, 2.0, 5.0}) {
    if (value <= step * power) return step * power;
  }
  return 10 * power;
}

// One diagram, `offset` from the top of the picture. Axes go from 0 (or, logarithmic, from a power of ten) up.
class Panel {
 public:
  Panel(double offset, std::string_view title, double x_max) : x_max_(x_max) {
    out_ = fmt::format("<g transform=\"translate(0,{:.0f})\">\n", offset) +
           fmt::format("<text x=\"{}\" y=\"20\" class=\"title\">{}</text>\n", left, escaped(title));
  }

  void linear(double y_max) {
    y_max_ = round_up(y_max);
    for (int step = 0; step <= 2; ++step) grid(y_max_ * step / 2, rate_text(y_max_ * step / 2));
  }
  void logarithmic(double y_min, double y_max) {
    logarithmic_ = true;
    y_min_ = std::pow(10, std::floor(std::log10(std::max(y_min, 1.0))));
    y_max_ = std::max(y_min_ * 10, std::pow(10, std::ceil(std::log10(std::max(y_max, 1.0)))));
    const auto decades = static_cast<int>(std::lround(std::log10(y_max_ / y_min_)));
    for (int decade = 0; decade <= decades; ++decade) {
      const double value = y_min_ * std::pow(10, decade);
      grid(value, time_text(value));
    }
  }
  void mark_x(double x, std::string_view text) { out_ += text_at(x_of(x), bottom + 16, "middle", text); }
  void line(const Points& points, std::string_view name, std::string_view colour) {
    out_ += fmt::format("<polyline fill=\"none\" stroke=\"{}\" stroke-width=\"1.5\" points=\"", colour);
    for (const auto& [x, y] : points) out_ += fmt::format("{:.1f},{:.1f} ", x_of(x), y_of(y));
    out_ += "\"/>\n";
    if (name.empty()) return;
    out_ += fmt::format("<text x=\"{:.0f}\" y=\"20\" text-anchor=\"end\" fill=\"{}\">{}</text>\n",
                        right - 60 * named_++, colour, name);
  }
  std::string end() { return out_ + "</g>\n"; }

 private:
  double x_of(double x) const { return left + (right - left) * (x_max_ > 0 ? x / x_max_ : 0); }
  double y_of(double y) const {
    const double share = logarithmic_ ? std::log(std::max(y, y_min_) / y_min_) / std::log(y_max_ / y_min_) : y / y_max_;
    return bottom - (bottom - top) * std::clamp(share, 0.0, 1.0);
  }
  void grid(double y, std::string_view text) {
    out_ += fmt::format("<line x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\" stroke=\"#ddd\"/>\n", left, right,
                        y_of(y), y_of(y));
    out_ += text_at(left - 6, y_of(y) + 4, "end", text);
  }

  const double x_max_;
  double y_min_ = 1;
  double y_max_ = 1;
  bool logarithmic_ = false;
  int named_ = 0;
  std::string out_;
};

constexpr std::string_view blue = "#1f6feb";
constexpr std::string_view orange = "#d9730d";
constexpr std::string_view red = "#cf222e";

void mark_seconds(Panel& panel, double seconds) {
  for (int step = 0; step <= 4; ++step) panel.mark_x(seconds * step / 4, fmt::format("{:.3g} s", seconds * step / 4));
}

std::string throughput_over_time(const Recorder& recorder, double interval, double seconds) {
  Points operations;
  Points reads;
  double most = 0;
  double time = 0;
  for (const Interval& each : recorder.intervals()) {
    time += interval;
    const double done = static_cast<double>(each.operations) / interval;
    const double read = static_cast<double>(each.events_read) / interval;
    operations.emplace_back(std::min(time, seconds), done);
    reads.emplace_back(std::min(time, seconds), read);
    most = std::max({most, done, read});
  }
  Panel panel(0, "Throughput", seconds);
  panel.linear(most);
  mark_seconds(panel, seconds);
  panel.line(operations, "done", blue);
  if (recorder.measured().events_read > 0) panel.line(reads, "events", orange);
  return panel.end();
}

std::string latency_over_time(const Recorder& recorder, double interval, double seconds) {
  std::array<Points, 3> lines;
  double time = 0;
  double least = 1e12;
  double most = 0;
  for (const Interval& each : recorder.intervals()) {
    time += interval;
    if (each.latency.count() == 0) continue;
    const std::array values{each.latency.percentile(50), each.latency.percentile(99), each.latency.max()};
    for (std::size_t index = 0; index < values.size(); ++index) {
      const double microseconds = static_cast<double>(values[index]) / 1e3;
      lines[index].emplace_back(std::min(time, seconds), microseconds);
      least = std::min(least, microseconds);
      most = std::max(most, microseconds);
    }
  }
  Panel panel(height, "Latency", seconds);
  panel.logarithmic(std::min(least, most), most);
  mark_seconds(panel, seconds);
  panel.line(lines[2], "max", red);
  panel.line(lines[1], "p99", orange);
  panel.line(lines[0], "p50", blue);
  return panel.end();
}

// The axis is the number of nines: 90 %, 99 %, 99.9 % … stand at equal distances.
std::string latency_by_percentile(const Recorder& recorder) {
  constexpr double nines_max = 5;
  Panel panel(2 * height, "Latency by percentile", nines_max);
  double least = 1e12;
  double most = 0;
  std::array<Points, kinds> lines;
  for (std::size_t kind = 0; kind < kinds; ++kind) {
    const Histogram& latency = recorder.latency(static_cast<Kind>(kind));
    if (latency.count() == 0) continue;
    for (int step = 0; step <= static_cast<int>(nines_max) * 20; ++step) {
      const double nines = step / 20.0;
      const double microseconds = static_cast<double>(latency.percentile(100 - 100 * std::pow(10, -nines))) / 1e3;
      lines[kind].emplace_back(nines, microseconds);
      least = std::min(least, microseconds);
      most = std::max(most, microseconds);
    }
  }
  panel.logarithmic(std::min(least, most), most);
  constexpr std::array labels{"0", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"};
  for (std::size_t index = 0; index < labels.size(); ++index) panel.mark_x(static_cast<double>(index), labels[index]);
  if (!lines[1].empty()) panel.line(lines[1], "reads", orange);
  if (!lines[0].empty()) panel.line(lines[0], lines[1].empty() ? "" : "writes", blue);
  return panel.end();
}

}  // namespace

std::string to_svg(const Report& report) {
  const Recorder& recorder = report.run->recorder;
  const double interval = std::chrono::duration<double>(recorder.window().interval).count();
  const double seconds = std::chrono::duration<double>(recorder.window().end - recorder.window().begin).count();
  constexpr double foot = 48;
  std::string out = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" "
      "font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
      "<style>.title{{font-size:13px;font-weight:bold}}</style>\n",
      width, 3 * height + foot);
  out += throughput_over_time(recorder, interval, seconds);
  out += latency_over_time(recorder, interval, seconds);
  out += latency_by_percentile(recorder);
  out += text_at(left, 3 * height + 14, "start", report.command_line);
  out += text_at(left, 3 * height + 32, "start", machine_text(report.machine));
  return out + "</svg>\n";
}

}  // namespace thalo::load
