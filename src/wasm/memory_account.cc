#include "wasm/memory_account.h"

#include <sys/mman.h>

#include <memory>
#include <utility>

namespace thalo::wasm {
namespace {

thread_local MemoryAccount* open_account = nullptr;

// One linear memory: address space reserved once, so that it grows without moving, made readable page by page as it
// grows.
class LinearMemory {
 public:
  LinearMemory(MemoryAccount& account, std::byte* base, std::size_t mapped_bytes, std::size_t capacity_bytes)
      : account_(account), base_(base), mapped_bytes_(mapped_bytes), capacity_bytes_(capacity_bytes) {}
  LinearMemory(const LinearMemory&) = delete;
  LinearMemory& operator=(const LinearMemory&) = delete;
  ~LinearMemory() {
    account_.size_bytes -= size_bytes_;
    ::munmap(base_, mapped_bytes_);
  }

  // Null when the memory has the new size.
  wasmtime_error_t* grow_to(std::size_t new_size_bytes) {
    if (new_size_bytes <= size_bytes_) return nullptr;
    const std::size_t added = new_size_bytes - size_bytes_;
    if (new_size_bytes > capacity_bytes_ || added > account_.size_bytes_max - account_.size_bytes) {
      account_.refused = true;
      return wasmtime_error_new("the instance's memory limit is reached");
    }
    if (::mprotect(base_, new_size_bytes, PROT_READ | PROT_WRITE) != 0) {
      return wasmtime_error_new("the machine has no more memory");
    }
    account_.size_bytes += added;
    size_bytes_ = new_size_bytes;
    return nullptr;
  }

  std::byte* base() const { return base_; }
  std::size_t size_bytes() const { return size_bytes_; }
  std::size_t capacity_bytes() const { return capacity_bytes_; }

 private:
  MemoryAccount& account_;
  std::byte* base_;
  std::size_t mapped_bytes_;
  std::size_t capacity_bytes_;
  std::size_t size_bytes_ = 0;
};

std::uint8_t* get_memory(void* env, std::size_t* size_bytes, std::size_t* capacity_bytes) {
  const auto* memory = static_cast<LinearMemory*>(env);
  *size_bytes = memory->size_bytes();
  *capacity_bytes = memory->capacity_bytes();
  return reinterpret_cast<std::uint8_t*>(memory->base());
}

wasmtime_error_t* grow_memory(void* env, std::size_t new_size_bytes) {
  return static_cast<LinearMemory*>(env)->grow_to(new_size_bytes);
}

void delete_memory(void* env) { delete static_cast<LinearMemory*>(env); }

wasmtime_error_t* new_memory(void*, const wasm_memorytype_t*, std::size_t minimum, std::size_t maximum,
                             std::size_t reserved_bytes, std::size_t guard_bytes, wasmtime_linear_memory_t* out) {
  if (open_account == nullptr) return wasmtime_error_new("a linear memory was asked for outside an instantiation");
  MemoryAccount& account = *open_account;
  if (minimum > account.size_bytes_max - account.size_bytes) {
    account.refused = true;
    return wasmtime_error_new("the instance's memory limit is reached");
  }
  // Without a reservation asked for, the memory must still never move: reserve what the account allows.
  const std::size_t capacity = reserved_bytes != 0 ? reserved_bytes : std::min(maximum, account.size_bytes_max);
  const std::size_t mapped = capacity + guard_bytes;
  void* base = ::mmap(nullptr, mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (base == MAP_FAILED) return wasmtime_error_new("the machine has no address space left for a linear memory");
  auto memory = std::make_unique<LinearMemory>(account, static_cast<std::byte*>(base), mapped, capacity);
  if (auto* error = memory->grow_to(minimum)) return error;
  out->env = memory.release();
  out->get_memory = get_memory;
  out->grow_memory = grow_memory;
  out->finalizer = delete_memory;
  return nullptr;
}

}  // namespace

MemoryAccountScope::MemoryAccountScope(MemoryAccount& account) { open_account = &account; }
MemoryAccountScope::~MemoryAccountScope() { open_account = nullptr; }

void count_memories(wasm_config_t* config) {
  wasmtime_memory_creator_t creator{.env = nullptr, .new_memory = new_memory, .finalizer = nullptr};
  wasmtime_config_host_memory_creator_set(config, &creator);
}

}  // namespace thalo::wasm
