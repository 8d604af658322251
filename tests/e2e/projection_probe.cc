// A member of a projection made with the C++ client: projection_probe URL NAME CATEGORY. Prints a line for each event
// it handles, and on standard error what of its filter was never seen; an event whose data says {"fail":true} it fails,
// unless the file named by THALO_PROBE_MENDED is there.
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <stop_token>

#include "client/projection.h"

namespace {

using thalo::client::Event;
using thalo::client::EventFailure;
using thalo::client::Handled;

class Probe final : public thalo::client::ProjectionHandler {
 public:
  Handled on_events(std::span<const Event> events) override {
    const char* const mended = std::getenv("THALO_PROBE_MENDED");
    for (std::size_t index = 0; index < events.size(); ++index) {
      const bool fails = events[index].data.find("\"fail\":true") != std::string::npos;
      if (fails && (mended == nullptr || !std::filesystem::exists(mended))) return EventFailure{index, "it says so"};
      std::cout << events[index].stream << ' ' << events[index].position << std::endl;
    }
    return {};
  }
  void on_unseen(std::span<const std::string> parts) override {
    for (const std::string& part : parts) std::cerr << "nothing yet of " << part << std::endl;
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  thalo::client::ProjectionOptions options;
  options.url = argv[1];
  options.name = argv[2];
  options.filter.categories = {argv[3]};
  options.policy = thalo::client::FailurePolicy{2, std::chrono::milliseconds(10), std::chrono::milliseconds(10), 100};
  Probe probe;
  const auto ended = thalo::client::run_projection(options, probe, std::stop_token());
  if (!ended) std::cerr << ended.error().message << '\n';
  return ended ? 0 : 1;
}
