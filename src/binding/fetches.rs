//! Fetches of key sets, as messages for whoever watches.

use napi_derive::napi;

use crate::jwks::log::{self, Ended};

/// A fetch of a key set that has ended.
#[napi(object, use_nullable = true)]
pub struct KeyFetch {
    pub jwks_uri: String,
    pub reason: String,
    pub outcome: String,
    /// Usable keys that came.
    pub keys: u32,
    pub error: Option<String>,
    /// Milliseconds since 1970.
    pub started_at: f64,
    /// Milliseconds.
    pub duration: f64,
}

/// The fetches of key sets that have ended and that no thread has been told of, the oldest first.
#[napi(catch_unwind)]
pub fn take_key_fetches() -> Vec<KeyFetch> {
    log::take().into_iter().map(KeyFetch::from).collect()
}

impl From<Ended> for KeyFetch {
    fn from(Ended { address, reason, outcome, began, took }: Ended) -> Self {
        let (outcome, keys, error) = match outcome {
            Ok(keys) => ("ok", u32::try_from(keys).unwrap_or(u32::MAX), None),
            Err(error) => ("failed", 0, Some(error)),
        };
        Self {
            jwks_uri: address,
            reason: reason.name().into(),
            outcome: outcome.into(),
            keys,
            error,
            started_at: began,
            duration: took.as_secs_f64() * 1000.0,
        }
    }
}
