// Writes the seeds as files for libFuzzer: fuzz_net_seeds FOLDER
#include <filesystem>
#include <fstream>
#include <iostream>

#include "tests/fuzz/targets.h"

namespace {

void write(const std::filesystem::path& folder, const std::vector<std::string>& seeds) {
  std::filesystem::create_directories(folder);
  for (std::size_t index = 0; index < seeds.size(); ++index) {
    std::ofstream(folder / ("seed" + std::to_string(index)), std::ios::binary) << seeds[index];
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: fuzz_net_seeds FOLDER\n";
    return 2;
  }
  const std::filesystem::path folder = argv[1];
  write(folder / "net_session", thalo::fuzz::net_session_seeds());
  write(folder / "net_codec", thalo::fuzz::net_codec_seeds());
}
