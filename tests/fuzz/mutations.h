// Seeded random mutations of valid input: the same sequence in every run.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace thalo::fuzz {

class Mutations {
 public:
  Mutations(std::vector<std::string> seeds, std::uint32_t random_seed)
      : seeds_(std::move(seeds)), random_(random_seed) {}

  std::string next() {
    std::string input = seeds_[below(seeds_.size())];
    for (std::size_t count = below(6); count > 0 && !input.empty(); --count) mutate(input);
    return input;
  }

 private:
  std::size_t below(std::size_t limit) { return random_() % limit; }

  void mutate(std::string& input) {
    const std::size_t at = below(input.size());
    const std::size_t size = 1 + below(std::min<std::size_t>(input.size() - at, 40));
    switch (below(7)) {
      case 0:
        input[at] = static_cast<char>(random_());
        break;
      case 1:
        input[at] = static_cast<char>(input[at] ^ 1 << below(8));
        break;
      case 2:
        input.erase(at, size);
        break;
      case 3:
        input.insert(at, input.substr(at, size));
        break;
      case 4:
        input.resize(at);
        break;
      case 5: {  // a piece of another
        const std::string& other = seeds_[below(seeds_.size())];
        const std::size_t from = below(other.size());
        input.insert(at, other.substr(from, 1 + below(200)));
        break;
      }
      default:  // a number at its edge
        for (std::size_t index = at; index < std::min(at + 4, input.size()); ++index) {
          input[index] = below(2) == 0 ? '\0' : '\xff';
        }
    }
  }

  std::vector<std::string> seeds_;
  std::mt19937 random_;
};

}  // namespace thalo::fuzz
