// Which entity the next command goes to. Deterministic for a seed; one thread.
#pragma once

#include <cstdint>
#include <random>

namespace thalo::load {

enum class Distribution : std::uint8_t {
  uniform,
  zipf,  // rank r is chosen in proportion to 1 / (r + 1)^0.99, as YCSB does
  hot,   // always the first
  each,  // one after the other, from the first
};

class EntityChoice {
 public:
  EntityChoice(Distribution distribution, std::uint64_t entities, std::uint64_t seed);

  std::uint64_t next();

 private:
  const Distribution distribution_;
  const std::uint64_t entities_;
  std::mt19937_64 random_;
  std::uint64_t turn_ = 0;
  double zeta_ = 0;
  double alpha_ = 0;
  double eta_ = 0;
};

}  // namespace thalo::load
