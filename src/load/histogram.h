// A high dynamic range histogram: counts of values with a fixed relative error, in fixed memory, a few instructions a
// value.
//
// Values from 0 to 2^36 - 1 (68 s in nanoseconds); larger ones count as that. A value type; one thread at a time.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace thalo::load {

class Histogram {
 public:
  // Values are kept to `significant_bits` bits: 11 is an error below 0.1 % in 220 KB, 7 below 1.6 % in 16 KB.
  explicit Histogram(unsigned significant_bits = 11);

  void record(std::uint64_t value, std::uint64_t times = 1) {
    value = value < value_max ? value : value_max;
    counts_[index_of(value)] += times;
    count_ += times;
    sum_ += value * times;
    max_ = value > max_ ? value : max_;
  }
  // Both have the same number of significant bits.
  void add(const Histogram& other);
  void clear();

  std::uint64_t count() const { return count_; }
  std::uint64_t max() const { return max_; }
  double mean() const { return count_ == 0 ? 0 : static_cast<double>(sum_) / static_cast<double>(count_); }
  // The smallest value that at least `percent` of the values do not exceed, up to the error; 0 when there are none.
  std::uint64_t percentile(double percent) const;

 private:
  static constexpr std::uint64_t value_max = (std::uint64_t{1} << 36) - 1;
  // Below 2^bits every value has its own count. Above, each doubling is divided into 2^(bits-1) counts.
  std::size_t index_of(std::uint64_t value) const {
    const auto width = static_cast<unsigned>(std::bit_width(value));
    if (width <= bits_) return value;
    const unsigned shift = width - bits_;
    return (std::size_t{shift} << (bits_ - 1)) + (value >> shift);
  }
  std::uint64_t largest_in(std::size_t index) const;

  unsigned bits_;
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t sum_ = 0;
  std::uint64_t max_ = 0;
};

}  // namespace thalo::load
