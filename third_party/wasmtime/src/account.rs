//! A limiter that books all linear memories of a store on one account, which the C++ side reads at any time.
use wasmtime::{ResourceLimiter, Result};

/// As in `include/thalo_guest.h`.
#[repr(C)]
pub struct Account {
    size_bytes: usize,
    size_bytes_max: usize,
    refused: bool,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Bounds {
    table_elements_max: usize,
    instances_max: usize,
    tables_max: usize,
    memories_max: usize,
}

pub struct Limiter {
    account: *mut Account,
    bounds: Bounds,
}

// Safety: the account is used only by the thread that uses the store.
unsafe impl Send for Limiter {}
unsafe impl Sync for Limiter {}

impl Limiter {
    /// Safety: `account` outlives the limiter and is used only on the thread that uses the limiter.
    pub unsafe fn new(account: *mut Account, bounds: Bounds) -> Limiter {
        Limiter { account, bounds }
    }

    fn account(&mut self) -> &mut Account {
        unsafe { &mut *self.account }
    }
}

impl ResourceLimiter for Limiter {
    /// A growth granted here only fails when the machine has no memory left; it then stays booked, and the guest is given up soon.
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let added = desired.saturating_sub(current);
        let account = self.account();
        if added > account.size_bytes_max.saturating_sub(account.size_bytes) {
            account.refused = true;
            return Ok(false);
        }
        account.size_bytes += added;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> Result<bool> {
        Ok(desired <= self.bounds.table_elements_max)
    }

    fn instances(&self) -> usize {
        self.bounds.instances_max
    }

    fn tables(&self) -> usize {
        self.bounds.tables_max
    }

    fn memories(&self) -> usize {
        self.bounds.memories_max
    }
}
