//! The log of completed fetches, which JavaScript publishes on a diagnostics channel.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use crate::lock::lock;

/// Maximum number of fetches in the log. Without a subscriber, nothing empties the log, so the oldest fetches are
/// dropped.
const MAX_FETCH_RECORDS: usize = 64;

static FETCH_RECORDS: Mutex<VecDeque<FetchRecord>> = Mutex::new(VecDeque::new());

/// The reason for a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchReason {
    /// The key set is not cached.
    Empty,
    /// The cached keys are older than the TTL.
    Stale,
    /// The cached keys will soon be older than the TTL.
    Refresh,
    /// No cached key has the token's `kid`.
    UnknownKid,
}

impl FetchReason {
    /// The name of the reason in the public contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Stale => "stale",
            Self::Refresh => "refresh",
            Self::UnknownKid => "unknown_kid",
        }
    }
}

/// A completed fetch.
#[derive(Debug)]
pub struct FetchRecord {
    /// The JWKS URL.
    pub url: String,
    /// The reason for the fetch.
    pub reason: FetchReason,
    /// The number of usable keys in the fetched set, or the error if the fetch failed.
    pub outcome: Result<usize, String>,
    /// When the fetch started, as Unix time in milliseconds.
    pub started_at: f64,
    /// The duration of the fetch.
    pub duration: Duration,
}

/// Adds a completed fetch to the log.
pub fn record(fetch: FetchRecord) {
    let mut records = lock(&FETCH_RECORDS);
    if records.len() >= MAX_FETCH_RECORDS {
        records.pop_front();
    }
    records.push_back(fetch);
}

/// Removes and returns all fetches from the log, oldest first. Each fetch is reported only once per process, so that
/// the counters of several threads add up correctly.
#[must_use]
pub fn drain() -> Vec<FetchRecord> {
    lock(&FETCH_RECORDS).drain(..).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_each_fetch_once_in_order_and_drops_the_oldest() {
        let url = "https://log.test/oidc/jwks";
        for keys in 0..3 * MAX_FETCH_RECORDS {
            let (reason, duration) = (FetchReason::Stale, Duration::ZERO);
            record(FetchRecord { url: url.into(), reason, outcome: Ok(keys), started_at: 0.0, duration });
        }
        let key_count = |fetch: FetchRecord| (fetch.url == url).then(|| fetch.outcome.unwrap());
        let key_counts: Vec<_> = drain().into_iter().filter_map(key_count).collect();
        assert!(key_counts.len() <= MAX_FETCH_RECORDS && key_counts.is_sorted(), "{key_counts:?}");
        assert_eq!(key_counts.last(), Some(&(3 * MAX_FETCH_RECORDS - 1)));
        assert_eq!(drain().into_iter().filter_map(key_count).count(), 0);
    }
}
