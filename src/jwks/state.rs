//! The state machine of one key set, which is empty, fresh, stale or failing. Callers of the state machine pass the
//! current time, perform the fetches, and report the outcomes.

use std::sync::Arc;
use std::time::Duration;

use super::CachePolicy;
use super::decision::{Lookup, UnknownKid};
use super::failure::FetchError;
use super::in_flight::{InFlightFetch, JoinedFetch};
use super::keys::KeySet;
use super::outage::Outage;
use super::unknown::{KnownKids, UnknownToken};
use crate::clock::Timestamp;

/// The fraction of the TTL after which a request starts a background refresh, so that no request has to wait.
const REFRESH_TTL_FRACTION: f64 = 0.8;

/// How long a request waits for a refresh before it uses a stale key set. Regular requests refresh a key set before it
/// becomes stale, so it becomes stale only while the process is idle or during an outage, and in an outage, requests do
/// not wait for a refresh. A fetch from a nearby server usually completes within 25 ms, so a process that was idle
/// rarely uses a key that Logto has removed.
const MAX_REFRESH_WAIT: Duration = Duration::from_millis(25);

/// A request waits for the next attempt to fetch the key set only if that attempt is due within this time.
const MAX_RETRY_WAIT: Duration = Duration::from_secs(1);

/// The state of the key set at a URL.
#[derive(Debug, Default)]
pub struct KeySetState {
    cached: Option<CachedKeySet>,
    /// The failed fetches since the last successful fetch.
    outage: Option<Outage>,
    /// The time of the last fetch that an unknown `kid` caused.
    unknown_kid_at: Option<Timestamp>,
    known_kids: KnownKids,
    in_flight: Option<InFlightFetch>,
    /// The sequence number of the last fetch that started.
    last_number: u64,
    /// The sequence number of the last fetch whose outcome was recorded.
    last_completed: u64,
    requests: u64,
    failures: u64,
    last_error: Option<FetchError>,
}

#[derive(Debug)]
struct CachedKeySet {
    fetched: FetchedKeySet,
    /// When the fetch started. The age of the key set is measured from this time.
    fetched_at: Timestamp,
    /// The sequence number of the fetch.
    number: u64,
}

/// A fetched key set.
#[derive(Clone, Debug)]
pub struct FetchedKeySet {
    /// The fetched keys.
    pub keys: Arc<KeySet>,
    /// The `ETag` that the next request sends to ask whether the key set has changed.
    pub etag: Option<String>,
}

/// Statistics about the key set, for operators.
#[derive(Clone, Debug, Default)]
pub struct KeySetStats {
    /// The state of the key set: `empty`, `fresh` or `stale`.
    pub state: &'static str,
    /// The number of usable keys in the cached key set.
    pub keys: usize,
    /// The number of HTTP requests that have started.
    pub fetches: u64,
    /// The number of HTTP requests that have failed.
    pub failures: u64,
    /// When the fetch of the cached keys started, as Unix time in milliseconds.
    pub fetched_at: Option<f64>,
    /// The error from the last fetch, or `None` if the last fetch succeeded.
    pub last_error: Option<String>,
}

impl KeySetState {
    /// Decides how to serve a request that has not yet waited for a fetch. `now` is the current time.
    ///
    /// While the cached key set is usable, no request waits for a failing server. A stale key set is usable for up to
    /// `max_stale`. With a TTL of zero, every request waits for a fetch, except within the cooldown after a failed
    /// fetch.
    #[must_use]
    pub fn lookup(&self, now: Timestamp, policy: &CachePolicy) -> Lookup {
        let in_flight = self.in_flight(now);
        let retry_delay = self.retry_delay(now, policy);
        let Some(CachedKeySet { fetched: FetchedKeySet { keys, .. }, fetched_at, .. }) =
            self.usable_key_set(now, policy)
        else {
            return match retry_delay {
                Some(left) if in_flight.is_none() && left > MAX_RETRY_WAIT.min(policy.timeout) => {
                    Lookup::Unavailable(millis(left))
                }
                _ => Lookup::Wait(policy.timeout),
            };
        };
        let (age, may_fetch) = (now.duration_since(*fetched_at), in_flight.is_none() && retry_delay.is_none());
        let is_due = may_fetch && age >= policy.ttl.mul_f64(REFRESH_TTL_FRACTION);
        if age < policy.ttl || self.outage.is_some() && !(policy.ttl.is_zero() && may_fetch) {
            return if is_due { Lookup::CachedAndRefresh(keys.clone()) } else { Lookup::Cached(keys.clone()) };
        }
        if policy.ttl.is_zero() {
            return Lookup::Wait(policy.timeout);
        }
        let elapsed = in_flight.map_or(Duration::ZERO, |fetch| now.duration_since(fetch.started));
        match MAX_REFRESH_WAIT.checked_sub(elapsed).filter(|left| !left.is_zero()) {
            Some(left) => Lookup::Wait(left.min(policy.timeout)),
            None => Lookup::Cached(keys.clone()),
        }
    }

    /// Decides how to serve a request that has waited for the fetch with this number. If `in_time` is false, the
    /// request must not wait any longer. A key set fetched in the meantime is used regardless of the TTL. The request
    /// waits again only if the fetch or its outcome was lost because of [`Self::clear`] or a frozen process.
    #[must_use]
    pub fn lookup_after_wait(&self, number: u64, now: Timestamp, policy: &CachePolicy, in_time: bool) -> Lookup {
        match &self.cached {
            Some(cached) if cached.number >= number || Self::is_usable(cached, now, policy) => {
                Lookup::Cached(cached.fetched.keys.clone())
            }
            _ if in_time && (self.last_completed < number || self.outage.is_none()) => Lookup::Wait(policy.timeout),
            _ => Lookup::Unavailable(self.retry_delay(now, policy).map_or(0, millis)),
        }
    }

    /// Decides how to handle a token whose `kid` is not in the cached key set.
    ///
    /// A cooldown limits the number of fetches that invented `kid`s can cause. The cooldown starts with the last fetch
    /// that an unknown `kid` caused, not with the last regular fetch, so that the first token after a rotation is
    /// accepted immediately.
    pub fn unknown_kid(&mut self, now: Timestamp, policy: &CachePolicy, token: &UnknownToken) -> UnknownKid {
        if self.cached_key_set().is_none_or(|newer| newer.keys.id() != token.key_set_id) {
            return UnknownKid::SearchAgain;
        }
        if !token.waited_for_fetch && self.in_flight(now).is_some() {
            return UnknownKid::Refetch;
        }
        let retry_delay =
            self.retry_delay(now, policy).or(self.outage.filter(|_| token.waited_for_fetch).map(|_| Duration::ZERO));
        if let Some(left) = retry_delay {
            return UnknownKid::Unavailable(millis(left));
        }
        let cooldown_left = |last: Option<Timestamp>| {
            policy.cooldown.saturating_sub(last.map_or(Duration::MAX, |last| now.duration_since(last)))
        };
        let may_refetch = !token.waited_for_fetch && cooldown_left(self.unknown_kid_at).is_zero();
        if token.waited_for_fetch || may_refetch {
            let cooldown_start = if token.waited_for_fetch { token.arrived } else { now };
            self.unknown_kid_at = Some(self.unknown_kid_at.map_or(cooldown_start, |last| last.max(cooldown_start)));
        }
        if may_refetch {
            return UnknownKid::Refetch;
        }
        let Some(fetched_at) = self.cached.as_ref().map(|cached| cached.fetched_at) else { return UnknownKid::Reject };
        if token.may_use_new_key(fetched_at, now, &self.known_kids) {
            return UnknownKid::Cooldown(millis(cooldown_left(self.unknown_kid_at)));
        }
        self.known_kids.add_rejected_token(token, fetched_at);
        UnknownKid::Reject
    }

    /// Joins the fetch in flight, or starts a new fetch. The timeout of a fetch is the longest timeout of all requests
    /// that join it. A fetch that has outlived its timeout because the process was frozen is abandoned.
    pub fn join_fetch(&mut self, now: Timestamp, policy: &CachePolicy) -> JoinedFetch {
        let retry_delay = self.retry_delay(now, policy).unwrap_or_default();
        if let Some(in_flight) = self.in_flight.as_mut().filter(|fetch| !fetch.was_process_frozen(now)) {
            in_flight.timeout = policy.timeout.max(in_flight.timeout);
            return JoinedFetch { number: in_flight.number, starts_after: None };
        }
        self.last_number += 1;
        self.requests += 1;
        self.in_flight =
            Some(InFlightFetch { number: self.last_number, started: now, retry_delay, timeout: policy.timeout });
        JoinedFetch { number: self.last_number, starts_after: Some(retry_delay) }
    }

    /// The timeout of the fetch with this number, or `None` if the fetch has completed.
    #[must_use]
    pub fn fetch_timeout(&self, number: u64) -> Option<Duration> {
        self.in_flight.filter(|in_flight| in_flight.number == number).map(|in_flight| in_flight.timeout)
    }

    /// Decides whether the fetch with this number immediately retries its failed HTTP request. If the connection was
    /// lost and no cached key set is usable, one fetch per outage retries immediately.
    pub fn retry_immediately(&mut self, number: u64, now: Timestamp, policy: &CachePolicy, error: &FetchError) -> bool {
        let retries = error.lost_connection
            && self.outage.is_none()
            && self.usable_key_set(now, policy).is_none()
            && self.fetch_timeout(number).is_some();
        if retries {
            self.requests += 1;
            self.failures += 1;
        }
        retries
    }

    /// Records the outcome of a fetch, unless the fetch was abandoned or the process was frozen during the fetch.
    ///
    /// The age of a key set is measured from the start of its fetch. The delay after a failure starts when the fetch
    /// ends. Otherwise, if the server hung for longer than a cooldown, every request would wait for the timeout.
    pub fn complete_fetch(&mut self, number: u64, ended: Timestamp, outcome: Result<FetchedKeySet, FetchError>) {
        let Some(InFlightFetch { started, .. }) = self.in_flight.filter(|fetch| fetch.number == number) else { return };
        let was_process_frozen = self.in_flight(ended).is_none();
        self.in_flight = None;
        if was_process_frozen {
            return;
        }
        self.last_completed = number;
        match outcome {
            Ok(fetched) => {
                self.remember_kids();
                self.cached = Some(CachedKeySet { fetched, fetched_at: started, number });
                self.outage = None;
                self.last_error = None;
            }
            // After a failure, the cached key set is kept, because an attacker who disrupts the endpoint must not be
            // able to evict the keys.
            Err(error) => {
                self.failures += 1;
                self.outage = Some(Outage::with_failure(self.outage, ended));
                self.last_error = Some(error);
            }
        }
    }

    /// The cached key set, regardless of its age. A 304 response refers to this key set.
    #[must_use]
    pub fn cached_key_set(&self) -> Option<&FetchedKeySet> {
        self.cached.as_ref().map(|cached| &cached.fetched)
    }

    /// The error from the last fetch, if the last fetch failed.
    #[must_use]
    pub fn last_error(&self) -> Option<&FetchError> {
        self.last_error.as_ref()
    }

    /// Clears keys, failures and cooldowns, and abandons the fetch in flight. Returns two values: the sequence number
    /// of the last fetch, so that the caller can wake the requests waiting for it, and whether any keys were cached.
    pub fn clear(&mut self) -> (u64, bool) {
        self.remember_kids();
        let Self { cached, known_kids, last_number, last_completed, requests, failures, .. } = std::mem::take(self);
        *self = Self { known_kids, last_number, last_completed, requests, failures, ..Self::default() };
        (last_number, cached.is_some())
    }

    /// Statistics about the key set, for operators.
    #[must_use]
    pub fn stats(&self, now: Timestamp, policy: &CachePolicy) -> KeySetStats {
        KeySetStats {
            state: match &self.cached {
                None => "empty",
                Some(cached) if now.duration_since(cached.fetched_at) < policy.ttl => "fresh",
                Some(_) => "stale",
            },
            keys: self.cached_key_set().map_or(0, |fetched| fetched.keys.len()),
            fetches: self.requests,
            failures: self.failures,
            fetched_at: self.cached.as_ref().map(|cached| cached.fetched_at.wall),
            last_error: self.last_error.as_ref().map(|error| error.message.clone()),
        }
    }

    fn remember_kids(&mut self) {
        if let Some(cached) = &self.cached {
            self.known_kids.add_published_kids(cached.fetched.keys.kids());
        }
    }

    fn in_flight(&self, now: Timestamp) -> Option<InFlightFetch> {
        self.in_flight.filter(|fetch| !fetch.was_process_frozen(now))
    }

    fn usable_key_set(&self, now: Timestamp, policy: &CachePolicy) -> Option<&CachedKeySet> {
        self.cached.as_ref().filter(|cached| Self::is_usable(cached, now, policy))
    }

    /// Whether a key set that cannot be refreshed may still be used: it must be fresh, or stale for less than
    /// `max_stale`.
    fn is_usable(cached: &CachedKeySet, now: Timestamp, policy: &CachePolicy) -> bool {
        let age = now.duration_since(cached.fetched_at);
        age < policy.ttl || age.saturating_sub(policy.ttl) < policy.max_stale
    }

    /// The time until a failed fetch may be retried, or `None` if a fetch may start.
    fn retry_delay(&self, now: Timestamp, policy: &CachePolicy) -> Option<Duration> {
        self.outage?.retry_delay(now, policy, self.usable_key_set(now, policy).is_some())
    }
}

/// Rounds up to whole milliseconds, because a client that retries too early is rejected again.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use once_cell::sync::Lazy;
    use oorandom::Rand32;

    use super::*;
    use crate::jwks::keys::KeySelection;
    use crate::jwks::keys::tests::set;
    use crate::signature::Algorithm;

    static START: Lazy<Timestamp> = Lazy::new(Timestamp::now);

    const POLICY: CachePolicy = CachePolicy {
        ttl: Duration::from_secs(300),
        timeout: Duration::from_secs(5),
        cooldown: Duration::from_secs(10),
        max_stale: Duration::from_secs(3600),
    };
    const UNCACHED_POLICY: CachePolicy = CachePolicy { ttl: Duration::ZERO, ..POLICY };
    const NEVER_STALE_POLICY: CachePolicy = CachePolicy { max_stale: Duration::ZERO, ..POLICY };

    /// The time `seconds` after the start.
    fn at(seconds: f64) -> Timestamp {
        START.plus(Duration::from_secs_f64(seconds))
    }

    #[expect(clippy::unnecessary_wraps, reason = "same type as `failed_response`")]
    fn ok_response(kid: &str) -> Result<FetchedKeySet, FetchError> {
        Ok(FetchedKeySet { keys: Arc::new(set(kid)), etag: Some(format!("\"{kid}\"")) })
    }

    fn failed_response() -> Result<FetchedKeySet, FetchError> {
        Err("no response".into())
    }

    /// Performs a fetch that starts at this second and has this outcome.
    #[track_caller]
    fn fetch(state: &mut KeySetState, started: f64, outcome: Result<FetchedKeySet, FetchError>) {
        let (number, is_new) = join(state, started);
        assert!(is_new, "a fetch is in flight");
        state.complete_fetch(number, at(started), outcome);
    }

    /// Joins or starts a fetch at this second, and returns its number and whether it is new.
    fn join(state: &mut KeySetState, second: f64) -> (u64, bool) {
        let JoinedFetch { number, starts_after } = state.join_fetch(at(second), &POLICY);
        (number, starts_after.is_some())
    }

    /// The decision at this second for a request that has waited for the last fetch.
    fn after_wait(state: &KeySetState, second: f64, policy: &CachePolicy, in_time: bool) -> Lookup {
        state.lookup_after_wait(state.last_number, at(second), policy, in_time)
    }

    /// The id of the cached key set.
    fn cached_set_id(state: &KeySetState) -> u64 {
        state.cached_key_set().map_or(0, |fetched| fetched.keys.id())
    }

    /// The decision for a token without `iat` that arrives at this second.
    fn unknown_kid(state: &mut KeySetState, second: f64, policy: &CachePolicy, waited_for_fetch: bool) -> UnknownKid {
        let key_set_id = cached_set_id(state);
        let token =
            UnknownToken { kid: Some("unknown"), key_set_id, issued_at: None, arrived: at(second), waited_for_fetch };
        state.unknown_kid(at(second), policy, &token)
    }

    /// A state with a set that was fetched at the start.
    fn state_with_keys() -> KeySetState {
        let mut state = KeySetState::default();
        fetch(&mut state, 0.0, ok_response("a"));
        state
    }

    fn contains_kid(keys: &KeySet, kid: &str) -> bool {
        matches!(keys.select(Some(kid), Algorithm::Es384), KeySelection::Key(_))
    }

    #[track_caller]
    fn assert_uses(lookup: &Lookup, kid: &str) {
        assert!(matches!(lookup, Lookup::Cached(keys) if contains_kid(keys, kid)), "{lookup:?}");
    }

    #[track_caller]
    fn assert_uses_and_refreshes(lookup: &Lookup, kid: &str) {
        assert!(matches!(lookup, Lookup::CachedAndRefresh(keys) if contains_kid(keys, kid)), "{lookup:?}");
    }

    #[track_caller]
    fn assert_waits(lookup: &Lookup) {
        assert_waits_at_most(lookup, POLICY.timeout);
    }

    #[track_caller]
    fn assert_waits_at_most(lookup: &Lookup, limit: Duration) {
        assert!(matches!(lookup, Lookup::Wait(at_most) if *at_most == limit), "{lookup:?}");
    }

    #[track_caller]
    fn assert_unavailable(lookup: &Lookup, milliseconds: u64) {
        assert!(matches!(lookup, Lookup::Unavailable(left) if *left == milliseconds), "{lookup:?}");
    }

    #[test]
    fn an_empty_state_waits_for_the_first_fetch() {
        let mut state = KeySetState::default();
        assert_waits(&state.lookup(at(0.0), &POLICY));
        let (number, _) = join(&mut state, 0.0);
        assert_waits(&state.lookup(at(1.0), &POLICY));
        state.complete_fetch(number, at(0.0), ok_response("a"));
        assert_uses(&after_wait(&state, 0.0, &POLICY, true), "a");
        assert_uses(&state.lookup(at(1.0), &POLICY), "a");
    }

    #[test]
    fn concurrent_requests_share_one_fetch() {
        let mut state = KeySetState::default();
        assert_eq!(join(&mut state, 0.0), (1, true));
        assert_eq!(join(&mut state, 0.0), (1, false));
        state.complete_fetch(1, at(0.0), ok_response("a"));
        assert_eq!(join(&mut state, 0.0), (2, true));
    }

    #[test]
    fn a1_a_failing_first_fetch_is_retried_after_250_ms_then_twice_as_long_up_to_the_cooldown() {
        let mut state = KeySetState::default();
        let mut now = 0.0;
        for retry_delay in [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0] {
            fetch(&mut state, now, failed_response());
            let milliseconds = Duration::from_secs_f64(retry_delay).as_millis();
            assert_unavailable(&after_wait(&state, now, &POLICY, true), u64::try_from(milliseconds).unwrap());
            if retry_delay > 1.0 {
                assert_unavailable(&state.lookup(at(now + retry_delay - 1.001), &POLICY), 1_001);
            }
            now += retry_delay;
            assert_waits(&state.lookup(at(now), &POLICY));
        }
    }

    #[test]
    fn a1_requests_wait_for_a_retry_that_is_due_within_a_second() {
        let mut state = KeySetState::default();
        fetch(&mut state, 0.0, failed_response());
        assert_waits(&state.lookup(at(0.05), &POLICY));
        let joined_fetch = state.join_fetch(at(0.05), &POLICY);
        assert_eq!(joined_fetch.starts_after, Some(Duration::from_millis(200)));
        assert_waits(&state.lookup(at(0.1), &POLICY));
        assert_eq!(join(&mut state, 0.1), (joined_fetch.number, false));
        state.complete_fetch(joined_fetch.number, at(0.3), ok_response("a"));
        assert_uses(&after_wait(&state, 0.3, &POLICY, true), "a");
    }

    #[test]
    fn a1_a_lost_connection_is_retried_immediately_once_per_outage_without_usable_keys() {
        let connection_error = FetchError { lost_connection: true, ..FetchError::from("reset") };
        let mut state = KeySetState::default();
        let (number, _) = join(&mut state, 0.0);
        assert!(!state.retry_immediately(number, at(0.0), &POLICY, &FetchError::from("500")));
        assert!(!state.retry_immediately(number + 1, at(0.0), &POLICY, &connection_error));
        assert!(state.retry_immediately(number, at(0.0), &POLICY, &connection_error));
        state.complete_fetch(number, at(0.0), Err(connection_error.clone()));
        assert_eq!((state.requests, state.failures), (2, 2));
        let (number, _) = join(&mut state, 0.25);
        assert!(!state.retry_immediately(number, at(0.25), &POLICY, &connection_error));

        let mut state = state_with_keys();
        let (number, _) = join(&mut state, 3_899.0);
        assert!(!state.retry_immediately(number, at(3_899.0), &POLICY, &connection_error));
        assert!(state.retry_immediately(number, at(3_900.0), &POLICY, &connection_error));
    }

    #[test]
    fn requests_wait_for_the_fetch_in_flight_after_the_delay_of_an_empty_state() {
        let mut state = KeySetState::default();
        fetch(&mut state, 0.0, failed_response());
        join(&mut state, 10.0);
        assert_waits(&state.lookup(at(10.0), &POLICY));
        assert_waits(&state.lookup(at(11.0), &POLICY));
    }

    #[test]
    fn requests_wait_for_a_fetch_that_another_verifier_started_within_the_cooldown() {
        let mut state = KeySetState::default();
        fetch(&mut state, 0.0, failed_response());
        join(&mut state, 0.0);
        assert_waits(&state.lookup(at(1.0), &POLICY));

        let mut state = state_with_keys();
        fetch(&mut state, 5000.0, failed_response());
        join(&mut state, 5000.0);
        assert_waits(&state.lookup(at(5001.0), &POLICY));
    }

    #[test]
    fn a_fresh_set_is_used_without_a_fetch_until_80_percent_of_the_ttl() {
        let state = state_with_keys();
        assert_uses(&state.lookup(at(0.0), &POLICY), "a");
        assert_uses(&state.lookup(at(239.999), &POLICY), "a");
    }

    #[test]
    fn one_request_starts_a_refresh_at_80_percent_of_the_ttl_and_none_waits() {
        let mut state = state_with_keys();
        assert_uses_and_refreshes(&state.lookup(at(240.0), &POLICY), "a");
        let (number, _) = join(&mut state, 240.0);
        assert_uses(&state.lookup(at(240.0), &POLICY), "a");
        assert_uses(&state.lookup(at(245.0), &POLICY), "a");
        state.complete_fetch(number, at(240.0), ok_response("b"));
        assert_uses(&state.lookup(at(241.0), &POLICY), "b");
    }

    #[test]
    fn the_age_of_a_set_counts_from_the_start_of_its_fetch() {
        let mut state = KeySetState::default();
        let (number, _) = join(&mut state, 100.0);
        state.complete_fetch(number, at(104.0), ok_response("a"));
        assert_uses(&state.lookup(at(339.999), &POLICY), "a");
        assert_uses_and_refreshes(&state.lookup(at(340.0), &POLICY), "a");
        assert_waits_at_most(&state.lookup(at(400.0), &POLICY), MAX_REFRESH_WAIT);
    }

    #[test]
    fn a_failed_background_refresh_is_retried_after_a_cooldown() {
        let mut state = state_with_keys();
        fetch(&mut state, 240.0, failed_response());
        assert_uses(&state.lookup(at(249.999), &POLICY), "a");
        assert_uses_and_refreshes(&state.lookup(at(250.0), &POLICY), "a");
    }

    #[test]
    fn a3_a_request_waits_only_briefly_after_an_idle_period_longer_than_the_ttl() {
        let state = state_with_keys();
        assert_waits_at_most(&state.lookup(at(300.0), &POLICY), MAX_REFRESH_WAIT);
        assert_waits_at_most(&state.lookup(at(3_899.0), &POLICY), MAX_REFRESH_WAIT);
        assert_uses(&after_wait(&state, 3_899.0, &POLICY, false), "a");
        let impatient_policy = CachePolicy { timeout: Duration::from_millis(5), ..POLICY };
        assert_waits_at_most(&state.lookup(at(300.0), &impatient_policy), impatient_policy.timeout);
    }

    #[test]
    fn a_request_waits_for_the_fetch_after_an_idle_period_longer_than_ttl_and_max_stale() {
        let state = state_with_keys();
        assert_waits(&state.lookup(at(3_900.0), &POLICY));
        assert_waits(&state.lookup(at(100_000.0), &POLICY));
        assert_waits(&state.lookup(at(300.0), &NEVER_STALE_POLICY));
    }

    #[test]
    fn a3_no_request_waits_for_a_refresh_that_takes_longer() {
        let mut state = state_with_keys();
        let (number, _) = join(&mut state, 300.0);
        assert_waits_at_most(&state.lookup(at(300.01), &POLICY), Duration::from_millis(15));
        assert_uses(&state.lookup(at(300.025), &POLICY), "a");
        assert_uses(&state.lookup(at(304.0), &POLICY), "a");
        state.complete_fetch(number, at(304.5), ok_response("b"));
        assert_uses(&after_wait(&state, 304.5, &POLICY, true), "b");
    }

    #[test]
    fn a3_no_request_waits_if_a_refresh_was_in_flight_when_the_set_became_stale() {
        let mut state = state_with_keys();
        join(&mut state, 299.0);
        assert_uses(&state.lookup(at(300.0), &POLICY), "a");
    }

    #[test]
    fn a3_the_cached_set_is_used_during_an_outage_and_no_request_waits() {
        let mut state = state_with_keys();
        fetch(&mut state, 299.0, failed_response());
        for minute in 6..60 {
            let second = f64::from(minute) * 60.0;
            assert_uses_and_refreshes(&state.lookup(at(second), &POLICY), "a");
            let (number, is_new) = join(&mut state, second);
            assert!(is_new);
            assert_uses(&state.lookup(at(second + 1.0), &POLICY), "a");
            state.complete_fetch(number, at(second + 5.0), failed_response());
            assert_uses(&after_wait(&state, second + 5.0, &POLICY, true), "a");
            assert_uses(&state.lookup(at(second + 14.999), &POLICY), "a");
        }
    }

    #[test]
    fn the_cached_set_is_used_during_an_outage_until_ttl_and_max_stale_have_passed() {
        let mut state = state_with_keys();
        for second in [3_600.0, 3_610.0, 3_620.0, 3_630.0, 3_640.0, 3_895.0] {
            fetch(&mut state, second, failed_response());
        }
        assert_uses(&after_wait(&state, 3_895.0, &POLICY, true), "a");
        assert_uses(&state.lookup(at(3_899.999), &POLICY), "a");
        // The delay after six failures is 8 seconds, shorter than the cooldown of 10 seconds.
        assert_unavailable(&state.lookup(at(3_900.0), &POLICY), 3_000);
        assert_unavailable(&after_wait(&state, 3_900.0, &POLICY, true), 3_000);
        assert_waits(&state.lookup(at(3_903.0), &POLICY));
        join(&mut state, 3_903.0);
        assert_waits(&state.lookup(at(3_904.0), &POLICY));
    }

    #[test]
    fn the_first_successful_fetch_ends_an_outage() {
        let mut state = state_with_keys();
        fetch(&mut state, 5000.0, failed_response());
        assert_unavailable(&after_wait(&state, 5000.0, &POLICY, true), 250);
        fetch(&mut state, 5010.0, ok_response("b"));
        assert_uses(&after_wait(&state, 5010.0, &POLICY, true), "b");
        assert_uses(&state.lookup(at(5011.0), &POLICY), "b");
        assert_eq!(state.last_error(), None);
    }

    #[test]
    fn a_request_that_times_out_uses_the_cached_set_while_it_is_usable() {
        let mut state = state_with_keys();
        join(&mut state, 300.0);
        assert_uses(&after_wait(&state, 300.0, &POLICY, false), "a");
        assert_uses(&after_wait(&state, 3899.0, &POLICY, false), "a");
        assert_unavailable(&after_wait(&state, 3900.0, &POLICY, false), 0);
        assert_unavailable(&after_wait(&state, 300.0, &NEVER_STALE_POLICY, false), 0);
        assert_unavailable(&after_wait(&KeySetState::default(), 0.0, &POLICY, false), 0);
    }

    #[test]
    fn a_request_that_times_out_uses_a_set_that_has_arrived_in_the_meantime() {
        let mut state = state_with_keys();
        fetch(&mut state, 305.0, ok_response("b"));
        assert_uses(&after_wait(&state, 300.0, &POLICY, false), "b");
        assert_uses(&after_wait(&state, 300.0, &NEVER_STALE_POLICY, false), "b");
    }

    #[test]
    fn every_request_waits_once_with_a_ttl_of_0() {
        let mut state = state_with_keys();
        assert_waits(&state.lookup(at(0.0), &UNCACHED_POLICY));
        fetch(&mut state, 0.0, ok_response("b"));
        assert_uses(&after_wait(&state, 0.0, &UNCACHED_POLICY, true), "b");
        assert_waits(&state.lookup(at(0.0), &UNCACHED_POLICY));
    }

    #[test]
    fn the_cached_set_is_used_during_an_outage_with_a_ttl_of_0() {
        let mut state = state_with_keys();
        fetch(&mut state, 1.0, failed_response());
        assert_uses(&after_wait(&state, 1.0, &UNCACHED_POLICY, true), "a");
        assert_uses(&state.lookup(at(10.999), &UNCACHED_POLICY), "a");
        assert_waits(&state.lookup(at(11.0), &UNCACHED_POLICY));
    }

    #[test]
    fn keys_are_unavailable_at_the_ttl_during_an_outage_with_a_max_stale_of_0() {
        let mut state = state_with_keys();
        for second in [255.0, 265.0, 275.0, 285.0, 295.0] {
            fetch(&mut state, second, failed_response());
        }
        assert_uses(&state.lookup(at(296.999), &NEVER_STALE_POLICY), "a");
        assert_waits(&state.lookup(at(300.0), &NEVER_STALE_POLICY));
        fetch(&mut state, 300.0, failed_response());
        assert_unavailable(&state.lookup(at(300.0), &NEVER_STALE_POLICY), 8_000);
        assert_unavailable(&after_wait(&state, 300.0, &NEVER_STALE_POLICY, true), 8_000);
    }

    #[test]
    fn only_a_new_response_is_used_without_a_cache() {
        let bypass_policy = CachePolicy { cooldown: Duration::ZERO, max_stale: Duration::ZERO, ..UNCACHED_POLICY };
        let mut state = state_with_keys();
        assert_waits(&state.lookup(at(0.0), &bypass_policy));
        fetch(&mut state, 1.0, failed_response());
        assert_unavailable(&after_wait(&state, 1.0, &bypass_policy, true), 0);
        assert_waits(&state.lookup(at(1.0), &bypass_policy));
        fetch(&mut state, 1.0, ok_response("b"));
        assert_uses(&after_wait(&state, 1.0, &bypass_policy, true), "b");
    }

    #[test]
    fn unknown_kids_cause_one_fetch_per_cooldown() {
        let mut state = state_with_keys();
        for minute in 0..4 {
            let second = f64::from(minute) * 60.0 + 1.0;
            assert_eq!(unknown_kid(&mut state, second, &POLICY, false), UnknownKid::Refetch);
            fetch(&mut state, second, ok_response("a"));
            assert_eq!(unknown_kid(&mut state, second, &POLICY, true), UnknownKid::Reject);
            assert_eq!(unknown_kid(&mut state, second + 9.999, &POLICY, false), UnknownKid::Reject);
        }
    }

    #[test]
    fn rejected_kids_do_not_extend_the_cooldown() {
        let mut state = state_with_keys();
        assert_eq!(unknown_kid(&mut state, 1.0, &POLICY, false), UnknownKid::Refetch);
        fetch(&mut state, 1.0, ok_response("a"));
        for tenth in 11..110 {
            assert_eq!(unknown_kid(&mut state, f64::from(tenth) / 10.0, &POLICY, false), UnknownKid::Reject);
        }
        assert_eq!(unknown_kid(&mut state, 11.0, &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn a_regular_fetch_does_not_start_the_cooldown_of_unknown_kids() {
        let mut state = state_with_keys();
        assert_eq!(unknown_kid(&mut state, 0.001, &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn an_unknown_kid_joins_a_fetch_in_flight_regardless_of_the_cooldown() {
        let mut state = state_with_keys();
        assert_eq!(unknown_kid(&mut state, 1.0, &POLICY, false), UnknownKid::Refetch);
        join(&mut state, 1.0);
        assert_eq!(unknown_kid(&mut state, 1.0, &POLICY, false), UnknownKid::Refetch);
        assert_eq!(join(&mut state, 1.0), (2, false));
    }

    #[test]
    fn a_request_that_has_waited_causes_no_further_fetch() {
        let mut state = state_with_keys();
        assert_eq!(unknown_kid(&mut state, 0.0, &POLICY, true), UnknownKid::Reject);
        assert_eq!(unknown_kid(&mut state, 9.999, &POLICY, false), UnknownKid::Reject);
        assert_eq!(unknown_kid(&mut state, 10.0, &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn a_request_that_started_before_the_last_fetch_does_not_shorten_the_cooldown() {
        let mut state = state_with_keys();
        assert_eq!(unknown_kid(&mut state, 5.0, &POLICY, false), UnknownKid::Refetch);
        fetch(&mut state, 5.0, ok_response("a"));
        // This request started at 0 and has waited for the previous fetch.
        assert_eq!(unknown_kid(&mut state, 0.0, &POLICY, true), UnknownKid::Reject);
        assert_eq!(unknown_kid(&mut state, 10.0, &POLICY, false), UnknownKid::Reject);
        assert_eq!(unknown_kid(&mut state, 15.0, &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn an_unknown_kid_is_an_outage_while_no_newer_set_can_be_fetched() {
        let mut state = state_with_keys();
        assert_eq!(unknown_kid(&mut state, 1.0, &POLICY, false), UnknownKid::Refetch);
        fetch(&mut state, 1.0, failed_response());
        assert_eq!(unknown_kid(&mut state, 1.0, &POLICY, true), UnknownKid::Unavailable(10_000));
        assert_eq!(unknown_kid(&mut state, 8.0, &POLICY, false), UnknownKid::Unavailable(3_000));
        assert_eq!(unknown_kid(&mut state, 11.0, &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn an_unknown_kid_is_an_outage_if_its_own_fetch_failed_even_without_a_cooldown() {
        let eager_policy = CachePolicy { cooldown: Duration::ZERO, ..POLICY };
        let mut state = state_with_keys();
        assert_eq!(unknown_kid(&mut state, 1.0, &eager_policy, false), UnknownKid::Refetch);
        fetch(&mut state, 1.0, failed_response());
        assert_eq!(unknown_kid(&mut state, 1.0, &eager_policy, true), UnknownKid::Unavailable(0));
        assert_eq!(unknown_kid(&mut state, 1.0, &eager_policy, false), UnknownKid::Refetch);
    }

    #[test]
    fn the_delay_counts_from_the_end_of_a_fetch_that_hung_longer_than_a_cooldown() {
        let mut state = KeySetState::default();
        for second in 0..6 {
            fetch(&mut state, f64::from(second), failed_response());
        }
        let patient_policy = CachePolicy { timeout: Duration::from_secs(30), ..POLICY };
        let JoinedFetch { number, .. } = state.join_fetch(at(20.0), &patient_policy);
        state.complete_fetch(number, at(50.0), failed_response());
        assert_unavailable(&state.lookup(at(50.0), &POLICY), 10_000);
        assert_unavailable(&state.lookup(at(58.0), &POLICY), 2_000);
        assert_waits(&state.lookup(at(60.0), &POLICY));
    }

    #[test]
    fn a_fetch_has_the_longest_timeout_of_the_requests_that_joined_it() {
        let mut state = KeySetState::default();
        let policy = |seconds| CachePolicy { timeout: Duration::from_secs(seconds), ..POLICY };
        let JoinedFetch { number, .. } = state.join_fetch(at(0.0), &policy(1));
        for (joins, longest) in [(2, 2), (1, 2), (60, 60), (3, 60)] {
            assert_eq!(state.join_fetch(at(0.0), &policy(joins)), JoinedFetch { number, starts_after: None });
            assert_eq!(state.fetch_timeout(number), Some(Duration::from_secs(longest)));
        }
        state.complete_fetch(number, at(0.0), ok_response("a"));
        assert_eq!(state.fetch_timeout(number), None);
    }

    #[test]
    fn unknown_kids_never_evict_a_good_set() {
        let mut state = state_with_keys();
        for second in 1..200 {
            let second = f64::from(second);
            if unknown_kid(&mut state, second, &POLICY, false) == UnknownKid::Refetch {
                fetch(&mut state, second, failed_response());
            }
            assert_uses(&state.lookup(at(second), &POLICY), "a");
        }
    }

    #[test]
    fn a_failed_fetch_keeps_the_cached_set_and_its_etag() {
        let mut state = state_with_keys();
        fetch(&mut state, 300.0, failed_response());
        let kept_set = state.cached_key_set().unwrap();
        assert!(contains_kid(&kept_set.keys, "a"));
        assert_eq!(kept_set.etag.as_deref(), Some("\"a\""));
        assert_eq!(state.last_error(), Some(&FetchError::from("no response")));
    }

    #[test]
    fn a_cleared_state_is_empty_and_fetches_immediately() {
        let mut state = state_with_keys();
        fetch(&mut state, 1.0, failed_response());
        state.clear();
        assert!(state.cached_key_set().is_none());
        assert_eq!(state.last_error(), None);
        assert_waits(&state.lookup(at(1.0), &POLICY));
    }

    #[test]
    fn a_cleared_state_has_no_cooldown_of_unknown_kids() {
        let mut state = state_with_keys();
        assert_eq!(unknown_kid(&mut state, 1.0, &POLICY, false), UnknownKid::Refetch);
        state.clear();
        fetch(&mut state, 1.0, ok_response("a"));
        assert_eq!(unknown_kid(&mut state, 1.0, &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn a_key_that_was_missing_from_a_cleared_set_is_searched_again() {
        for waited_for_fetch in [false, true] {
            let mut state = state_with_keys();
            let key_set_id = cached_set_id(&state);
            let token = UnknownToken { kid: None, key_set_id, issued_at: None, arrived: at(1.0), waited_for_fetch };
            state.clear();
            assert_eq!(state.unknown_kid(at(1.0), &POLICY, &token), UnknownKid::SearchAgain);
        }
    }

    #[test]
    fn the_response_to_a_fetch_started_before_clear_is_ignored() {
        for outcome in [ok_response("old"), failed_response()] {
            let mut state = state_with_keys();
            let (late_fetch, _) = join(&mut state, 0.0);
            state.clear();
            state.complete_fetch(late_fetch, at(0.0), outcome);
            assert_waits(&state.lookup(at(1.0), &POLICY));
            assert_eq!(state.stats(at(1.0), &POLICY).failures, 0);
        }
    }

    #[test]
    fn the_response_to_a_fetch_started_before_clear_does_not_complete_the_next_fetch() {
        let mut state = state_with_keys();
        let (late_fetch, _) = join(&mut state, 0.0);
        state.clear();
        let (next_fetch, is_new) = join(&mut state, 1.0);
        assert!(is_new && next_fetch > late_fetch);
        state.complete_fetch(late_fetch, at(0.0), ok_response("old"));
        assert_eq!(join(&mut state, 1.0), (next_fetch, false));
        state.complete_fetch(next_fetch, at(1.0), ok_response("new"));
        assert_uses(&state.lookup(at(1.0), &POLICY), "new");
    }

    #[test]
    fn clear_wakes_waiting_requests_which_then_wait_for_a_new_fetch() {
        let mut state = state_with_keys();
        let (number, _) = join(&mut state, 0.0);
        assert_eq!(state.clear(), (number, true));
        assert_eq!(state.clear(), (number, false));
        assert_waits(&after_wait(&state, 0.0, &POLICY, true));
    }

    #[test]
    fn a8_a_request_whose_set_was_cleared_before_it_could_use_it_waits_for_a_new_fetch() {
        for outcome in [ok_response("a"), failed_response()] {
            let mut state = KeySetState::default();
            let (number, _) = join(&mut state, 0.0);
            state.complete_fetch(number, at(0.0), outcome);
            state.clear();
            assert_waits(&after_wait(&state, 0.0, &POLICY, true));
        }
    }

    #[test]
    fn a_set_ages_when_the_wall_clock_jumps_forward() {
        let state = state_with_keys();
        let after_jump = |seconds: f64| Timestamp { wall: START.wall + seconds * 1000.0, ..at(1.0) };
        assert_uses_and_refreshes(&state.lookup(after_jump(240.0), &POLICY), "a");
        assert_waits_at_most(&state.lookup(after_jump(300.0), &POLICY), MAX_REFRESH_WAIT);
    }

    #[test]
    fn a_set_does_not_stay_fresh_longer_when_the_wall_clock_is_set_back() {
        let state = state_with_keys();
        let set_back = |seconds: f64| Timestamp { wall: START.wall - 1e9, ..at(seconds) };
        assert_uses(&state.lookup(set_back(239.0), &POLICY), "a");
        assert_uses_and_refreshes(&state.lookup(set_back(240.0), &POLICY), "a");
        assert_waits_at_most(&state.lookup(set_back(300.0), &POLICY), MAX_REFRESH_WAIT);
    }

    #[test]
    fn cooldowns_do_not_last_longer_when_the_wall_clock_is_set_back() {
        let set_back = |seconds: f64| Timestamp { wall: START.wall - 1e9, ..at(seconds) };
        let mut state = state_with_keys();
        fetch(&mut state, 300.0, failed_response());
        assert_uses(&state.lookup(set_back(309.0), &POLICY), "a");
        assert_uses_and_refreshes(&state.lookup(set_back(310.0), &POLICY), "a");
    }

    #[test]
    fn a2_a_fetch_that_outlived_its_timeout_in_a_frozen_process_is_abandoned() {
        let mut state = state_with_keys();
        let (frozen_fetch, _) = join(&mut state, 240.0);
        assert_waits(&state.lookup(at(10_000.0), &POLICY));
        let (next_fetch, is_new) = join(&mut state, 10_000.0);
        assert!(is_new && next_fetch > frozen_fetch);
        state.complete_fetch(frozen_fetch, at(10_000.0), ok_response("old"));
        assert_waits(&state.lookup(at(10_001.0), &POLICY));
        state.complete_fetch(next_fetch, at(10_001.0), ok_response("b"));
        assert_uses(&after_wait(&state, 10_001.0, &POLICY, true), "b");
    }

    #[test]
    fn a2_the_outcome_of_a_fetch_in_a_frozen_process_does_not_count() {
        for outcome in [ok_response("old"), failed_response()] {
            let mut state = KeySetState::default();
            let (frozen_fetch, _) = join(&mut state, 0.0);
            state.complete_fetch(frozen_fetch, at(10_000.0), outcome);
            assert_waits(&state.lookup(at(10_000.0), &POLICY));
            assert_eq!(join(&mut state, 10_000.0), (frozen_fetch + 1, true));
            assert_eq!((state.last_error(), state.failures), (None, 0));
        }
    }

    #[test]
    fn a2_requests_that_waited_while_the_process_was_frozen_wait_for_another_fetch() {
        let mut state = KeySetState::default();
        let (frozen_fetch, _) = join(&mut state, 0.0);
        state.complete_fetch(frozen_fetch, at(10_000.0), failed_response());
        assert_waits(&state.lookup_after_wait(frozen_fetch, at(10_000.0), &POLICY, true));
        let (next_fetch, _) = join(&mut state, 10_000.0);
        assert_waits(&state.lookup_after_wait(frozen_fetch, at(10_000.0), &POLICY, true));
        state.complete_fetch(next_fetch, at(10_001.0), ok_response("a"));
        assert_uses(&state.lookup_after_wait(frozen_fetch, at(10_001.0), &POLICY, true), "a");
    }

    #[test]
    fn a2_a_fetch_that_ends_a_little_after_its_timeout_counts() {
        let mut state = KeySetState::default();
        let (number, _) = join(&mut state, 0.0);
        assert_eq!(join(&mut state, 5.9), (number, false));
        state.complete_fetch(number, at(5.9), failed_response());
        assert_unavailable(&after_wait(&state, 5.9, &POLICY, true), 250);
    }

    /// The decision for a token with this `iat` and `kid` if an unknown `kid` caused a fetch at second 1.
    fn newer_token(second: f64, issued_at: f64, kid: &str, waited_for_fetch: bool) -> UnknownKid {
        let mut state = state_with_keys();
        assert_eq!(unknown_kid(&mut state, 1.0, &POLICY, false), UnknownKid::Refetch);
        fetch(&mut state, 1.0, ok_response("b"));
        let issued_at = Some(START.wall / 1000.0 + issued_at);
        let key_set_id = cached_set_id(&state);
        let token = UnknownToken { kid: Some(kid), key_set_id, issued_at, arrived: at(second), waited_for_fetch };
        state.unknown_kid(at(second), &POLICY, &token)
    }

    #[test]
    fn a_key_set_that_has_been_replaced_since_the_search_is_searched_again() {
        let mut state = state_with_keys();
        let key_set_id = cached_set_id(&state);
        let issued_at = Some(START.wall / 1000.0 + 1.0);
        for waited_for_fetch in [false, true] {
            fetch(&mut state, 1.0, ok_response("b"));
            let token = UnknownToken { kid: Some("b"), key_set_id, issued_at, arrived: at(1.0), waited_for_fetch };
            assert_eq!(state.unknown_kid(at(1.0), &POLICY, &token), UnknownKid::SearchAgain);
            join(&mut state, 1.0);
            assert_eq!(state.unknown_kid(at(1.0), &POLICY, &token), UnknownKid::SearchAgain);
            state.complete_fetch(state.last_number, at(1.0), failed_response());
            assert_eq!(state.unknown_kid(at(1.0), &POLICY, &token), UnknownKid::SearchAgain);
        }
    }

    #[test]
    fn a7_a_token_issued_after_the_cached_set_was_fetched_is_unavailable_during_the_cooldown() {
        assert_eq!(newer_token(5.0, 4.0, "c", false), UnknownKid::Cooldown(6_000));
        assert_eq!(newer_token(10.999, 10.0, "c", false), UnknownKid::Cooldown(1));
        assert_eq!(newer_token(11.0, 10.0, "c", false), UnknownKid::Refetch);
        assert_eq!(newer_token(5.0, 4.0, "c", true), UnknownKid::Cooldown(10_000));
    }

    #[test]
    fn a7_an_older_token_and_one_with_a_removed_key_are_rejected_during_the_cooldown() {
        assert_eq!(newer_token(5.0, -60.0, "c", false), UnknownKid::Reject);
        assert_eq!(newer_token(5.0, 4.0, "a", false), UnknownKid::Reject);
        assert_eq!(newer_token(5.0, 1e6, "c", false), UnknownKid::Reject);
        assert_eq!(newer_token(1.0, 1.0, "c", true), UnknownKid::Reject);
    }

    #[test]
    fn stats_report_state_keys_and_fetches() {
        let mut state = KeySetState::default();
        let empty = state.stats(at(0.0), &POLICY);
        assert_eq!((empty.state, empty.keys, empty.fetches, empty.failures), ("empty", 0, 0, 0));
        assert_eq!((empty.fetched_at, empty.last_error), (None, None));

        fetch(&mut state, 0.0, ok_response("a"));
        let fresh = state.stats(at(299.999), &POLICY);
        assert_eq!((fresh.state, fresh.keys, fresh.fetches, fresh.failures), ("fresh", 1, 1, 0));
        assert_eq!((fresh.fetched_at, fresh.last_error), (Some(START.wall), None));

        fetch(&mut state, 300.0, failed_response());
        let later = state.stats(at(300.0), &POLICY);
        assert_eq!((later.state, later.keys, later.fetches, later.failures), ("stale", 1, 2, 1));
        assert_eq!((later.fetched_at, later.last_error.as_deref()), (Some(START.wall), Some("no response")));

        fetch(&mut state, 310.0, ok_response("a"));
        let again = state.stats(at(310.0), &POLICY);
        assert_eq!((again.state, again.fetches, again.failures), ("fresh", 3, 1));
        assert_eq!((again.fetched_at, again.last_error), (Some(at(310.0).wall), None));

        state.clear();
        let cleared = state.stats(at(310.0), &POLICY);
        assert_eq!((cleared.state, cleared.keys, cleared.fetches, cleared.failures), ("empty", 0, 3, 1));
    }

    /// A request waiting for a fetch, like those in [`super::super::remote`].
    struct WaitingRequest {
        started: f64,
        fetch: u64,
        kid: Kid,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Kid {
        Known,
        Unknown,
        /// An unknown `kid` that a newer set may contain.
        Refetched,
    }

    /// A simulation of a key set's state and its requests, which checks the invariants.
    struct Simulation {
        random: Rand32,
        policy: CachePolicy,
        state: KeySetState,
        now: f64,
        /// The sequence number of the fetch in flight, its start, and the time at which its request is sent.
        in_flight: Option<(u64, f64, f64)>,
        /// The sequence number of a fetch that was in flight when the process was frozen.
        frozen: Option<u64>,
        waiting: Vec<WaitingRequest>,
        /// When the fetch of each set started, by `kid`.
        sets: HashMap<String, f64>,
        /// When the fetch of the cached set started.
        cached: Option<f64>,
        unknown_kid_at: Option<f64>,
        failed_at: Option<f64>,
        failures: i32,
        uses: usize,
        refetches: usize,
    }

    impl Simulation {
        fn new(seed: u64) -> Self {
            let mut random = Rand32::new(seed);
            let mut pick = |seconds: &[u64]| {
                let index = random.rand_range(0..u32::try_from(seconds.len()).unwrap());
                Duration::from_secs(seconds[usize::try_from(index).unwrap()])
            };
            let policy = CachePolicy {
                ttl: pick(&[0, 20, 60]),
                cooldown: pick(&[0, 10, 30]),
                max_stale: pick(&[0, 40]),
                timeout: Duration::from_secs(5),
            };
            Self {
                random,
                policy,
                state: KeySetState::default(),
                now: 0.0,
                in_flight: None,
                frozen: None,
                waiting: Vec::new(),
                sets: HashMap::new(),
                cached: None,
                unknown_kid_at: None,
                failed_at: None,
                failures: 0,
                uses: 0,
                refetches: 0,
            }
        }

        fn run(&mut self) {
            let outage = self.random.rand_range(0..5);
            for _ in 0..100 {
                match self.random.rand_range(0..42) {
                    0..=7 => self.request(Kid::Known),
                    8..=15 => self.request(Kid::Unknown),
                    16..=23 => {
                        let succeeds = self.random.rand_range(0..5) >= outage;
                        self.end_fetch(succeeds);
                    }
                    24..=37 => {
                        let seconds = self.random.rand_range(0..5);
                        self.advance(seconds);
                    }
                    38 => self.advance(70),
                    39 => self.clear(),
                    40 => self.freeze(),
                    _ => self.end_frozen(),
                }
            }
        }

        /// Advances the time. A fetch fails when it reaches its timeout.
        fn advance(&mut self, seconds: u32) {
            for _ in 0..seconds {
                self.now += 1.0;
                if self.in_flight.is_some_and(|(_, _, sent)| self.now - sent >= self.policy.timeout.as_secs_f64()) {
                    self.end_fetch(false);
                }
            }
        }

        /// Freezes the process for longer than any timeout.
        fn freeze(&mut self) {
            self.end_frozen();
            self.now += 1_000.0;
            self.frozen = self.in_flight.take().map(|(number, ..)| number);
        }

        /// Ends a fetch that was in flight when the process was frozen.
        fn end_frozen(&mut self) {
            let Some(number) = self.frozen.take() else { return };
            let keys = |state: &KeySetState| state.cached_key_set().map(|good| Arc::as_ptr(&good.keys));
            let state_before = (keys(&self.state), self.state.failures);
            self.state.complete_fetch(number, at(self.now), ok_response("frozen"));
            assert_eq!((keys(&self.state), self.state.failures), state_before, "the outcome of a frozen fetch counted");
            self.wake(number);
        }

        fn request(&mut self, kid: Kid) {
            let lookup = self.state.lookup(at(self.now), &self.policy);
            self.follow(lookup, self.now, kid, false);
        }

        fn follow(&mut self, lookup: Lookup, started: f64, kid: Kid, waited_for_fetch: bool) {
            match lookup {
                Lookup::Wait(_) => self.wait(started, kid, false),
                Lookup::Unavailable(left) => assert!(u128::from(left) <= self.policy.cooldown.as_millis()),
                Lookup::Cached(keys) => self.serve(&keys, started, kid, waited_for_fetch),
                Lookup::CachedAndRefresh(keys) => {
                    self.join(false);
                    self.serve(&keys, started, kid, waited_for_fetch);
                }
            }
        }

        fn serve(&mut self, keys: &KeySet, started: f64, kid: Kid, waited_for_fetch: bool) {
            let set = self.sets.iter().find(|(kid, _)| contains_kid(keys, kid)).map(|(_, fetched)| *fetched).unwrap();
            let CachePolicy { ttl, max_stale, .. } = self.policy;
            // A request that has waited may use a set that was fetched in the meantime, regardless of its age.
            assert!(
                started - set <= (ttl + max_stale).as_secs_f64() || waited_for_fetch && started <= set + 5.0,
                "used at the age of {}",
                started - set
            );
            self.uses += 1;
            if kid != Kid::Known {
                self.refetch(started, waited_for_fetch);
            }
        }

        fn refetch(&mut self, started: f64, waited_for_fetch: bool) {
            let key_set_id = cached_set_id(&self.state);
            let token = UnknownToken { kid: None, key_set_id, issued_at: None, arrived: at(started), waited_for_fetch };
            if self.state.unknown_kid(at(self.now), &self.policy, &token) == UnknownKid::Refetch {
                assert!(!waited_for_fetch, "one request caused two fetches");
                self.wait(started, Kid::Refetched, true);
            }
        }

        fn wait(&mut self, started: f64, kid: Kid, for_kid: bool) {
            let fetch = self.join(for_kid);
            self.waiting.push(WaitingRequest { started, fetch, kid });
        }

        /// The shortest permitted delay after a failed fetch, in seconds.
        fn retry_delay(&self) -> f64 {
            let CachePolicy { ttl, max_stale, cooldown, .. } = self.policy;
            let is_usable = self.cached.is_some_and(|since| self.now - since < (ttl + max_stale).as_secs_f64());
            let retry_delay = if is_usable { f64::MAX } else { 0.25 * 2f64.powi(self.failures - 1) };
            retry_delay.min(cooldown.as_secs_f64())
        }

        fn join(&mut self, for_kid: bool) -> u64 {
            let JoinedFetch { number, starts_after } = self.state.join_fetch(at(self.now), &self.policy);
            assert_eq!(starts_after.is_some(), self.in_flight.is_none(), "two concurrent fetches, or none");
            if let Some(retry_delay) = starts_after {
                let sent = self.now + retry_delay.as_secs_f64();
                assert!(
                    self.failed_at.is_none_or(|last| sent - last > self.retry_delay() - 1e-6),
                    "a failing endpoint was fetched too early"
                );
                let cooldown = self.policy.cooldown.as_secs_f64();
                assert!(
                    !for_kid || self.unknown_kid_at.is_none_or(|last| self.now - last >= cooldown),
                    "unknown kids caused two fetches within the cooldown"
                );
                if for_kid {
                    self.unknown_kid_at = Some(self.now);
                    self.refetches += 1;
                }
                self.in_flight = Some((number, self.now, sent));
            }
            number
        }

        fn end_fetch(&mut self, succeeds: bool) {
            let Some((number, started, sent)) = self.in_flight else { return };
            if sent > self.now {
                return;
            }
            self.in_flight = None;
            if succeeds {
                let kid = format!("k{number}");
                self.state.complete_fetch(number, at(self.now), ok_response(&kid));
                self.sets.insert(kid, started);
                (self.cached, self.failed_at, self.failures) = (Some(started), None, 0);
            } else {
                let keys = |state: &KeySetState| state.cached_key_set().map(|good| Arc::as_ptr(&good.keys));
                let keys_before = keys(&self.state);
                self.state.complete_fetch(number, at(self.now), failed_response());
                assert_eq!(keys(&self.state), keys_before, "a failure evicted the good set");
                (self.failed_at, self.failures) = (Some(self.now), self.failures + 1);
            }
            self.wake(number);
        }

        fn clear(&mut self) {
            let (last_fetch, had_keys) = self.state.clear();
            assert_eq!(had_keys, self.cached.is_some());
            (self.in_flight, self.frozen, self.unknown_kid_at, self.failed_at) = (None, None, None, None);
            (self.cached, self.failures) = (None, 0);
            self.wake(last_fetch);
        }

        /// Resumes the waiting requests in random order while new ones arrive.
        fn wake(&mut self, ended: u64) {
            let (mut requests, waiting_requests): (Vec<_>, _) =
                std::mem::take(&mut self.waiting).into_iter().partition(|waiting| waiting.fetch <= ended);
            self.waiting = waiting_requests;
            while !requests.is_empty() {
                if self.random.rand_range(0..4) == 0 {
                    self.request(Kid::Unknown);
                }
                let index = self.random.rand_range(0..u32::try_from(requests.len()).unwrap());
                let WaitingRequest { started, fetch, kid } = requests.swap_remove(usize::try_from(index).unwrap());
                if kid == Kid::Refetched {
                    // In half of the cases, the newer set contains the key, as after a rotation.
                    if self.random.rand_range(0..2) == 0 {
                        self.refetch(started, true);
                    }
                } else {
                    let lookup = self.state.lookup_after_wait(fetch, at(self.now), &self.policy, true);
                    self.follow(lookup, started, kid, true);
                }
            }
        }
    }

    #[test]
    fn no_sequence_of_events_violates_an_invariant() {
        let (mut uses, mut refetches) = (0, 0);
        for seed in 1..=5_000 {
            let mut simulation = Simulation::new(seed);
            simulation.run();
            uses += simulation.uses;
            refetches += simulation.refetches;
        }
        assert!(uses > 40_000 && refetches > 4_000, "{uses} uses, {refetches} fetches for unknown kids");
    }
}
