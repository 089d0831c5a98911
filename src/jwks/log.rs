//! Fetches that have ended, for whoever watches: kept until they are taken, which may be on any thread.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::clock::Timestamp;

/// Kept where nobody takes them; the oldest go first.
const MOST: usize = 64;

static ENDED: Mutex<VecDeque<Ended>> = Mutex::new(VecDeque::new());

/// What provokes a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// There are no keys at hand.
    Empty,
    /// Those at hand are past their TTL.
    Stale,
    /// They will be soon.
    Refresh,
    /// A token's `kid` is not among them.
    UnknownKid,
}

impl Reason {
    /// For programs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Stale => "stale",
            Self::Refresh => "refresh",
            Self::UnknownKid => "unknown_kid",
        }
    }
}

/// A fetch that has ended.
#[derive(Debug)]
pub struct Ended {
    /// The key set's address.
    pub address: String,
    /// What provoked it.
    pub reason: Reason,
    /// How many usable keys came, or why none did.
    pub outcome: Result<usize, String>,
    /// When it began, in milliseconds since 1970.
    pub began: f64,
    /// From its beginning to its end.
    pub took: Duration,
}

/// When a fetch began, and why. On a real clock, unlike everything that something depends on: how long a server took is
/// nothing to be given.
#[derive(Debug)]
pub struct Begun {
    reason: Reason,
    at: Timestamp,
}

impl Begun {
    /// Now.
    #[must_use]
    pub fn now(reason: Reason) -> Self {
        Self { reason, at: Timestamp::now() }
    }

    /// Logs its end, and tells how long it took.
    pub(super) fn end(&self, address: &str, outcome: Result<usize, String>) -> Duration {
        let took = Instant::now().saturating_duration_since(self.at.monotonic);
        add(Ended { address: address.to_owned(), reason: self.reason, outcome, began: self.at.wall, took });
        took
    }
}

fn add(fetch: Ended) {
    let mut ended = ENDED.lock().unwrap_or_else(PoisonError::into_inner);
    if ended.len() >= MOST {
        ended.pop_front();
    }
    ended.push_back(fetch);
}

/// Those that nobody has taken yet, the oldest first: each is told once a process, so that threads' counters add up.
#[must_use]
pub fn take() -> Vec<Ended> {
    ENDED.lock().unwrap_or_else(PoisonError::into_inner).drain(..).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fetches_are_taken_once_in_order_and_the_oldest_are_dropped_where_nobody_takes_them() {
        for keys in 0..3 * MOST {
            Begun::now(Reason::Stale).end("https://log.test/oidc/jwks", Ok(keys));
        }
        let mine = |fetch: Ended| (fetch.address == "https://log.test/oidc/jwks").then(|| fetch.outcome.unwrap());
        let taken: Vec<_> = take().into_iter().filter_map(mine).collect();
        assert!(taken.len() <= MOST && taken.is_sorted(), "{taken:?}");
        assert_eq!(taken.last(), Some(&(3 * MOST - 1)));
        assert_eq!(take().into_iter().filter_map(mine).count(), 0);
    }
}
