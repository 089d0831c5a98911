//! The fetch in flight, which several requests share.

use std::time::Duration;

use crate::clock::Timestamp;

/// How much longer than its timeout a fetch may take. If a fetch takes even longer, the process was frozen (by
/// `SIGSTOP`, or between two invocations of a serverless function), and the connection is probably dead.
pub(super) const PROCESS_FREEZE_THRESHOLD: Duration = Duration::from_secs(1);

/// A fetch that has not completed.
#[derive(Clone, Copy, Debug)]
pub(super) struct InFlightFetch {
    /// The sequence number of the fetch.
    pub number: u64,
    /// When the fetch started. The age of the fetched key set is measured from this time.
    pub started: Timestamp,
    /// How long the fetch waits before it sends its HTTP request. Only a fetch that follows a failed one waits.
    pub retry_delay: Duration,
    /// The longest timeout of all requests waiting for the fetch, measured from the end of the delay.
    pub timeout: Duration,
}

impl InFlightFetch {
    /// Whether the process has been frozen since the fetch started.
    pub fn was_process_frozen(&self, now: Timestamp) -> bool {
        now.duration_since(self.started)
            > self.retry_delay.saturating_add(self.timeout).saturating_add(PROCESS_FREEZE_THRESHOLD)
    }
}

/// A fetch in flight that a request has joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JoinedFetch {
    /// The sequence number of the fetch.
    pub number: u64,
    /// The delay before the HTTP request is sent, or `None` if another request has already started the fetch.
    pub starts_after: Option<Duration>,
}
