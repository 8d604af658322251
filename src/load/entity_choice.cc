#include "load/entity_choice.h"

#include <algorithm>
#include <cmath>

namespace thalo::load {

namespace {

constexpr double exponent = 0.99;

double zeta(std::uint64_t count) {
  double sum = 0;
  for (std::uint64_t rank = 1; rank <= count; ++rank) sum += std::pow(static_cast<double>(rank), -exponent);
  return sum;
}

}  // namespace

// Zipf by Gray et al., "Quickly generating billion-record synthetic databases" (1994).
EntityChoice::EntityChoice(Distribution distribution, std::uint64_t entities, std::uint64_t seed)
    : distribution_(distribution), entities_(entities), random_(seed) {
  if (distribution != Distribution::zipf) return;
  zeta_ = zeta(entities);
  alpha_ = 1 / (1 - exponent);
  eta_ = (1 - std::pow(2.0 / static_cast<double>(entities), 1 - exponent)) / (1 - zeta(2) / zeta_);
}

std::uint64_t EntityChoice::next() {
  switch (distribution_) {
    case Distribution::hot:
      return 0;
    case Distribution::each:
      return turn_++ % entities_;
    case Distribution::uniform:
      return random_() % entities_;
    case Distribution::zipf: {
      const double chance = static_cast<double>(random_() >> 11) * 0x1p-53;
      const double scaled = chance * zeta_;
      if (scaled < 1 || entities_ == 1) return 0;
      if (scaled < 1 + std::pow(0.5, exponent)) return 1;
      const double rank = static_cast<double>(entities_) * std::pow(eta_ * chance - eta_ + 1, alpha_);
      return std::min(entities_ - 1, static_cast<std::uint64_t>(rank));
    }
  }
  return 0;
}

}  // namespace thalo::load
