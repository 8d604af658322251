use std::convert::Infallible;

use serde::Serialize;

use crate::named::name_of;

/// A command that the entity's own rules refuse, as clients get it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The error's name: its field `type` where it has one, else its variant, else its type.
    pub name: String,
    /// The error as JSON.
    pub json: String,
}

/// Why a command has led to no events.
#[doc(hidden)]
#[derive(Debug)]
pub enum Failure {
    Refused(Refusal),
    /// Refused, by an error that cannot be written as JSON.
    Unwritable(String),
}

/// What may be the `Error` of a [`Handle`](crate::Handle).
///
/// `M` keeps the two implementations apart; the compiler finds the one that fits.
#[doc(hidden)]
pub trait IntoFailure<M> {
    fn into_failure(self) -> Failure;
}

#[doc(hidden)]
pub struct BySerde;
#[doc(hidden)]
pub struct ByNever;

impl<E: Serialize> IntoFailure<BySerde> for E {
    fn into_failure(self) -> Failure {
        match refusal_of(&self) {
            Ok(refusal) => Failure::Refused(refusal),
            Err(error) => Failure::Unwritable(error.to_string()),
        }
    }
}

impl IntoFailure<ByNever> for Infallible {
    fn into_failure(self) -> Failure {
        match self {}
    }
}

/// The refusal that `error` is for a client.
pub(crate) fn refusal_of<E: Serialize>(error: &E) -> serde_json::Result<Refusal> {
    let json = serde_json::to_string(error)?;
    let value: serde_json::Value = serde_json::from_str(&json)?;
    let given = value.get("type").and_then(|name| name.as_str()).map(str::to_owned);
    let name = given.or_else(|| name_of(error).map(str::to_owned));
    Ok(Refusal { name: name.unwrap_or_else(|| "Rejected".to_owned()), json })
}
