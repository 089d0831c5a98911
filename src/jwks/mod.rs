//! Fetches, parses and caches key sets.

pub mod decision;
pub mod failure;
mod fetch;
mod fetch_task;
mod in_flight;
pub mod keys;
pub mod log;
mod outage;
pub mod proxy;
pub mod remote;
mod shared;
mod source;
pub mod state;
mod tls;
mod trust;
pub mod unknown;
pub mod waiting;

use std::time::Duration;

pub(crate) use fetch::MAX_BODY_BYTES;
pub use shared::{clear_all, invalidate};
pub use source::JwksSource;
pub(crate) use trust::TrustAnchors;

/// The policy for fetching and caching the keys of a verifier.
#[derive(Clone, Copy, Debug)]
pub struct CachePolicy {
    /// How long a fetched key set is fresh. With a TTL of zero, every verification fetches the key set.
    pub ttl: Duration,
    /// How long a fetch may take in total, including an immediate retry.
    pub timeout: Duration,
    /// Minimum time between two fetches caused by unknown `kid`s, and maximum delay before a failed fetch is retried.
    pub cooldown: Duration,
    /// How long past its TTL a key set may be used while it cannot be refreshed.
    pub max_stale: Duration,
}
