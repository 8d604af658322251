//! Wasmtime's C API, re-exported so that its symbols are linked into this static library; a componentizer beside it
//! (`include/thalo_componentize.h`), and typed calls into an aggregate's guest (`include/thalo_guest.h`).
mod account;
mod componentize;
mod ffi;
mod guest;
mod guest_ffi;

pub use ffi::{thalo_component_interfaces, thalo_componentize, thalo_owned_text_delete};
pub use guest_ffi::{thalo_guest_apply, thalo_guest_delete, thalo_guest_handle, thalo_guest_new, thalo_store_limit};
pub use wasmtime_c_api::*;
