//! Performs a key set fetch, and records its outcome for the requests waiting for it.

use std::pin::pin;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use super::CachePolicy;
use super::failure::FetchError;
use super::log::{self, FetchReason, FetchRecord};
use super::state::{FetchedKeySet, KeySetState};
use super::waiting::LazyClock;
use crate::clock::Timestamp;
use crate::threads;

/// A key set that can be fetched from a URL.
pub(super) trait FetchTarget: Send + Sync + 'static {
    /// The URL of the key set.
    fn url(&self) -> &str;
    /// Locks the state of the key set.
    fn state(&self) -> MutexGuard<'_, KeySetState>;
    /// Requests the key set from its URL.
    fn fetch(&self) -> impl Future<Output = Result<FetchedKeySet, FetchError>> + Send;
    /// Records the outcome of a fetch and wakes the requests waiting for it.
    fn complete_fetch(&self, number: u64, ended: Timestamp, outcome: Result<FetchedKeySet, FetchError>);
}

/// A fetch in flight. Dropping the task records the outcome, so that no request waits forever if the task panics or no
/// thread can be started.
pub(super) struct FetchTask<T: FetchTarget> {
    set: Arc<T>,
    number: u64,
    reason: FetchReason,
    policy: CachePolicy,
    /// The current time, calculated from the arrival time of the request that started the fetch.
    clock: LazyClock,
    /// When the last HTTP request of this fetch was sent.
    sent: Timestamp,
    outcome: Result<FetchedKeySet, FetchError>,
}

impl<T: FetchTarget> FetchTask<T> {
    /// Starts a fetch.
    pub(super) fn start(
        set: Arc<T>,
        number: u64,
        reason: FetchReason,
        retry_delay: Duration,
        now: Timestamp,
        policy: CachePolicy,
    ) {
        let mut clock = LazyClock::new(now);
        clock.start_waiting();
        let outcome = Err("the fetch was aborted".into());
        let task = Self { set, number, reason, policy, clock, sent: Timestamp::now(), outcome };
        drop(threads::spawn(task.run(retry_delay)));
    }

    async fn run(mut self, retry_delay: Duration) {
        if !retry_delay.is_zero()
            && let Ok(retry_delay) = threads::timeout(retry_delay, std::future::pending::<()>())
        {
            drop(retry_delay.await);
        }
        let delay_end = Timestamp::now();
        self.sent = delay_end;
        self.outcome = self.request(delay_end).await;
        let retries = match &self.outcome {
            Ok(_) => false,
            Err(error) => self.set.state().retry_immediately(self.number, self.clock.now(), &self.policy, error),
        };
        if retries {
            self.log();
            self.sent = Timestamp::now();
            self.outcome = self.request(delay_end).await;
        }
    }

    /// Sends an HTTP request. The timeout of the fetch starts at `delay_end`, so a second HTTP request has only the
    /// remaining time.
    async fn request(&self, delay_end: Timestamp) -> Result<FetchedKeySet, FetchError> {
        let mut fetch = pin!(self.set.fetch());
        loop {
            // A request with a longer timeout may have joined the fetch after the timer started.
            let timeout = self.set.state().fetch_timeout(self.number).unwrap_or_default();
            let time_left =
                timeout.saturating_sub(Timestamp::now().monotonic.saturating_duration_since(delay_end.monotonic));
            if time_left.is_zero() {
                return Err(FetchError::timeout());
            }
            match threads::timeout(time_left, fetch.as_mut()) {
                Err(error) => return Err(error.into()),
                Ok(in_time) => {
                    if let Ok(outcome) = in_time.await {
                        return outcome;
                    }
                }
            }
        }
    }

    fn log(&self) {
        log::record(FetchRecord {
            url: self.set.url().to_owned(),
            reason: self.reason,
            outcome: self.outcome.as_ref().map(|fetched| fetched.keys.len()).map_err(|error| error.message.clone()),
            started_at: self.sent.wall,
            duration: Timestamp::now().monotonic.saturating_duration_since(self.sent.monotonic),
        });
    }
}

impl<T: FetchTarget> Drop for FetchTask<T> {
    fn drop(&mut self) {
        self.log();
        let outcome = std::mem::replace(&mut self.outcome, Err(FetchError::from("")));
        self.set.complete_fetch(self.number, self.clock.now(), outcome);
    }
}
