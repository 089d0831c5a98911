//! The current time for a request, and whether the request waited for keys.

use crate::clock::Timestamp;

/// Whether a request waited for its keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyWait {
    /// The request has waited, so its arrival time is no longer the current time.
    pub at_all: bool,
    /// The request waited until a fetch ended.
    pub for_fetch: bool,
}

/// The time of a request, which advances from its first wait.
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

    /// The current time, or the arrival time if the request has not waited.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.first_wait.map_or(self.arrival, |start| self.arrival.after(Timestamp::now().since(start)))
    }

    /// Notes that the request is about to wait.
    pub fn start_waiting(&mut self) {
        self.first_wait.get_or_insert_with(Timestamp::now);
    }

    /// Whether the request has waited.
    #[must_use]
    pub fn has_waited(&self) -> bool {
        self.first_wait.is_some()
    }
}
