// libFuzzer's entrance to the target named by THALO_FUZZ_TARGET.
#include <cstdint>

#include "base/log.h"
#include "tests/fuzz/targets.h"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  thalo::base::log::set_level(thalo::base::log::Level::off);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static thalo::fuzz::Reached reached;
  thalo::fuzz::THALO_FUZZ_TARGET(std::string_view(reinterpret_cast<const char*>(bytes), size), reached);
  return 0;
}
