//! Wasmtime's C API, re-exported so that its symbols are linked into this static library, and a componentizer beside it
//! (`include/thalo_componentize.h`).
mod componentize;
mod ffi;

pub use ffi::{thalo_component_interfaces, thalo_componentize, thalo_owned_text_delete};
pub use wasmtime_c_api::*;
