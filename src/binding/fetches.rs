//! The log of key set fetches, as messages for `diagnostics_channel`.

use napi_derive::napi;

use crate::jwks::log::{self, FetchRecord};

/// A completed fetch of a key set.
#[napi(object, use_nullable = true)]
pub struct KeyFetch {
    pub jwks_uri: String,
    pub reason: String,
    pub outcome: String,
    /// The number of usable keys.
    pub keys: u32,
    pub error: Option<String>,
    /// The start of the fetch, in milliseconds since 1970.
    pub started_at: f64,
    /// The duration of the fetch, in milliseconds.
    pub duration: f64,
}

/// The key set fetches that have completed since the last call on any thread, oldest first.
#[napi(catch_unwind)]
pub fn take_key_fetches() -> Vec<KeyFetch> {
    log::take().into_iter().map(KeyFetch::from).collect()
}

impl From<FetchRecord> for KeyFetch {
    fn from(FetchRecord { url, reason, outcome, started_at, duration }: FetchRecord) -> Self {
        let (outcome, keys, error) = match outcome {
            Ok(keys) => ("ok", u32::try_from(keys).unwrap_or(u32::MAX), None),
            Err(error) => ("failed", 0, Some(error)),
        };
        Self {
            jwks_uri: url,
            reason: reason.name().into(),
            outcome: outcome.into(),
            keys,
            error,
            started_at,
            duration: duration.as_secs_f64() * 1000.0,
        }
    }
}
