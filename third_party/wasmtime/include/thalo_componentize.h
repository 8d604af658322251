// The componentizer (crate wit-component) behind a C interface. Any thread; nothing is kept between calls.
#ifndef THALO_COMPONENTIZE_H
#define THALO_COMPONENTIZE_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

// Bytes or UTF-8 text that the caller keeps alive for the call. `data` may be null when `size` is 0.
typedef struct {
  const char* data;
  size_t size;
} thalo_borrowed_text_t;

// Bytes or UTF-8 text made by this library; release with thalo_owned_text_delete.
typedef struct {
  char* data;
  size_t size;
} thalo_owned_text_t;

typedef struct {
  thalo_borrowed_text_t module;         // a core module as wasm or as text (.wat)
  thalo_borrowed_text_t wit;            // one WIT package; unused when the module carries its own metadata (as wit-bindgen writes)
  thalo_borrowed_text_t world;          // the name of the module's world in `wit`
  thalo_borrowed_text_t adapter_name;   // the import module that the adapter answers, e.g. "wasi_snapshot_preview1"
  thalo_borrowed_text_t adapter;        // likewise a core module; empty: none
  thalo_borrowed_text_t adapter_wit;    // one WIT package
  thalo_borrowed_text_t adapter_world;  // the name of the adapter's world in `adapter_wit`
} thalo_componentize_input_t;

// True: `output` is a validated component. False: `output` is the reason.
bool thalo_componentize(const thalo_componentize_input_t* input, thalo_owned_text_t* output);

// `component` is binary or text (.wat).
// True: `output` has one line `import NAME` or `export NAME` for each thing that `component` imports or exports. False: `output` is the reason.
bool thalo_component_interfaces(thalo_borrowed_text_t component, thalo_owned_text_t* output);

void thalo_owned_text_delete(thalo_owned_text_t* text);

#ifdef __cplusplus
}
#endif

#endif  // THALO_COMPONENTIZE_H
