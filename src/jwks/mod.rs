//! Key sets: how they are parsed, cached and fetched.

mod fetch;
pub mod keys;
pub mod log;
pub mod remote;
pub mod state;

use std::time::Duration;

pub use remote::{clear, clear_all};

/// How a fetched key set is kept.
#[derive(Clone, Copy, Debug)]
pub struct CachePolicy {
    /// How long it is fresh; default 5 minutes. Zero: fetched for every verification.
    pub ttl: Duration,
    /// How long a whole request may take; default 5 seconds.
    pub timeout: Duration,
    /// Least time between two fetches that an unknown `kid` or a failing endpoint provokes; default 10 seconds.
    pub cooldown: Duration,
    /// How long past its TTL it still serves while it cannot be refreshed; default 1 hour.
    pub max_stale: Duration,
}
