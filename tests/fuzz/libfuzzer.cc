// libFuzzer's entrance to the target named by THALO_FUZZ_TARGET. With the variable THALO_FUZZ_WRITE_SEEDS, the name of
// a folder, it writes the target's seeds there and ends.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "tests/fuzz/targets.h"

namespace {

void write_seeds(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  std::size_t number = 0;
  for (const std::string& seed : thalo::fuzz::THALO_FUZZ_SEEDS())
    std::ofstream(folder / ("seed" + std::to_string(number++)), std::ios::binary) << seed;
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  thalo::base::log::set_level(thalo::base::log::Level::off);
  if (const char* folder = std::getenv("THALO_FUZZ_WRITE_SEEDS")) {
    write_seeds(folder);
    std::_Exit(0);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static thalo::fuzz::Reached reached;
  thalo::fuzz::THALO_FUZZ_TARGET(std::string_view(reinterpret_cast<const char*>(bytes), size), reached);
  return 0;
}
