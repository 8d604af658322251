#include "load/histogram.h"

#include <algorithm>
#include <cmath>

namespace thalo::load {

Histogram::Histogram(unsigned significant_bits) : bits_(significant_bits), counts_(index_of(value_max) + 1) {}

std::uint64_t Histogram::largest_in(std::size_t index) const {
  const std::size_t half = std::size_t{1} << (bits_ - 1);
  if (index < 2 * half) return index;
  const std::size_t shift = std::max<std::size_t>(index / half, 1) - 1;
  return ((index - shift * half + 1) << shift) - 1;
}

void Histogram::add(const Histogram& other) {
  for (std::size_t index = 0; index < counts_.size(); ++index) counts_[index] += other.counts_[index];
  count_ += other.count_;
  sum_ += other.sum_;
  max_ = std::max(max_, other.max_);
}

void Histogram::clear() {
  std::ranges::fill(counts_, 0);
  count_ = sum_ = max_ = 0;
}

std::uint64_t Histogram::percentile(double percent) const {
  if (count_ == 0) return 0;
  const auto wanted = std::max<std::uint64_t>(
      1, static_cast<std::uint64_t>(std::ceil(percent / 100 * static_cast<double>(count_) - 1e-9)));
  std::uint64_t seen = 0;
  for (std::size_t index = 0; index < counts_.size(); ++index) {
    seen += counts_[index];
    if (seen >= wanted) return std::min(largest_in(index), max_);
  }
  return max_;
}

}  // namespace thalo::load
