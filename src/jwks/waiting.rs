//! The current time for a request, and whether the request has waited for keys.

use crate::clock::Timestamp;

/// Whether a request has waited for its keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyWait {
    /// The request has waited, so the time of its arrival is no longer the current time.
    pub at_all: bool,
    /// The request has waited until a fetch ended.
    pub for_fetch: bool,
}

/// The clock of a request, which stands still until the request waits for the first time.
pub struct RequestClock {
    arrival: Timestamp,
    first_wait: Option<Timestamp>,
}

impl RequestClock {
    /// The clock of a request that arrived at this time.
    #[must_use]
    pub fn new(arrival: Timestamp) -> Self {
        Self { arrival, first_wait: None }
    }

    /// The current time, or the time of arrival if the request has not waited.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.first_wait.map_or(self.arrival, |start| self.arrival.plus(Timestamp::now().since(start)))
    }

    /// Records that the request is about to wait.
    pub fn start_waiting(&mut self) {
        self.first_wait.get_or_insert_with(Timestamp::now);
    }

    /// Whether the request has waited.
    #[must_use]
    pub fn has_waited(&self) -> bool {
        self.first_wait.is_some()
    }
}
