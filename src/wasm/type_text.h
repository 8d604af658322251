// Component types as text, close to WIT, so that two shapes are compared and shown with the same words.
#pragma once

#include <wasmtime.h>

#include <string>

namespace thalo::wasm {

// E.g. "func(self: borrow<resource>, events: list<record {event: string, payload: string}>) -> result<_, string>". Cut
// off, and so equal to no shape of ours, beyond a few thousand bytes.
std::string type_text(const wasmtime_component_func_type_t* function);

}  // namespace thalo::wasm
