//! The fetch in flight, which requests share.

use std::time::Duration;

use crate::clock::Timestamp;

/// How much later than its timeout a fetch may end. If a fetch takes longer, the process was frozen (by `SIGSTOP`, or
/// between two calls of a serverless function), and the connection is probably dead.
pub(super) const FREEZE_THRESHOLD: Duration = Duration::from_secs(1);

/// The fetch in flight.
#[derive(Clone, Copy, Debug)]
pub(super) struct InFlightFetch {
    /// The number of the fetch.
    pub number: u64,
    /// The start of the fetch, from which the age of the fetched set counts.
    pub started: Timestamp,
    /// The pause before the request is sent, after a failed fetch.
    pub pause: Duration,
    /// The longest timeout of the requests that wait for the fetch, counted from the end of the pause.
    pub timeout: Duration,
}

impl InFlightFetch {
    /// Whether the process was frozen since the fetch started.
    pub fn is_frozen(&self, now: Timestamp) -> bool {
        now.since(self.started) > self.pause.saturating_add(self.timeout).saturating_add(FREEZE_THRESHOLD)
    }
}

/// A fetch that a request has joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinedFetch {
    /// The number of the fetch.
    pub number: u64,
    /// The pause before the HTTP request is sent, if the request that joined must start the fetch.
    pub starts_after: Option<Duration>,
}
