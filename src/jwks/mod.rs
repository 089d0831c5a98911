//! Fetches, parses and caches key sets.

mod fetch;
pub mod keys;
pub mod log;
pub mod remote;
pub mod state;

use std::time::Duration;

pub(crate) use fetch::MAX_BODY_BYTES;
pub(crate) use keys::MAX_KEYS;
pub use remote::{clear, clear_all};

/// The policy for fetching and caching a key set.
#[derive(Clone, Copy, Debug)]
pub struct CachePolicy {
    /// How long a set is fresh. With zero, every verification fetches the set.
    pub ttl: Duration,
    /// How long a fetch may take in total.
    pub timeout: Duration,
    /// Minimum time between fetches triggered by an unknown `kid`, and before a failed fetch is retried.
    pub cooldown: Duration,
    /// How long a set may be used past its TTL while it cannot be refreshed.
    pub max_stale: Duration,
}
