//! A key set fetched from a URL and cached once per process, for all verifiers and worker threads.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;

use super::CachePolicy;
use super::decision::{FetchDecision, Lookup, UnknownKid};
use super::failure::FetchError;
use super::fetch::{Endpoint, Response};
use super::fetch_task::{FetchTarget, FetchTask};
use super::in_flight::JoinedFetch;
use super::keys::{Key, KeySelection, KeySet};
use super::source::JwksSource;
use super::state::{FetchedKeySet, KeySetState, KeySetStats};
use super::unknown::UnknownToken;
use super::waiting::{KeyWait, LazyClock, wait_for_fetch};
use crate::clock::Timestamp;
use crate::error::{ErrorCode, Rejection};
use crate::lock::lock;
use crate::reason::Reason;
use crate::signature::Algorithm;

/// Maximum number of issuers recorded for each key set.
pub(super) const MAX_ISSUERS_PER_KEY_SET: usize = 256;

const COOLDOWN_MESSAGE: &str =
    "the token is newer than the cached key set, which was fetched less than jwksCooldownMs ago";

/// The key set at a URL.
#[derive(Debug)]
pub struct RemoteJwkSet {
    endpoint: Endpoint,
    state: Mutex<KeySetState>,
    /// The issuers whose tokens are verified with this key set.
    issuers: Mutex<HashSet<String>>,
    /// The sequence number of the last completed fetch.
    last_completed: watch::Sender<u64>,
}

/// The parts of a token's header and payload that determine which key verifies the token.
#[derive(Clone, Copy)]
pub struct KeyQuery<'a> {
    /// The token's `kid`.
    pub kid: Option<&'a str>,
    /// The token's `alg`.
    pub algorithm: Algorithm,
    /// Reads the unverified `iat` (Unix time in seconds), which only determines the error for an unknown key.
    pub issued_at: &'a (dyn Fn() -> Option<f64> + Sync),
}

impl RemoteJwkSet {
    /// Creates a key set that is not registered yet, so neither other verifiers nor [`super::invalidate`] can find it.
    pub(super) fn new(source: JwksSource) -> Arc<Self> {
        Arc::new(Self {
            endpoint: Endpoint::new(source),
            state: Mutex::default(),
            issuers: Mutex::default(),
            last_completed: watch::Sender::new(0),
        })
    }

    /// Returns the current keys, fetching them if necessary, and whether the request has waited for them.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::JwksUnavailable`] if the set cannot be fetched and no cached keys may be used.
    pub async fn keys(
        self: &Arc<Self>,
        now: Timestamp,
        policy: &CachePolicy,
    ) -> Result<(Arc<KeySet>, KeyWait), Rejection> {
        let first_lookup = self.decide(now, policy, |state| state.lookup(now, policy));
        if let (Lookup::Cached(keys) | Lookup::CachedAndRefresh(keys), _) = first_lookup {
            return Ok((keys, KeyWait::default()));
        }
        let mut clock = LazyClock::new(now);
        // The future is boxed, because most requests do not wait and should not reserve space for it.
        let (keys, waited_for_fetch) = Box::pin(self.wait_for_keys(first_lookup, &mut clock, policy)).await?;
        Ok((keys, KeyWait { has_waited: clock.has_waited(), waited_for_fetch }))
    }

    async fn current_keys(
        self: &Arc<Self>,
        clock: &mut LazyClock,
        policy: &CachePolicy,
    ) -> Result<(Arc<KeySet>, bool), Rejection> {
        let now = clock.now();
        let first_lookup = self.decide(now, policy, |state| state.lookup(now, policy));
        self.wait_for_keys(first_lookup, clock, policy).await
    }

    async fn wait_for_keys(
        self: &Arc<Self>,
        (mut lookup, mut fetch): (Lookup, u64),
        clock: &mut LazyClock,
        policy: &CachePolicy,
    ) -> Result<(Arc<KeySet>, bool), Rejection> {
        let mut fetch_ended = false;
        loop {
            match lookup {
                Lookup::Cached(keys) | Lookup::CachedAndRefresh(keys) => return Ok((keys, fetch_ended)),
                Lookup::Unavailable(left) => return Err(self.keys_unavailable(left)),
                Lookup::Wait(at_most) => {
                    clock.start_waiting();
                    fetch_ended = self.wait(fetch, at_most).await;
                    let now = clock.now();
                    (lookup, fetch) =
                        self.decide(now, policy, |state| state.lookup_after_wait(fetch, now, policy, fetch_ended));
                }
            }
        }
    }

    /// Finds the key for a token. An unknown `kid` causes at most one fetch per cooldown, and none if the request has
    /// already waited for a fetch.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnknownKey`], or [`ErrorCode::JwksUnavailable`] if the keys cannot be fetched or refreshed.
    pub async fn find_key(
        self: &Arc<Self>,
        query: KeyQuery<'_>,
        now: Timestamp,
        policy: &CachePolicy,
        waited_for_earlier_fetch: bool,
    ) -> Result<Arc<Key>, Rejection> {
        let KeyQuery { kid, algorithm, issued_at } = query;
        let mut clock = LazyClock::new(now);
        let (mut keys, mut waited_for_fetch) = self.current_keys(&mut clock, policy).await?;
        waited_for_fetch |= waited_for_earlier_fetch;
        loop {
            match keys.select(kid, algorithm) {
                KeySelection::Key(key) => return Ok(key.clone()),
                KeySelection::Unsuitable(reason) => return Err(unknown_key(kid).reason(reason)),
                KeySelection::Unknown => {}
            }
            let token =
                UnknownToken { kid, key_set_id: keys.id(), issued_at: issued_at(), arrived: now, waited_for_fetch };
            let current = clock.now();
            let (decision, fetch) = self.decide(current, policy, |state| state.unknown_kid(current, policy, &token));
            clock.start_waiting();
            match decision {
                UnknownKid::SearchAgain => {}
                UnknownKid::Reject => return Err(unknown_key(kid)),
                UnknownKid::Unavailable(left) => return Err(self.keys_unavailable(left)),
                UnknownKid::Cooldown(left) => {
                    return Err(self.rejection(left, COOLDOWN_MESSAGE.into()).reason(Reason::Cooldown));
                }
                UnknownKid::Refetch if !self.wait(fetch, policy.timeout).await => return Err(self.keys_unavailable(0)),
                UnknownKid::Refetch => waited_for_fetch = true,
            }
            let newer_keys = self.state().cached_key_set().map(|newer_key_set| newer_key_set.keys.clone());
            keys = if let Some(newer_keys) = newer_keys {
                newer_keys
            } else {
                // The cache has been cleared since this request read the keys.
                let (keys, waited_again) = self.current_keys(&mut clock, policy).await?;
                waited_for_fetch |= waited_again;
                keys
            };
        }
    }

    /// Adds issuers whose tokens are verified with this key set.
    pub(super) fn add_issuers(&self, added: &[String]) {
        let mut issuers = lock(&self.issuers);
        for issuer in added {
            if issuers.len() < MAX_ISSUERS_PER_KEY_SET && !issuers.contains(issuer) {
                issuers.insert(issuer.clone());
            }
        }
    }

    /// Whether a URL refers to this key set: either the key set's own URL, or an issuer whose tokens are verified with
    /// it. If a key set has too many issuers, not all of them are recorded, so the key set matches every URL. This is
    /// harmless, because clearing a key set without need costs only one fetch.
    pub(super) fn matches_url(&self, url: &str) -> bool {
        let issuers = lock(&self.issuers);
        self.source().url == url || issuers.len() >= MAX_ISSUERS_PER_KEY_SET || issuers.contains(url)
    }

    /// Clears the cached keys, so that the next verification fetches the key set. Returns whether any keys were cached.
    pub fn clear(&self) -> bool {
        let (last_fetch, had_keys) = self.state().clear();
        self.last_completed.send_modify(|ended| *ended = last_fetch.max(*ended));
        had_keys
    }

    /// Statistics about the key set, for operators.
    #[must_use]
    pub fn stats(&self, now: Timestamp, policy: &CachePolicy) -> KeySetStats {
        self.state().stats(now, policy)
    }

    /// Asks the state machine for a decision, and joins or starts the fetch that the decision requires. The state
    /// machine makes the decision and registers the fetch under one lock. Otherwise, a fetch that completes in between
    /// would needlessly cause another fetch.
    fn decide<D: FetchDecision>(
        self: &Arc<Self>,
        now: Timestamp,
        policy: &CachePolicy,
        decide: impl FnOnce(&mut KeySetState) -> D,
    ) -> (D, u64) {
        let mut state = self.state();
        let decision = decide(&mut state);
        let Some(reason) = decision.reason_to_fetch(state.cached_key_set().is_some()) else { return (decision, 0) };
        let JoinedFetch { number, starts_after } = state.join_fetch(now, policy);
        drop(state);
        if let Some(retry_delay) = starts_after {
            FetchTask::start(self.clone(), number, reason, retry_delay, now, *policy);
        }
        (decision, number)
    }

    /// Waits for the fetch with this number, but no longer than `at_most`. Returns `false` if the fetch has not
    /// completed by then.
    async fn wait(&self, number: u64, at_most: Duration) -> bool {
        let has_more_time = || self.state().fetch_timeout(number).is_some_and(|timeout| timeout > at_most);
        wait_for_fetch(self.last_completed.subscribe(), number, at_most, has_more_time).await
    }

    /// The source of the keys.
    pub(super) fn source(&self) -> &JwksSource {
        self.endpoint.source()
    }

    fn state(&self) -> MutexGuard<'_, KeySetState> {
        lock(&self.state)
    }

    fn keys_unavailable(&self, left: u64) -> Rejection {
        // The error is not known yet if the request has timed out while the fetch continues for another request.
        let cause = self.state().last_error().cloned().unwrap_or_else(FetchError::timeout);
        self.rejection(left, cause)
    }

    fn rejection(&self, left: u64, FetchError { message, code, .. }: FetchError) -> Rejection {
        Rejection {
            retry_after: Some(u32::try_from(left.div_ceil(1000).max(1)).unwrap_or(u32::MAX)),
            cause: Some(message.into()),
            cause_code: code,
            ..ErrorCode::JwksUnavailable.into()
        }
        .detail("jwksUri", self.source().url.as_str())
    }
}

impl FetchTarget for RemoteJwkSet {
    async fn fetch(&self) -> Result<FetchedKeySet, FetchError> {
        let cached_key_set = self.state().cached_key_set().cloned();
        let etag = cached_key_set.as_ref().and_then(|cached_key_set| cached_key_set.etag.as_deref());
        match (self.endpoint.request(etag).await?, cached_key_set) {
            (Response::NotModified, Some(cached_key_set)) => Ok(cached_key_set),
            (Response::NotModified, None) => Err("the JWKS URL responded with 304 to an unconditional request".into()),
            (Response::Body { body, etag }, _) => Ok(FetchedKeySet { keys: Arc::new(KeySet::parse(&body)?), etag }),
        }
    }

    fn complete_fetch(&self, number: u64, ended: Timestamp, outcome: Result<FetchedKeySet, FetchError>) {
        self.state().complete_fetch(number, ended, outcome);
        self.last_completed.send_modify(|last| *last = number.max(*last));
    }

    fn state(&self) -> MutexGuard<'_, KeySetState> {
        lock(&self.state)
    }

    fn url(&self) -> &str {
        &self.source().url
    }
}

/// Selects the key for a token from a key set that cannot be refreshed.
pub(crate) fn select_key(keys: &KeySet, kid: Option<&str>, algorithm: Algorithm) -> Result<Arc<Key>, Rejection> {
    match keys.select(kid, algorithm) {
        KeySelection::Key(key) => Ok(key.clone()),
        KeySelection::Unknown => Err(unknown_key(kid)),
        KeySelection::Unsuitable(reason) => Err(unknown_key(kid).reason(reason)),
    }
}

/// The [`ErrorCode::UnknownKey`] rejection for this `kid`.
fn unknown_key(kid: Option<&str>) -> Rejection {
    Rejection::from(ErrorCode::UnknownKey).detail("kid", kid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_rounded_up_to_whole_seconds() {
        let set = RemoteJwkSet::new("https://outage.test/oidc/jwks".into());
        for (milliseconds, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (10_000, 10)] {
            assert_eq!(set.keys_unavailable(milliseconds).retry_after, Some(seconds));
        }
    }

    #[test]
    fn an_unknown_kid_is_safe_for_a_log_line() {
        assert_eq!(unknown_key(Some("a\nb")).details["kid"], "a\\u{a}b");
        assert_eq!(unknown_key(None).details["kid"], serde_json::Value::Null);
    }
}
