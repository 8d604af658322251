//! What `export_aggregate!` expands to.

use serde::de::DeserializeOwned;
use serde::Serialize;

use crate::aggregate::Aggregate;
#[cfg(any(target_family = "wasm", feature = "native-contract"))]
pub use crate::component::Component;
use crate::refusal::Failure;

/// An aggregate with what its crate chose for it.
pub trait Exports: 'static {
    type Aggregate: Aggregate;
    const SNAPSHOT_FORMAT: Option<&'static str> = None;

    fn handle(
        aggregate: &Self::Aggregate,
        command: <Self::Aggregate as Aggregate>::Command,
    ) -> Result<Vec<<Self::Aggregate as Aggregate>::Event>, Failure>;
    fn snapshot(_aggregate: &Self::Aggregate) -> Result<String, String> {
        Err("this aggregate offers no snapshots".to_owned())
    }
    fn restore(_snapshot: &str) -> Result<Self::Aggregate, String> {
        Err("this aggregate offers no snapshots".to_owned())
    }
}

pub fn to_snapshot<A: Serialize>(aggregate: &A) -> Result<String, String> {
    serde_json::to_string(aggregate).map_err(|error| error.to_string())
}

pub fn from_snapshot<A: DeserializeOwned>(snapshot: &str) -> Result<A, String> {
    serde_json::from_str(snapshot).map_err(|error| error.to_string())
}
