// How much linear memory the guests of one store have, and where growing ends.
//
// Wasmtime's C API can cap each memory but tells nobody how large they are or that growth was refused, so the linear
// memories are ours: the engine asks us for each one (see count_memories), and we book it on the account that is open
// on the calling thread.
#pragma once

#include <wasmtime.h>

#include <cstddef>

namespace thalo::wasm {

struct MemoryAccount {
  std::size_t size_bytes = 0;      // what the guests have now
  std::size_t size_bytes_max = 0;  // growth beyond this is refused
  bool refused = false;            // a growth was refused since this was last reset
};

// Opens `account` on this thread for the memories that instantiating a component makes. The account outlives the store.
class MemoryAccountScope {
 public:
  explicit MemoryAccountScope(MemoryAccount& account);
  ~MemoryAccountScope();
  MemoryAccountScope(const MemoryAccountScope&) = delete;
  MemoryAccountScope& operator=(const MemoryAccountScope&) = delete;
};

// Makes the engine of `config` take its linear memories from here.
void count_memories(wasm_config_t* config);

}  // namespace thalo::wasm
