//! A key set that is fetched from a URL and cached once per process, for all verifiers and worker threads.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use once_cell::sync::Lazy;
use tokio::sync::watch;

use super::CachePolicy;
use super::fetch::{Response, TIMED_OUT, fetch};
use super::keys::{Key, KeySet, Selection};
use super::log::{self, FetchRecord};
use super::state::{FetchReason, Fetched, KeySetState, KeySetStats, Lookup, MayFetch, UnknownKid};
use crate::clock::Timestamp;
use crate::error::{Code, Rejection};
use crate::signature::Algorithm;
use crate::threads;

/// Maximum number of shared key sets before those without a verifier are dropped.
const MAX_SHARED: usize = 1024;

static SHARED: Lazy<Mutex<HashMap<String, Arc<RemoteJwkSet>>>> = Lazy::new(Mutex::default);

/// The key set at a URL.
#[derive(Debug)]
pub struct RemoteJwkSet {
    url: String,
    state: Mutex<KeySetState>,
    /// The number of the last completed fetch.
    last_completed: watch::Sender<u64>,
}

impl RemoteJwkSet {
    /// The key set at this URL that all verifiers in the process share.
    #[must_use]
    pub fn shared(url: &str) -> Arc<Self> {
        let mut shared = lock(&SHARED);
        if shared.len() >= MAX_SHARED {
            shared.retain(|_, set| Arc::strong_count(set) > 1);
        }
        shared.entry(url.to_owned()).or_insert_with(|| Self::new(url)).clone()
    }

    /// A key set that is not shared.
    #[must_use]
    pub fn new(url: &str) -> Arc<Self> {
        Arc::new(Self { url: url.to_owned(), state: Mutex::default(), last_completed: watch::Sender::new(0) })
    }

    /// The current keys, fetched if necessary, and whether the request waited for a fetch.
    ///
    /// # Errors
    ///
    /// [`Code::JwksUnavailable`] if the set cannot be fetched and no cached keys may be used.
    pub async fn keys(
        self: &Arc<Self>,
        now: Timestamp,
        policy: &CachePolicy,
    ) -> Result<(Arc<KeySet>, bool), Rejection> {
        let (mut lookup, mut fetch) = self.decide(now, policy, |state| state.lookup(now, policy));
        let mut waited = false;
        loop {
            match lookup {
                Lookup::Cached(keys) | Lookup::CachedAndRefresh(keys) => return Ok((keys, waited)),
                Lookup::Unavailable(left) => return Err(self.unavailable(left)),
                Lookup::Wait => {
                    waited = true;
                    let in_time = self.wait(fetch, policy).await;
                    (lookup, fetch) = self.decide(now, policy, |state| state.lookup_after_wait(now, policy, in_time));
                }
            }
        }
    }

    /// The key for a token with this `kid` and `alg`. An unknown `kid` causes at most one fetch per cooldown, and none if the
    /// request has already waited for a fetch.
    ///
    /// # Errors
    ///
    /// [`Code::UnknownKey`], or [`Code::JwksUnavailable`] if the set or a newer one cannot be fetched.
    pub async fn find(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
        policy: &CachePolicy,
        has_waited: bool,
    ) -> Result<Arc<Key>, Rejection> {
        let (mut keys, mut waited) = self.keys(now, policy).await?;
        waited |= has_waited;
        loop {
            match keys.select(kid, algorithm) {
                Selection::Key(key) => return Ok(key.clone()),
                Selection::Unsuitable(reason) => return Err(unknown_key(kid).detail("reason", reason)),
                Selection::Unknown => {}
            }
            let (decision, fetch) = self.decide(now, policy, |state| state.unknown_kid(now, policy, waited));
            match decision {
                UnknownKid::Reject => return Err(unknown_key(kid)),
                UnknownKid::Unavailable(left) => return Err(self.unavailable(left)),
                UnknownKid::Refetch if !self.wait(fetch, policy).await => return Err(self.unavailable(0)),
                UnknownKid::Refetch => waited = true,
            }
            let newer = lock(&self.state).cached().map(|newer| newer.keys.clone());
            keys = match newer {
                Some(newer) => newer,
                None => self.keys(now, policy).await?.0, // the cache has been cleared in the meantime
            };
        }
    }

    /// Clears the cached keys, so that the next verification fetches them.
    pub fn clear(&self) {
        let last = lock(&self.state).clear();
        self.last_completed.send_modify(|ended| *ended = last.max(*ended));
    }

    /// Statistics about the key set, for operators.
    #[must_use]
    pub fn stats(&self, now: Timestamp, policy: &CachePolicy) -> KeySetStats {
        lock(&self.state).stats(now, policy)
    }

    /// Asks the state for a decision, and joins or starts the fetch that the decision requires. Both happen under one lock:
    /// otherwise, a fetch that completes in between would needlessly cause another one.
    fn decide<D: MayFetch>(
        self: &Arc<Self>,
        now: Timestamp,
        policy: &CachePolicy,
        decide: impl FnOnce(&mut KeySetState) -> D,
    ) -> (D, u64) {
        let mut state = lock(&self.state);
        let decision = decide(&mut state);
        let Some(reason) = decision.fetch_reason(state.cached().is_some()) else { return (decision, 0) };
        let (number, starts) = state.join_fetch(policy.timeout);
        drop(state);
        if starts {
            // Dropping `fetch` completes it, so that no request waits forever after a panic or if no thread can be started.
            let fetch = InFlightFetch {
                set: self.clone(),
                number,
                reason,
                requested: now,
                started: Timestamp::now(),
                outcome: Err("the fetch was aborted".into()),
            };
            drop(threads::spawn(fetch.run()));
        }
        (decision, number)
    }

    /// Waits for the fetch with this number. Returns `false` if the fetch exceeds the request's own timeout.
    async fn wait(&self, number: u64, policy: &CachePolicy) -> bool {
        let mut last_completed = self.last_completed.subscribe();
        let mut ended = pin!(last_completed.wait_for(|last| *last >= number));
        match threads::timeout(policy.timeout, ended.as_mut()) {
            Err(_) => return false,
            Ok(in_time) => {
                if let Ok(ended) = in_time.await {
                    return ended.is_ok();
                }
            }
        }
        // If no other request allows more time, the fetch times out now as well. Waiting for that reveals its error and cooldown.
        let continues = lock(&self.state).fetch_timeout(number).is_some_and(|timeout| timeout > policy.timeout);
        !continues && ended.await.is_ok()
    }

    async fn fetch(&self) -> Result<Fetched, String> {
        let cached = lock(&self.state).cached().cloned();
        let etag = cached.as_ref().and_then(|cached| cached.etag.as_deref());
        match (fetch(&self.url, etag).await?, cached) {
            (Response::NotModified, Some(cached)) => Ok(cached),
            (Response::NotModified, None) => Err("the JWKS URL responded with 304 to an unconditional request".into()),
            (Response::Body { body, etag }, _) => Ok(Fetched { keys: Arc::new(KeySet::parse(&body)?), etag }),
        }
    }

    fn unavailable(&self, left: u64) -> Rejection {
        // If the request timed out while the fetch continues for another request, no error is known yet.
        let cause = lock(&self.state).last_error().unwrap_or(TIMED_OUT).to_owned();
        Rejection { retry_after: Some(left.div_ceil(1000).max(1)), cause: Some(cause), ..Code::JwksUnavailable.into() }
            .detail("jwksUri", self.url.as_str())
    }
}

/// A fetch in flight. Dropping it reports the outcome, whatever the reason.
struct InFlightFetch {
    set: Arc<RemoteJwkSet>,
    number: u64,
    reason: FetchReason,
    /// The start of the request that caused the fetch. The age of the fetched set counts from this time.
    requested: Timestamp,
    /// The actual start of the fetch.
    started: Timestamp,
    outcome: Result<Fetched, String>,
}

impl InFlightFetch {
    async fn run(mut self) {
        let set = self.set.clone();
        let mut fetch = pin!(set.fetch());
        let mut waited = None;
        self.outcome = loop {
            // A request with a longer timeout may have joined in the meantime.
            let timeout = lock(&set.state).fetch_timeout(self.number).filter(|timeout| Some(*timeout) > waited);
            let Some(timeout) = timeout else { break Err(TIMED_OUT.into()) };
            match threads::timeout(timeout.saturating_sub(waited.unwrap_or_default()), fetch.as_mut()) {
                Err(error) => break Err(error),
                Ok(in_time) => {
                    if let Ok(outcome) = in_time.await {
                        break outcome;
                    }
                }
            }
            waited = Some(timeout);
        };
    }
}

impl Drop for InFlightFetch {
    fn drop(&mut self) {
        let duration = Instant::now().saturating_duration_since(self.started.monotonic);
        let outcome = std::mem::replace(&mut self.outcome, Err(String::new()));
        log::record(FetchRecord {
            url: self.set.url.clone(),
            reason: self.reason,
            outcome: outcome.as_ref().map(|fetched| fetched.keys.len()).map_err(Clone::clone),
            started_at: self.started.wall,
            duration,
        });
        lock(&self.set.state).complete(self.number, self.requested, self.requested.after(duration), outcome);
        self.set.last_completed.send_modify(|last| *last = self.number.max(*last));
    }
}

/// Clears the shared keys of one URL, if there are any.
pub fn clear(url: &str) {
    let set = lock(&SHARED).get(url).cloned();
    set.inspect(|set| set.clear());
}

/// Clears the shared keys of every URL.
pub fn clear_all() {
    let sets: Vec<_> = lock(&SHARED).values().cloned().collect();
    for set in sets {
        set.clear();
    }
}

/// A [`Code::UnknownKey`] rejection for this `kid`.
pub(crate) fn unknown_key(kid: Option<&str>) -> Rejection {
    Rejection::from(Code::UnknownKey).detail("kid", kid)
}

/// Locks a mutex even after a panic, which cannot leave inconsistent data behind because every change under these locks is a
/// single step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_has_one_shared_cache() {
        let one = RemoteJwkSet::shared("https://one.test/oidc/jwks");
        assert!(Arc::ptr_eq(&one, &RemoteJwkSet::shared("https://one.test/oidc/jwks")));
        for other in ["https://one.test/oidc/jwks2", "https://one.test:8443/oidc/jwks", "http://one.test/oidc/jwks"] {
            assert!(!Arc::ptr_eq(&one, &RemoteJwkSet::shared(other)), "{other}");
        }
    }

    #[test]
    fn sets_without_a_verifier_do_not_accumulate() {
        let used = RemoteJwkSet::shared("https://used.test/oidc/jwks");
        for n in 0..10 * MAX_SHARED {
            drop(RemoteJwkSet::shared(&format!("https://{n}.test/oidc/jwks")));
        }
        assert!(lock(&SHARED).len() <= MAX_SHARED, "{}", lock(&SHARED).len());
        assert!(Arc::ptr_eq(&used, &RemoteJwkSet::shared("https://used.test/oidc/jwks")));
    }

    #[test]
    fn clearing_an_unknown_url_does_nothing() {
        clear("https://nobody.test/oidc/jwks");
        assert!(!lock(&SHARED).contains_key("https://nobody.test/oidc/jwks"));
    }

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        let set = RemoteJwkSet::shared("https://outage.test/oidc/jwks");
        for (milliseconds, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (10_000, 10)] {
            assert_eq!(set.unavailable(milliseconds).retry_after, Some(seconds));
        }
    }

    #[test]
    fn an_unknown_kid_is_safe_for_a_log_line() {
        assert_eq!(unknown_key(Some("a\nb")).details["kid"], "a\\u{a}b");
        assert_eq!(unknown_key(None).details["kid"], serde_json::Value::Null);
    }
}
