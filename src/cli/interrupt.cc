#include "cli/interrupt.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>

namespace thalo::cli {
namespace {

volatile sig_atomic_t was_interrupted = 0;
int ends[2] = {-1, -1};

void on_signal(int) {
  was_interrupted = 1;
  [[maybe_unused]] const auto written = ::write(ends[1], "", 1);
}

}  // namespace

void catch_interrupts() {
  if (ends[0] >= 0) return;
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) std::abort();
  struct sigaction action = {};
  action.sa_handler = on_signal;
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // a second one ends the program at once
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return was_interrupted != 0; }
int interrupt_fd() { return ends[0]; }

}  // namespace thalo::cli
