//! The C face of the componentizer: borrowed bytes in, owned bytes out, no panic past this file.
use crate::componentize::{World, componentize, interfaces};
use anyhow::{Context, Result, anyhow};
use std::panic::{AssertUnwindSafe, catch_unwind};

#[repr(C)]
#[derive(Clone, Copy)]
pub struct BorrowedText {
    pub(crate) data: *const u8,
    pub(crate) size: usize,
}

#[repr(C)]
pub struct OwnedText {
    data: *mut u8,
    size: usize,
}

#[repr(C)]
pub struct Input {
    module: BorrowedText,
    wit: BorrowedText,
    world: BorrowedText,
    adapter_name: BorrowedText,
    adapter: BorrowedText,
    adapter_wit: BorrowedText,
    adapter_world: BorrowedText,
}

impl BorrowedText {
    /// Safety: `data` points to `size` readable bytes that outlive the result, or `size` is 0.
    pub(crate) unsafe fn bytes<'a>(self) -> &'a [u8] {
        if self.size == 0 {
            return &[];
        }
        unsafe { std::slice::from_raw_parts(self.data, self.size) }
    }

    /// Safety: as for `bytes`.
    unsafe fn text<'a>(self, what: &str) -> Result<&'a str> {
        std::str::from_utf8(unsafe { self.bytes() }).with_context(|| format!("{what} is not UTF-8"))
    }
}

/// Safety: as for `BorrowedText::bytes`.
unsafe fn world<'a>(wit: BorrowedText, name: BorrowedText) -> Result<Option<World<'a>>> {
    let (wit, name) = unsafe { (wit.text("the WIT")?, name.text("the world's name")?) };
    Ok((!wit.is_empty()).then_some(World { wit, name }))
}

fn run(output: &mut OwnedText, work: impl FnOnce() -> Result<Vec<u8>>) -> bool {
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        Err(anyhow!("the componentizer failed: {}", message.unwrap_or("no reason given")))
    });
    let (ok, bytes) = match result {
        Ok(bytes) => (true, bytes),
        Err(error) => (false, format!("{error:#}").into_bytes()),
    };
    let bytes = bytes.into_boxed_slice();
    output.size = bytes.len();
    output.data = Box::into_raw(bytes).cast();
    ok
}

/// # Safety
/// The pointers of `input` are readable for the call; `output` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thalo_componentize(input: &Input, output: &mut OwnedText) -> bool {
    run(output, || unsafe {
        componentize(
            input.module.bytes(),
            world(input.wit, input.world)?,
            input.adapter_name.text("the adapter's name")?,
            input.adapter.bytes(),
            world(input.adapter_wit, input.adapter_world)?,
        )
    })
}

/// # Safety
/// `component` is readable for the call; `output` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thalo_component_interfaces(component: BorrowedText, output: &mut OwnedText) -> bool {
    run(output, || Ok(interfaces(unsafe { component.bytes() })?.into_bytes()))
}

/// # Safety
/// `text` was filled by a function of this file, and this is its only deletion.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thalo_owned_text_delete(text: &mut OwnedText) {
    if !text.data.is_null() {
        drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(text.data, text.size)) });
        text.data = std::ptr::null_mut();
        text.size = 0;
    }
}
