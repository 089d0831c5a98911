//! Lets a request wait for a key set fetch, and reads the clock again after the wait.

use std::pin::pin;
use std::time::Duration;

use tokio::sync::watch;

use super::in_flight::PROCESS_FREEZE_THRESHOLD;
use crate::clock::Timestamp;
use crate::threads;

/// How often a waiting request checks whether another request has extended the fetch's timeout.
const TIMEOUT_CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// Whether a request has waited for its keys.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyWait {
    /// Whether the request has waited for keys, so that its arrival time can no longer be used as the current time.
    pub has_waited: bool,
    /// Whether the request has waited for a key set fetch to finish.
    pub waited_for_fetch: bool,
}

/// A clock that shows the arrival time of a request until the request waits for the first time, and then starts to run.
pub struct LazyClock {
    arrival: Timestamp,
    first_wait: Option<Timestamp>,
}

impl LazyClock {
    /// Creates a clock for a request that arrived at this time.
    #[must_use]
    pub fn new(arrival: Timestamp) -> Self {
        Self { arrival, first_wait: None }
    }

    /// The current time, or the time of arrival if the request has not waited.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.first_wait.map_or(self.arrival, |start| self.arrival.add_elapsed_time(start, Timestamp::now()))
    }

    /// Starts the clock, because the request is about to wait for keys.
    pub fn start_waiting(&mut self) {
        self.first_wait.get_or_insert_with(Timestamp::now);
    }

    /// Whether the request has waited for keys.
    #[must_use]
    pub fn has_waited(&self) -> bool {
        self.first_wait.is_some()
    }
}

/// Waits until the fetch with this number has completed, but no longer than `at_most`. Returns `false` if the fetch has
/// not completed by then. `has_more_time` returns whether another request allows the fetch more time.
pub(super) async fn wait_for_fetch(
    mut last_completed: watch::Receiver<u64>,
    number: u64,
    at_most: Duration,
    has_more_time: impl Fn() -> bool,
) -> bool {
    let mut fetch_end = pin!(last_completed.wait_for(|last| *last >= number));
    let mut duration = at_most;
    let mut was_process_frozen = false;
    loop {
        let started = Timestamp::now();
        match threads::timeout(duration, fetch_end.as_mut()) {
            Err(_) => return false,
            Ok(in_time) => {
                if let Ok(result) = in_time.await {
                    return result.is_ok();
                }
            }
        }
        // If no other request allows more time, the fetch times out together with this request. The request then waits
        // until the fetch has finished, because the error and the cooldown are not known until then. If the process was
        // frozen during the fetch, the fetch is abandoned shortly after the process resumes, and the request waits for
        // a new fetch.
        was_process_frozen |=
            Timestamp::now().duration_since(started) > duration.saturating_add(PROCESS_FREEZE_THRESHOLD);
        if has_more_time() && !was_process_frozen {
            return false;
        }
        duration = TIMEOUT_CHECK_INTERVAL;
    }
}
