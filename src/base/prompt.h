// Threads that somebody waits for.
#pragma once

namespace thalo::base {

// From now on the calling thread asks the kernel for short turns, which it gets soon after it is woken: one that runs
// amid a longer turn gives way. For threads that do a little, often, and that a caller waits for; over time they get as
// much of the processor as before. Linux 6.12 and later have it (a slice of one's own in the EEVDF scheduler,
// sched_setattr(2)); nothing happens on others, nor where a sandbox refuses it or the operator has chosen another
// policy than the ordinary one. Threads and programs that it starts afterwards inherit it: start those elsewhere.
void run_promptly();

}  // namespace thalo::base
