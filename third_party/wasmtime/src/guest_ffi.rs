//! The C face of `guest` and `account` (`include/thalo_guest.h`).
use crate::account::{Account, Bounds, Limiter};
use crate::ffi::BorrowedText;
use crate::guest::{Command, Context, Event, Guest, GuestError, NewEvent, PlainCommand};
use std::ffi::c_void;
use wasmtime::component::{Func, ResourceAny};
use wasmtime_c_api::{
    WasmtimeStore, WasmtimeStoreContextMut, wasmtime_component_resource_any_t, wasmtime_error_t, wasmtime_store_t,
};

type CError = Option<Box<wasmtime_error_t>>;

/// An event as it goes in and comes out.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct EventText {
    event: BorrowedText,
    payload: BorrowedText,
}

#[repr(C)]
pub struct CommandText {
    command: BorrowedText,
    payload: BorrowedText,
    command_id: BorrowedText,
    time_ms: u64,
    version: u64,
    correlation_id: BorrowedText,
    causation_id: BorrowedText,
    metadata: BorrowedText,
}

#[repr(C)]
pub struct Answer {
    /// 0: the guest accepted; otherwise the case of its `error`, counted from 1.
    error: u32,
    events: *const EventText,
    event_count: usize,
    first: BorrowedText,
    second: BorrowedText,
}

type Reader = unsafe extern "C" fn(reader: *mut c_void, answer: &Answer);

/// The functions of one instance.
pub struct GuestFunctions {
    guest: Guest,
    has_context: bool,
}

impl BorrowedText {
    /// Safety: UTF-8 that outlives the result; the caller has checked it.
    unsafe fn checked_text<'a>(self) -> &'a str {
        unsafe { std::str::from_utf8_unchecked(self.bytes()) }
    }

    fn of(text: &str) -> BorrowedText {
        BorrowedText { data: text.as_ptr(), size: text.len() }
    }
}

/// The C API's resource is a struct of nothing but Wasmtime's.
fn resource(wrapped: &wasmtime_component_resource_any_t) -> ResourceAny {
    const { assert!(size_of::<wasmtime_component_resource_any_t>() == size_of::<ResourceAny>()) };
    // Safety: `#[repr(C)] struct { resource: ResourceAny }`, and the version of the crate is pinned.
    unsafe { *std::ptr::from_ref(wrapped).cast::<ResourceAny>() }
}

fn to_c(error: wasmtime::Error) -> CError {
    Some(Box::new(wasmtime_error_t::from(error)))
}

fn accepted(events: &[EventText]) -> Answer {
    Answer {
        error: 0,
        events: events.as_ptr(),
        event_count: events.len(),
        first: BorrowedText::of(""),
        second: BorrowedText::of(""),
    }
}

fn refused(error: &GuestError) -> Answer {
    let (case, first, second) = match error {
        GuestError::Command((name, json)) => (1, name.as_str(), json.as_str()),
        GuestError::DeserializeCommand((name, reason)) => (2, name.as_str(), reason.as_str()),
        GuestError::DeserializeContext(reason) => (3, reason.as_str(), ""),
        GuestError::DeserializeEvent((name, reason)) => (4, name.as_str(), reason.as_str()),
        GuestError::SerializeError((text, reason)) => (5, text.as_str(), reason.as_str()),
        GuestError::SerializeEvent(reason) => (6, reason.as_str(), ""),
    };
    Answer {
        error: case,
        events: std::ptr::null(),
        event_count: 0,
        first: BorrowedText::of(first),
        second: BorrowedText::of(second),
    }
}

/// # Safety
/// The functions are of the store of `context`; `out` is writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thalo_guest_new(
    context: WasmtimeStoreContextMut<'_>,
    apply: &Func,
    handle: &Func,
    has_context: bool,
    out: &mut *mut GuestFunctions,
) -> CError {
    match Guest::new(context, *apply, *handle, has_context) {
        Ok(guest) => {
            *out = Box::into_raw(Box::new(GuestFunctions { guest, has_context }));
            None
        }
        Err(error) => to_c(error),
    }
}

/// # Safety
/// `guest` was made by `thalo_guest_new`, and this is its only deletion.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thalo_guest_delete(guest: Option<Box<GuestFunctions>>) {
    drop(guest);
}

/// # Safety
/// As the header says; every text is UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thalo_guest_apply(
    guest: &GuestFunctions,
    context: WasmtimeStoreContextMut<'_>,
    entity: &wasmtime_component_resource_any_t,
    events: *const EventText,
    event_count: usize,
    read: Reader,
    reader: *mut c_void,
) -> CError {
    let event = |text: &EventText| unsafe {
        Event { event: text.event.checked_text(), payload: text.payload.checked_text() }
    };
    let texts = match event_count {
        0 => &[],
        _ => unsafe { std::slice::from_raw_parts(events, event_count) },
    };
    // What a command's own events need is the common case, and worth no allocation.
    let one;
    let many;
    let events: &[Event] = match texts {
        [text] => {
            one = [event(text)];
            &one
        }
        _ => {
            many = texts.iter().map(event).collect::<Vec<_>>();
            &many
        }
    };
    match guest.guest.apply(context, resource(entity), events) {
        Ok(answer) => unsafe {
            match answer {
                Ok(()) => read(reader, &accepted(&[])),
                Err(error) => read(reader, &refused(&error)),
            }
            None
        },
        Err(error) => to_c(error),
    }
}

/// # Safety
/// As the header says; every text is UTF-8.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thalo_guest_handle(
    guest: &GuestFunctions,
    store: WasmtimeStoreContextMut<'_>,
    entity: &wasmtime_component_resource_any_t,
    text: &CommandText,
    read: Reader,
    reader: *mut c_void,
) -> CError {
    let entity = resource(entity);
    let called = unsafe {
        let (command, payload) = (text.command.checked_text(), text.payload.checked_text());
        if guest.has_context {
            let context = Context {
                command_id: text.command_id.checked_text(),
                time_ms: text.time_ms,
                version: text.version,
                correlation_id: text.correlation_id.checked_text(),
                causation_id: text.causation_id.checked_text(),
                metadata: text.metadata.checked_text(),
            };
            guest.guest.handle(store, entity, Command { command, payload, context })
        } else {
            guest.guest.handle_plain(store, entity, PlainCommand { command, payload })
        }
    };
    match called {
        Ok(Ok(events)) => unsafe { show(&events, read, reader) },
        Ok(Err(error)) => unsafe { read(reader, &refused(&error)) },
        Err(error) => return to_c(error),
    }
    None
}

/// Safety: `read` takes `reader`.
unsafe fn show(events: &[NewEvent], read: Reader, reader: *mut c_void) {
    let text = |event: &NewEvent| EventText {
        event: BorrowedText::of(&event.event),
        payload: BorrowedText::of(&event.payload),
    };
    match events {
        [event] => unsafe { read(reader, &accepted(&[text(event)])) },
        _ => unsafe { read(reader, &accepted(&events.iter().map(text).collect::<Vec<_>>())) },
    }
}

/// # Safety
/// `account` outlives the store and is used on the store's thread alone.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn thalo_store_limit(store: &mut wasmtime_store_t, account: *mut Account, bounds: &Bounds) {
    const { assert!(size_of::<wasmtime_store_t>() == size_of::<WasmtimeStore>()) };
    // Safety: `#[repr(C)] struct { store: WasmtimeStore }`, and the version of the crate is pinned.
    let store = unsafe { &mut *std::ptr::from_mut(store).cast::<WasmtimeStore>() };
    let mut limiter = unsafe { Limiter::new(account, *bounds) };
    // Safety: the closure, which owns the limiter, lives as long as the store, and the store uses one borrow at a time.
    store.limiter(move |_| unsafe { &mut *std::ptr::from_mut(&mut limiter) });
}
