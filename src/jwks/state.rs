//! The state machine of one key set, which is empty, fresh, stale or cooling down. Callers pass the current time, perform the
//! fetches and report their outcomes.

use std::sync::Arc;
use std::time::Duration;

use super::CachePolicy;
use super::keys::KeySet;
use crate::clock::Timestamp;

/// The fraction of the TTL after which a request starts a refresh in the background, so that no request has to wait.
const REFRESH_AHEAD: f64 = 0.8;

/// The state of the key set at one URL.
#[derive(Debug, Default)]
pub struct KeySetState {
    /// The last key set and the start of its fetch, from which its age counts.
    cached: Option<(Fetched, Timestamp)>,
    /// The end of the last failed fetch, unless a fetch has succeeded since.
    failed_at: Option<Timestamp>,
    /// The time of the last fetch that was caused by an unknown `kid`.
    unknown_kid_at: Option<Timestamp>,
    in_flight: Option<InFlight>,
    /// The number of fetches started, which also identifies the last fetch.
    fetches: u64,
    failures: u64,
    last_error: Option<String>,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    number: u64,
    /// The longest timeout of the requests that wait for the fetch, counted from its start.
    timeout: Duration,
}

/// A fetched key set.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The keys.
    pub keys: Arc<KeySet>,
    /// The `ETag`, which the next request uses to ask whether the set has changed.
    pub etag: Option<String>,
}

/// The decision for a request that needs keys.
#[derive(Debug)]
pub enum Lookup {
    /// The request uses these keys.
    Cached(Arc<KeySet>),
    /// The request uses these keys and starts a fetch in the background.
    CachedAndRefresh(Arc<KeySet>),
    /// The request waits for a fetch, which it starts if none is in flight.
    Wait,
    /// The request fails. No fetch is allowed for this number of milliseconds.
    Unavailable(u64),
}

/// The decision for a token whose `kid` is not in the cached set.
#[derive(Debug, PartialEq, Eq)]
pub enum UnknownKid {
    /// The request waits for a newer set.
    Refetch,
    /// The token is rejected because its key is unknown.
    Reject,
    /// No newer set can be fetched for this number of milliseconds. This is an outage, because the token may be signed with a
    /// new key.
    Unavailable(u64),
}

/// The reason for a fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FetchReason {
    /// No keys are cached.
    Empty,
    /// The cached keys are past their TTL.
    Stale,
    /// The cached keys will reach their TTL soon.
    Refresh,
    /// A token's `kid` is not among the cached keys.
    UnknownKid,
}

impl FetchReason {
    /// The name of the reason in the public contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Stale => "stale",
            Self::Refresh => "refresh",
            Self::UnknownKid => "unknown_kid",
        }
    }
}

/// A decision that may require a fetch.
pub(super) trait MayFetch {
    /// The reason for a fetch, or `None` if no fetch is required.
    fn fetch_reason(&self, has_keys: bool) -> Option<FetchReason>;
}

impl MayFetch for Lookup {
    fn fetch_reason(&self, has_keys: bool) -> Option<FetchReason> {
        match self {
            Self::Wait => Some(if has_keys { FetchReason::Stale } else { FetchReason::Empty }),
            Self::CachedAndRefresh(_) => Some(FetchReason::Refresh),
            Self::Cached(_) | Self::Unavailable(_) => None,
        }
    }
}

impl MayFetch for UnknownKid {
    fn fetch_reason(&self, _has_keys: bool) -> Option<FetchReason> {
        matches!(self, Self::Refetch).then_some(FetchReason::UnknownKid)
    }
}

/// Statistics about the key set, for operators.
#[derive(Clone, Debug, Default)]
pub struct KeySetStats {
    /// The state of the set: `empty`, `fresh` or `stale`.
    pub state: &'static str,
    /// The number of usable keys in the cached set.
    pub keys: usize,
    /// The number of fetches started.
    pub fetches: u64,
    /// The number of failed fetches.
    pub failures: u64,
    /// The time at which the cached keys were fetched, in milliseconds since 1970.
    pub fetched_at: Option<f64>,
    /// The error of the last fetch, or `None` if it succeeded.
    pub last_error: Option<String>,
}

impl KeySetState {
    /// Decides for a request that starts at `now` and has not waited yet.
    ///
    /// A request waits only if there is no set or the set is past its TTL, so that a removed key is no longer used after an
    /// idle period. During an outage, which starts with a failed fetch, the cached set is used for up to `max_stale`, and one
    /// request per cooldown waits to find out whether the outage is over.
    #[must_use]
    pub fn lookup(&self, now: Timestamp, policy: &CachePolicy) -> Lookup {
        let cooldown = Self::cooldown_left(self.failed_at, now, policy);
        let Some((Fetched { keys, .. }, since)) = &self.cached else {
            return match cooldown {
                Some(left) if self.in_flight.is_none() => Lookup::Unavailable(left),
                _ => Lookup::Wait,
            };
        };
        let age = now.since(*since);
        let may_fetch = self.in_flight.is_none() && cooldown.is_none();
        if age < policy.ttl {
            let is_due = may_fetch && age >= policy.ttl.mul_f64(REFRESH_AHEAD);
            return if is_due { Lookup::CachedAndRefresh(keys.clone()) } else { Lookup::Cached(keys.clone()) };
        }
        match cooldown {
            _ if may_fetch => Lookup::Wait,
            _ if self.failed_at.is_some() && Self::is_usable(*since, now, policy) => Lookup::Cached(keys.clone()),
            Some(left) if self.in_flight.is_none() => Lookup::Unavailable(left),
            _ => Lookup::Wait,
        }
    }

    /// Decides for a request that has waited until the fetch completed or, if `in_time` is false, until the request's own
    /// timeout. The request does not wait again, regardless of the TTL, except after [`Self::clear`].
    #[must_use]
    pub fn lookup_after_wait(&self, now: Timestamp, policy: &CachePolicy, in_time: bool) -> Lookup {
        let succeeded = in_time && self.failed_at.is_none();
        match &self.cached {
            Some((fetched, since)) if succeeded || Self::is_usable(*since, now, policy) => {
                Lookup::Cached(fetched.keys.clone())
            }
            None if succeeded => Lookup::Wait,
            _ => Lookup::Unavailable(Self::cooldown_left(self.failed_at, now, policy).unwrap_or(0)),
        }
    }

    /// Decides for a token whose `kid` is not in the cached set. `waited` states whether the same request has waited for that set.
    ///
    /// A cooldown limits the number of fetches that made-up `kid`s can cause. It counts from the last fetch that was caused by
    /// an unknown `kid` rather than from a regular fetch, so that the first token after a rotation is accepted immediately.
    pub fn unknown_kid(&mut self, now: Timestamp, policy: &CachePolicy, waited: bool) -> UnknownKid {
        if !waited && self.in_flight.is_some() {
            return UnknownKid::Refetch;
        }
        let failing = Self::cooldown_left(self.failed_at, now, policy).or(self.failed_at.filter(|_| waited).map(|_| 0));
        if let Some(left) = failing {
            return UnknownKid::Unavailable(left);
        }
        let refetch = !waited && Self::cooldown_left(self.unknown_kid_at, now, policy).is_none();
        if waited || refetch {
            self.unknown_kid_at = Some(self.unknown_kid_at.map_or(now, |last| last.later(now)));
        }
        if refetch { UnknownKid::Refetch } else { UnknownKid::Reject }
    }

    /// Joins the fetch in flight or starts a new one. Returns its number, and whether it is new. The fetch may take as long as
    /// the longest timeout of the requests that join it.
    pub fn join_fetch(&mut self, timeout: Duration) -> (u64, bool) {
        if let Some(in_flight) = &mut self.in_flight {
            in_flight.timeout = timeout.max(in_flight.timeout);
            return (in_flight.number, false);
        }
        self.fetches += 1;
        self.in_flight = Some(InFlight { number: self.fetches, timeout });
        (self.fetches, true)
    }

    /// The timeout of the fetch with this number, counted from its start, or `None` if the fetch has completed.
    #[must_use]
    pub fn fetch_timeout(&self, number: u64) -> Option<Duration> {
        self.in_flight.filter(|in_flight| in_flight.number == number).map(|in_flight| in_flight.timeout)
    }

    /// Records the outcome of a fetch, unless [`Self::clear`] has been called since the fetch started.
    ///
    /// The age of a set counts from the start of its fetch. The cooldown after a failure counts from the end of the fetch:
    /// otherwise, if a server hung longer than a cooldown, every request would wait for the timeout.
    pub fn complete(&mut self, number: u64, started: Timestamp, ended: Timestamp, outcome: Result<Fetched, String>) {
        if self.fetch_timeout(number).is_none() {
            return;
        }
        self.in_flight = None;
        match outcome {
            Ok(fetched) => {
                self.cached = Some((fetched, started));
                self.failed_at = None;
                self.last_error = None;
            }
            // The cached set is kept, because an attacker who disrupts the endpoint must not be able to evict the keys.
            Err(error) => {
                self.failures += 1;
                self.failed_at = Some(ended);
                self.last_error = Some(error);
            }
        }
    }

    /// The cached set, regardless of its age. A "not modified" response refers to it.
    #[must_use]
    pub fn cached(&self) -> Option<&Fetched> {
        self.cached.as_ref().map(|(fetched, _)| fetched)
    }

    /// The error of the last fetch, if it failed.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Clears keys, failures and cooldowns, and abandons the fetch in flight. Returns the number of the last fetch, for which
    /// requests no longer have to wait.
    pub fn clear(&mut self) -> u64 {
        *self = Self { fetches: self.fetches, failures: self.failures, ..Self::default() };
        self.fetches
    }

    /// Statistics about the key set, for operators.
    #[must_use]
    pub fn stats(&self, now: Timestamp, policy: &CachePolicy) -> KeySetStats {
        KeySetStats {
            state: match &self.cached {
                None => "empty",
                Some((_, since)) if now.since(*since) < policy.ttl => "fresh",
                Some(_) => "stale",
            },
            keys: self.cached.as_ref().map_or(0, |(fetched, _)| fetched.keys.len()),
            fetches: self.fetches,
            failures: self.failures,
            fetched_at: self.cached.as_ref().map(|(_, since)| since.wall),
            last_error: self.last_error.clone(),
        }
    }

    /// Whether a set may be used while it cannot be refreshed, because it is fresh or has not exceeded `max_stale`.
    fn is_usable(since: Timestamp, now: Timestamp, policy: &CachePolicy) -> bool {
        let age = now.since(since);
        age < policy.ttl || age.saturating_sub(policy.ttl) < policy.max_stale
    }

    /// The milliseconds that remain of a cooldown that started at this time, or `None` if it is over.
    fn cooldown_left(started: Option<Timestamp>, now: Timestamp, policy: &CachePolicy) -> Option<u64> {
        let left = policy.cooldown.checked_sub(now.since(started?)).filter(|left| !left.is_zero())?;
        Some(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use once_cell::sync::Lazy;

    use super::*;
    use crate::jwks::keys::Selection;
    use crate::jwks::keys::tests::set;
    use crate::signature::Algorithm;

    static START: Lazy<Timestamp> = Lazy::new(Timestamp::now);

    const POLICY: CachePolicy = CachePolicy {
        ttl: Duration::from_secs(300),
        timeout: Duration::from_secs(5),
        cooldown: Duration::from_secs(10),
        max_stale: Duration::from_secs(3600),
    };
    const UNCACHED: CachePolicy = CachePolicy { ttl: Duration::ZERO, ..POLICY };
    const NEVER_STALE: CachePolicy = CachePolicy { max_stale: Duration::ZERO, ..POLICY };

    /// The time `seconds` after the start.
    fn at(seconds: f64) -> Timestamp {
        START.after(Duration::from_secs_f64(seconds))
    }

    #[expect(clippy::unnecessary_wraps, reason = "same type as `failed_response`")]
    fn ok_response(kid: &str) -> Result<Fetched, String> {
        Ok(Fetched { keys: Arc::new(set(kid)), etag: Some(format!("\"{kid}\"")) })
    }

    fn failed_response() -> Result<Fetched, String> {
        Err("no response".into())
    }

    /// Performs a fetch that starts at this second and has this outcome.
    #[track_caller]
    fn fetch(state: &mut KeySetState, started: f64, outcome: Result<Fetched, String>) {
        let (number, starts) = state.join_fetch(POLICY.timeout);
        assert!(starts, "a fetch is in flight");
        state.complete(number, at(started), at(started), outcome);
    }

    /// A state with a set that was fetched at the start.
    fn state_with_keys() -> KeySetState {
        let mut state = KeySetState::default();
        fetch(&mut state, 0.0, ok_response("a"));
        state
    }

    fn contains_kid(keys: &KeySet, kid: &str) -> bool {
        matches!(keys.select(Some(kid), Algorithm::Es384), Selection::Key(_))
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
        assert!(matches!(lookup, Lookup::Wait), "{lookup:?}");
    }

    #[track_caller]
    fn assert_unavailable(lookup: &Lookup, milliseconds: u64) {
        assert!(matches!(lookup, Lookup::Unavailable(left) if *left == milliseconds), "{lookup:?}");
    }

    #[test]
    fn an_empty_state_waits_for_the_first_fetch() {
        let mut state = KeySetState::default();
        assert_waits(&state.lookup(at(0.0), &POLICY));
        let (number, _) = state.join_fetch(POLICY.timeout);
        assert_waits(&state.lookup(at(1.0), &POLICY));
        state.complete(number, at(0.0), at(0.0), ok_response("a"));
        assert_uses(&state.lookup_after_wait(at(0.0), &POLICY, true), "a");
        assert_uses(&state.lookup(at(1.0), &POLICY), "a");
    }

    #[test]
    fn concurrent_requests_share_one_fetch() {
        let mut state = KeySetState::default();
        assert_eq!(state.join_fetch(POLICY.timeout), (1, true));
        assert_eq!(state.join_fetch(POLICY.timeout), (1, false));
        state.complete(1, at(0.0), at(0.0), ok_response("a"));
        assert_eq!(state.join_fetch(POLICY.timeout), (2, true));
    }

    #[test]
    fn keys_are_unavailable_for_a_cooldown_after_a_failed_first_fetch() {
        let mut state = KeySetState::default();
        fetch(&mut state, 0.0, failed_response());
        assert_unavailable(&state.lookup_after_wait(at(0.0), &POLICY, true), 10_000);
        assert_unavailable(&state.lookup(at(2.5), &POLICY), 7_500);
        assert_unavailable(&state.lookup(at(9.999), &POLICY), 1);
        assert_waits(&state.lookup(at(10.0), &POLICY));
    }

    #[test]
    fn requests_wait_for_the_fetch_in_flight_after_the_cooldown_of_an_empty_state() {
        let mut state = KeySetState::default();
        fetch(&mut state, 0.0, failed_response());
        state.join_fetch(POLICY.timeout);
        assert_waits(&state.lookup(at(10.0), &POLICY));
        assert_waits(&state.lookup(at(11.0), &POLICY));
    }

    #[test]
    fn requests_wait_for_a_fetch_that_another_verifier_started_within_the_cooldown() {
        let mut state = KeySetState::default();
        fetch(&mut state, 0.0, failed_response());
        state.join_fetch(POLICY.timeout);
        assert_waits(&state.lookup(at(1.0), &POLICY));

        let mut state = state_with_keys();
        fetch(&mut state, 5000.0, failed_response());
        state.join_fetch(POLICY.timeout);
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
        let (number, _) = state.join_fetch(POLICY.timeout);
        assert_uses(&state.lookup(at(240.0), &POLICY), "a");
        assert_uses(&state.lookup(at(299.999), &POLICY), "a");
        state.complete(number, at(240.0), at(240.0), ok_response("b"));
        assert_uses(&state.lookup(at(241.0), &POLICY), "b");
    }

    #[test]
    fn the_age_of_a_set_counts_from_the_start_of_its_fetch() {
        let mut state = KeySetState::default();
        let (number, _) = state.join_fetch(POLICY.timeout);
        state.complete(number, at(100.0), at(100.0), ok_response("a"));
        assert_uses(&state.lookup(at(339.999), &POLICY), "a");
        assert_uses_and_refreshes(&state.lookup(at(340.0), &POLICY), "a");
        assert_waits(&state.lookup(at(400.0), &POLICY));
    }

    #[test]
    fn a_failed_background_refresh_is_retried_after_a_cooldown() {
        let mut state = state_with_keys();
        fetch(&mut state, 240.0, failed_response());
        assert_uses(&state.lookup(at(249.999), &POLICY), "a");
        assert_uses_and_refreshes(&state.lookup(at(250.0), &POLICY), "a");
    }

    #[test]
    fn a_request_waits_after_an_idle_period_longer_than_the_ttl() {
        let state = state_with_keys();
        assert_waits(&state.lookup(at(300.0), &POLICY));
        assert_waits(&state.lookup(at(100_000.0), &POLICY));
    }

    #[test]
    fn all_requests_wait_for_the_fetch_after_an_idle_period() {
        let mut state = state_with_keys();
        let (number, _) = state.join_fetch(POLICY.timeout);
        assert_waits(&state.lookup(at(301.0), &POLICY));
        state.complete(number, at(300.0), at(300.0), ok_response("b"));
        assert_uses(&state.lookup_after_wait(at(301.0), &POLICY, true), "b");
    }

    #[test]
    fn the_cached_set_is_used_during_an_outage_and_one_request_per_cooldown_waits() {
        let mut state = state_with_keys();
        for minute in 5..60 {
            let second = f64::from(minute) * 60.0;
            assert_waits(&state.lookup(at(second), &POLICY));
            let (number, starts) = state.join_fetch(POLICY.timeout);
            assert!(starts);
            if minute > 5 {
                assert_uses(&state.lookup(at(second + 1.0), &POLICY), "a"); // other requests in the meantime
            }
            state.complete(number, at(second), at(second), failed_response());
            assert_uses(&state.lookup_after_wait(at(second), &POLICY, true), "a");
            assert_uses(&state.lookup(at(second + 9.999), &POLICY), "a");
        }
    }

    #[test]
    fn the_cached_set_is_used_during_an_outage_until_ttl_and_max_stale_have_passed() {
        let mut state = state_with_keys();
        fetch(&mut state, 3895.0, failed_response());
        assert_uses(&state.lookup_after_wait(at(3895.0), &POLICY, true), "a");
        assert_uses(&state.lookup(at(3899.999), &POLICY), "a");
        assert_unavailable(&state.lookup(at(3900.0), &POLICY), 5_000);
        assert_unavailable(&state.lookup_after_wait(at(3900.0), &POLICY, true), 5_000);
        assert_waits(&state.lookup(at(3905.0), &POLICY));
        state.join_fetch(POLICY.timeout);
        assert_waits(&state.lookup(at(3906.0), &POLICY));
    }

    #[test]
    fn the_first_successful_fetch_ends_an_outage() {
        let mut state = state_with_keys();
        fetch(&mut state, 5000.0, failed_response());
        assert_unavailable(&state.lookup(at(5000.0), &POLICY), 10_000);
        fetch(&mut state, 5010.0, ok_response("b"));
        assert_uses(&state.lookup_after_wait(at(5010.0), &POLICY, true), "b");
        assert_uses(&state.lookup(at(5011.0), &POLICY), "b");
        assert_eq!(state.last_error(), None);
    }

    #[test]
    fn a_request_that_times_out_uses_the_cached_set_while_it_is_usable() {
        let mut state = state_with_keys();
        state.join_fetch(POLICY.timeout);
        assert_uses(&state.lookup_after_wait(at(300.0), &POLICY, false), "a");
        assert_uses(&state.lookup_after_wait(at(3899.0), &POLICY, false), "a");
        assert_unavailable(&state.lookup_after_wait(at(3900.0), &POLICY, false), 0);
        assert_unavailable(&state.lookup_after_wait(at(300.0), &NEVER_STALE, false), 0);
        assert_unavailable(&KeySetState::default().lookup_after_wait(at(0.0), &POLICY, false), 0);
    }

    #[test]
    fn a_request_that_times_out_uses_a_set_that_has_arrived_in_the_meantime() {
        let mut state = state_with_keys();
        fetch(&mut state, 305.0, ok_response("b"));
        assert_uses(&state.lookup_after_wait(at(300.0), &POLICY, false), "b");
        assert_uses(&state.lookup_after_wait(at(300.0), &NEVER_STALE, false), "b");
    }

    #[test]
    fn every_request_waits_once_with_a_ttl_of_0() {
        let mut state = state_with_keys();
        assert_waits(&state.lookup(at(0.0), &UNCACHED));
        fetch(&mut state, 0.0, ok_response("b"));
        assert_uses(&state.lookup_after_wait(at(0.0), &UNCACHED, true), "b");
        assert_waits(&state.lookup(at(0.0), &UNCACHED));
    }

    #[test]
    fn the_cached_set_is_used_during_an_outage_with_a_ttl_of_0() {
        let mut state = state_with_keys();
        fetch(&mut state, 1.0, failed_response());
        assert_uses(&state.lookup_after_wait(at(1.0), &UNCACHED, true), "a");
        assert_uses(&state.lookup(at(10.999), &UNCACHED), "a");
        assert_waits(&state.lookup(at(11.0), &UNCACHED));
    }

    #[test]
    fn keys_are_unavailable_at_the_ttl_during_an_outage_with_a_max_stale_of_0() {
        let mut state = state_with_keys();
        fetch(&mut state, 295.0, failed_response());
        assert_uses(&state.lookup(at(299.999), &NEVER_STALE), "a");
        assert_unavailable(&state.lookup(at(300.0), &NEVER_STALE), 5_000);
        assert_unavailable(&state.lookup_after_wait(at(300.0), &NEVER_STALE, true), 5_000);
    }

    #[test]
    fn only_a_new_response_is_used_without_a_cache() {
        let bypassed = CachePolicy { cooldown: Duration::ZERO, max_stale: Duration::ZERO, ..UNCACHED };
        let mut state = state_with_keys();
        assert_waits(&state.lookup(at(0.0), &bypassed));
        fetch(&mut state, 1.0, failed_response());
        assert_unavailable(&state.lookup_after_wait(at(1.0), &bypassed, true), 0);
        assert_waits(&state.lookup(at(1.0), &bypassed));
        fetch(&mut state, 1.0, ok_response("b"));
        assert_uses(&state.lookup_after_wait(at(1.0), &bypassed, true), "b");
    }

    #[test]
    fn unknown_kids_cause_one_fetch_per_cooldown() {
        let mut state = state_with_keys();
        for minute in 0..4 {
            let second = f64::from(minute) * 60.0 + 1.0;
            assert_eq!(state.unknown_kid(at(second), &POLICY, false), UnknownKid::Refetch);
            fetch(&mut state, second, ok_response("a"));
            assert_eq!(state.unknown_kid(at(second), &POLICY, true), UnknownKid::Reject);
            assert_eq!(state.unknown_kid(at(second + 9.999), &POLICY, false), UnknownKid::Reject);
        }
    }

    #[test]
    fn rejected_kids_do_not_extend_the_cooldown() {
        let mut state = state_with_keys();
        assert_eq!(state.unknown_kid(at(1.0), &POLICY, false), UnknownKid::Refetch);
        fetch(&mut state, 1.0, ok_response("a"));
        for tenth in 11..110 {
            assert_eq!(state.unknown_kid(at(f64::from(tenth) / 10.0), &POLICY, false), UnknownKid::Reject);
        }
        assert_eq!(state.unknown_kid(at(11.0), &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn a_regular_fetch_does_not_start_the_cooldown_of_unknown_kids() {
        let mut state = state_with_keys();
        assert_eq!(state.unknown_kid(at(0.001), &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn an_unknown_kid_joins_a_fetch_in_flight_regardless_of_the_cooldown() {
        let mut state = state_with_keys();
        assert_eq!(state.unknown_kid(at(1.0), &POLICY, false), UnknownKid::Refetch);
        state.join_fetch(POLICY.timeout);
        assert_eq!(state.unknown_kid(at(1.0), &POLICY, false), UnknownKid::Refetch);
        assert_eq!(state.join_fetch(POLICY.timeout), (2, false));
    }

    #[test]
    fn a_request_that_has_waited_causes_no_further_fetch() {
        let mut state = state_with_keys();
        assert_eq!(state.unknown_kid(at(0.0), &POLICY, true), UnknownKid::Reject);
        assert_eq!(state.unknown_kid(at(9.999), &POLICY, false), UnknownKid::Reject);
        assert_eq!(state.unknown_kid(at(10.0), &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn a_request_that_started_before_the_last_fetch_does_not_shorten_the_cooldown() {
        let mut state = state_with_keys();
        assert_eq!(state.unknown_kid(at(5.0), &POLICY, false), UnknownKid::Refetch);
        fetch(&mut state, 5.0, ok_response("a"));
        // This request started at 0 and has waited for the previous fetch.
        assert_eq!(state.unknown_kid(at(0.0), &POLICY, true), UnknownKid::Reject);
        assert_eq!(state.unknown_kid(at(10.0), &POLICY, false), UnknownKid::Reject);
        assert_eq!(state.unknown_kid(at(15.0), &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn an_unknown_kid_is_an_outage_while_no_newer_set_can_be_fetched() {
        let mut state = state_with_keys();
        assert_eq!(state.unknown_kid(at(1.0), &POLICY, false), UnknownKid::Refetch);
        fetch(&mut state, 1.0, failed_response());
        assert_eq!(state.unknown_kid(at(1.0), &POLICY, true), UnknownKid::Unavailable(10_000));
        assert_eq!(state.unknown_kid(at(8.0), &POLICY, false), UnknownKid::Unavailable(3_000));
        assert_eq!(state.unknown_kid(at(11.0), &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn an_unknown_kid_is_an_outage_if_its_own_fetch_failed_even_without_a_cooldown() {
        let eager = CachePolicy { cooldown: Duration::ZERO, ..POLICY };
        let mut state = state_with_keys();
        assert_eq!(state.unknown_kid(at(1.0), &eager, false), UnknownKid::Refetch);
        fetch(&mut state, 1.0, failed_response());
        assert_eq!(state.unknown_kid(at(1.0), &eager, true), UnknownKid::Unavailable(0));
        assert_eq!(state.unknown_kid(at(1.0), &eager, false), UnknownKid::Refetch);
    }

    #[test]
    fn requests_fail_immediately_after_a_fetch_that_hung_longer_than_a_cooldown() {
        let mut state = KeySetState::default();
        let (number, _) = state.join_fetch(Duration::from_secs(30));
        state.complete(number, at(0.0), at(30.0), failed_response());
        assert_unavailable(&state.lookup(at(30.0), &POLICY), 10_000);
        assert_unavailable(&state.lookup(at(39.0), &POLICY), 1_000);
        assert_waits(&state.lookup(at(40.0), &POLICY));
    }

    #[test]
    fn a_fetch_has_the_longest_timeout_of_the_requests_that_joined_it() {
        let mut state = KeySetState::default();
        let (number, _) = state.join_fetch(Duration::from_secs(1));
        for (joins, longest) in [(2, 2), (1, 2), (60, 60), (3, 60)] {
            assert_eq!(state.join_fetch(Duration::from_secs(joins)), (number, false));
            assert_eq!(state.fetch_timeout(number), Some(Duration::from_secs(longest)));
        }
        state.complete(number, at(0.0), at(0.0), ok_response("a"));
        assert_eq!(state.fetch_timeout(number), None);
    }

    #[test]
    fn unknown_kids_never_evict_a_good_set() {
        let mut state = state_with_keys();
        for second in 1..200 {
            let second = f64::from(second);
            if state.unknown_kid(at(second), &POLICY, false) == UnknownKid::Refetch {
                fetch(&mut state, second, failed_response());
            }
            assert_uses(&state.lookup(at(second), &POLICY), "a");
        }
    }

    #[test]
    fn a_failed_fetch_keeps_the_cached_set_and_its_etag() {
        let mut state = state_with_keys();
        fetch(&mut state, 300.0, failed_response());
        let kept = state.cached().unwrap();
        assert!(contains_kid(&kept.keys, "a"));
        assert_eq!(kept.etag.as_deref(), Some("\"a\""));
        assert_eq!(state.last_error(), Some("no response"));
    }

    #[test]
    fn a_cleared_state_is_empty_and_fetches_immediately() {
        let mut state = state_with_keys();
        fetch(&mut state, 1.0, failed_response());
        state.clear();
        assert!(state.cached().is_none());
        assert_eq!(state.last_error(), None);
        assert_waits(&state.lookup(at(1.0), &POLICY));
    }

    #[test]
    fn a_cleared_state_has_no_cooldown_of_unknown_kids() {
        let mut state = state_with_keys();
        assert_eq!(state.unknown_kid(at(1.0), &POLICY, false), UnknownKid::Refetch);
        state.clear();
        assert_eq!(state.unknown_kid(at(1.0), &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn the_response_to_a_fetch_started_before_clear_is_ignored() {
        for outcome in [ok_response("old"), failed_response()] {
            let mut state = state_with_keys();
            let (late, _) = state.join_fetch(POLICY.timeout);
            state.clear();
            state.complete(late, at(0.0), at(0.0), outcome);
            assert_waits(&state.lookup(at(1.0), &POLICY));
            assert_eq!(state.stats(at(1.0), &POLICY).failures, 0);
        }
    }

    #[test]
    fn the_response_to_a_fetch_started_before_clear_does_not_complete_the_next_fetch() {
        let mut state = state_with_keys();
        let (late, _) = state.join_fetch(POLICY.timeout);
        state.clear();
        let (next, starts) = state.join_fetch(POLICY.timeout);
        assert!(starts && next > late);
        state.complete(late, at(0.0), at(0.0), ok_response("old"));
        assert_eq!(state.join_fetch(POLICY.timeout), (next, false));
        state.complete(next, at(1.0), at(1.0), ok_response("new"));
        assert_uses(&state.lookup(at(1.0), &POLICY), "new");
    }

    #[test]
    fn clear_wakes_waiting_requests_which_then_wait_for_a_new_fetch() {
        let mut state = state_with_keys();
        let (number, _) = state.join_fetch(POLICY.timeout);
        assert_eq!(state.clear(), number);
        assert_waits(&state.lookup_after_wait(at(0.0), &POLICY, true));
    }

    #[test]
    fn a_set_ages_when_the_wall_clock_jumps_forward() {
        let state = state_with_keys();
        let jumped = |seconds: f64| Timestamp { wall: START.wall + seconds * 1000.0, ..at(1.0) };
        assert_uses_and_refreshes(&state.lookup(jumped(240.0), &POLICY), "a");
        assert_waits(&state.lookup(jumped(300.0), &POLICY));
    }

    #[test]
    fn a_set_does_not_stay_fresh_longer_when_the_wall_clock_is_set_back() {
        let state = state_with_keys();
        let set_back = |seconds: f64| Timestamp { wall: START.wall - 1e9, ..at(seconds) };
        assert_uses(&state.lookup(set_back(239.0), &POLICY), "a");
        assert_uses_and_refreshes(&state.lookup(set_back(240.0), &POLICY), "a");
        assert_waits(&state.lookup(set_back(300.0), &POLICY));
    }

    #[test]
    fn cooldowns_do_not_last_longer_when_the_wall_clock_is_set_back() {
        let set_back = |seconds: f64| Timestamp { wall: START.wall - 1e9, ..at(seconds) };
        let mut state = state_with_keys();
        fetch(&mut state, 300.0, failed_response());
        assert_uses(&state.lookup(set_back(309.0), &POLICY), "a");
        assert_waits(&state.lookup(set_back(310.0), &POLICY));
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

    /// Marsaglia's xorshift64, which generates the same sequence in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u32) -> u32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            u32::try_from(self.0 % u64::from(bound)).unwrap()
        }
    }

    /// A request that waits for a fetch, like those in [`super::super::remote`].
    struct Waiting {
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

    /// A simulation of a state and the requests that use it, which checks the invariants.
    struct Simulation {
        random: Random,
        policy: CachePolicy,
        state: KeySetState,
        now: f64,
        /// The number and the start of the fetch in flight.
        in_flight: Option<(u64, f64)>,
        waiting: Vec<Waiting>,
        /// The start of the fetch of each set, by key id.
        sets: HashMap<String, f64>,
        unknown_kid_at: Option<f64>,
        failed_at: Option<f64>,
        uses: usize,
        refetches: usize,
    }

    impl Simulation {
        fn new(seed: u64) -> Self {
            let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let mut one_of = |seconds: &[u64]| {
                let which = random.below(u32::try_from(seconds.len()).unwrap());
                Duration::from_secs(seconds[usize::try_from(which).unwrap()])
            };
            let policy = CachePolicy {
                ttl: one_of(&[0, 20, 60]),
                cooldown: one_of(&[0, 10, 30]),
                max_stale: one_of(&[0, 40]),
                timeout: Duration::from_secs(5),
            };
            Self {
                random,
                policy,
                state: KeySetState::default(),
                now: 0.0,
                in_flight: None,
                waiting: Vec::new(),
                sets: HashMap::new(),
                unknown_kid_at: None,
                failed_at: None,
                uses: 0,
                refetches: 0,
            }
        }

        fn run(&mut self) {
            let outage = self.random.below(5);
            for _ in 0..100 {
                match self.random.below(40) {
                    0..=7 => self.request(Kid::Known),
                    8..=15 => self.request(Kid::Unknown),
                    16..=23 => {
                        let succeeds = self.random.below(5) >= outage;
                        self.end_fetch(succeeds);
                    }
                    24..=37 => {
                        let seconds = self.random.below(5);
                        self.advance(seconds);
                    }
                    38 => self.advance(70),
                    _ => self.clear(),
                }
            }
        }

        /// Advances the time. A fetch fails when it reaches its timeout.
        fn advance(&mut self, seconds: u32) {
            for _ in 0..seconds {
                self.now += 1.0;
                if self.in_flight.is_some_and(|(_, started)| self.now - started >= self.policy.timeout.as_secs_f64()) {
                    self.end_fetch(false);
                }
            }
        }

        fn request(&mut self, kid: Kid) {
            let lookup = self.state.lookup(at(self.now), &self.policy);
            self.follow(lookup, self.now, kid, false);
        }

        fn follow(&mut self, lookup: Lookup, started: f64, kid: Kid, waited: bool) {
            match lookup {
                Lookup::Wait => self.wait(started, kid, false),
                Lookup::Unavailable(left) => assert!(u128::from(left) <= self.policy.cooldown.as_millis()),
                Lookup::Cached(keys) => self.serve(&keys, started, kid, waited),
                Lookup::CachedAndRefresh(keys) => {
                    self.join(started, false);
                    self.serve(&keys, started, kid, waited);
                }
            }
        }

        fn serve(&mut self, keys: &KeySet, started: f64, kid: Kid, waited: bool) {
            let set = self.sets.iter().find(|(kid, _)| contains_kid(keys, kid)).map(|(_, fetched)| *fetched).unwrap();
            let CachePolicy { ttl, max_stale, timeout, .. } = self.policy;
            let oldest = if waited { (ttl + max_stale).max(timeout) } else { ttl + max_stale };
            assert!(started - set <= oldest.as_secs_f64(), "used at the age of {}", started - set);
            self.uses += 1;
            if kid != Kid::Known {
                self.refetch(started, waited);
            }
        }

        fn refetch(&mut self, started: f64, waited: bool) {
            if self.state.unknown_kid(at(started), &self.policy, waited) == UnknownKid::Refetch {
                assert!(!waited, "one request caused two fetches");
                self.wait(started, Kid::Refetched, true);
            }
        }

        fn wait(&mut self, started: f64, kid: Kid, for_kid: bool) {
            let fetch = self.join(started, for_kid);
            self.waiting.push(Waiting { started, fetch, kid });
        }

        fn join(&mut self, started: f64, for_kid: bool) -> u64 {
            let (number, is_new) = self.state.join_fetch(POLICY.timeout);
            assert_eq!(is_new, self.in_flight.is_none(), "two concurrent fetches, or none");
            if is_new {
                let is_over =
                    |last: Option<f64>| last.is_none_or(|last| self.now - last >= self.policy.cooldown.as_secs_f64());
                assert!(is_over(self.failed_at), "a failing endpoint was fetched within the cooldown");
                assert!(
                    !for_kid || is_over(self.unknown_kid_at),
                    "unknown kids caused two fetches within the cooldown"
                );
                if for_kid {
                    self.unknown_kid_at = Some(self.now);
                    self.refetches += 1;
                }
                self.in_flight = Some((number, started));
            }
            number
        }

        fn end_fetch(&mut self, succeeds: bool) {
            let Some((number, started)) = self.in_flight.take() else { return };
            if succeeds {
                let kid = format!("k{number}");
                self.state.complete(number, at(started), at(self.now), ok_response(&kid));
                self.sets.insert(kid, started);
                self.failed_at = None;
            } else {
                let keys = |state: &KeySetState| state.cached().map(|good| Arc::as_ptr(&good.keys));
                let before = keys(&self.state);
                self.state.complete(number, at(started), at(self.now), failed_response());
                assert_eq!(keys(&self.state), before, "a failure evicted the good set");
                self.failed_at = Some(self.now);
            }
            self.wake(number);
        }

        fn clear(&mut self) {
            let last = self.state.clear();
            (self.in_flight, self.unknown_kid_at, self.failed_at) = (None, None, None);
            self.wake(last);
        }

        /// Continues waiting requests in random order while new ones arrive.
        fn wake(&mut self, ended: u64) {
            let (mut awake, asleep): (Vec<_>, _) =
                std::mem::take(&mut self.waiting).into_iter().partition(|waiting| waiting.fetch <= ended);
            self.waiting = asleep;
            while !awake.is_empty() {
                if self.random.below(4) == 0 {
                    self.request(Kid::Unknown);
                }
                let next = self.random.below(u32::try_from(awake.len()).unwrap());
                let Waiting { started, kid, .. } = awake.swap_remove(usize::try_from(next).unwrap());
                if kid == Kid::Refetched {
                    // In half of the cases, the newer set contains the key, as after a rotation.
                    if self.random.below(2) == 0 {
                        self.refetch(started, true);
                    }
                } else {
                    let lookup = self.state.lookup_after_wait(at(started), &self.policy, true);
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
