//! Wasmtime's C API, re-exported so that its symbols are linked into this static library.
pub use wasmtime_c_api::*;
