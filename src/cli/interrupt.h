// Ctrl-C as something that can be waited for. The main thread of a program that is about to end by it.
#pragma once

namespace thalo::cli {

// From now on SIGINT and SIGTERM no longer end the program: interrupted() tells of them, and interrupt_fd() becomes
// readable. Programs that are started meanwhile do end.
void catch_interrupts();
bool interrupted();
int interrupt_fd();

}  // namespace thalo::cli
