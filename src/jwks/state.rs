//! One key set's life as a state machine: empty, fresh, stale, cooling down. Time is an argument, and it opens no
//! socket: it says what to do, and is told what came of it.

use std::sync::Arc;
use std::time::Duration;

use super::CachePolicy;
use super::keys::KeySet;
use crate::clock::Timestamp;

/// Part of the TTL after which traffic refreshes a set in the background, so that no request waits for it.
const REFRESH_AHEAD: f64 = 0.8;

/// What is known of the key set at one address.
#[derive(Debug, Default)]
pub struct KeySetState {
    /// The last good set, and when its fetch began: it is no younger than that.
    good: Option<(Fetched, Timestamp)>,
    /// When the last fetch ended that failed, if none succeeded since.
    failed: Option<Timestamp>,
    /// When the last fetch began that an unknown `kid` provoked.
    provoked: Option<Timestamp>,
    /// The fetch under way: its number, and how long from its beginning somebody waits for it.
    flight: Option<(u64, Duration)>,
    /// Fetches begun so far; also the number of the last one.
    fetches: u64,
    failures: u64,
    last_error: Option<String>,
}

/// A set as it was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// The keys.
    pub keys: Arc<KeySet>,
    /// Its `ETag`, for asking whether it has changed.
    pub etag: Option<String>,
}

/// What a request gets.
#[derive(Debug)]
pub enum Supply {
    /// These keys.
    Keys(Arc<KeySet>),
    /// These keys, and a fetch in the background is due.
    KeysAndRefresh(Arc<KeySet>),
    /// Nothing yet: a fetch is to be waited for, and begun if none is under way.
    Wait,
    /// Nothing until that many milliseconds have passed.
    Unavailable(u64),
}

/// What becomes of a token whose `kid` the set at hand does not have.
#[derive(Debug, PartialEq, Eq)]
pub enum UnknownKid {
    /// A newer set is to be waited for.
    Refetch,
    /// Its key is unknown.
    Refuse,
    /// No newer set can be had for that many milliseconds, so it may well be of a new key.
    Unavailable(u64),
}

/// Figures for operators.
#[derive(Clone, Debug)]
pub struct Figures {
    /// `empty`, `fresh` or `stale`.
    pub state: &'static str,
    /// Usable keys at hand.
    pub keys: usize,
    /// Fetches begun.
    pub fetches: u64,
    /// Fetches failed.
    pub failures: u64,
    /// When the keys at hand were fetched, in milliseconds since 1970.
    pub fetched_at: Option<f64>,
    /// What the last fetch failed of; None once one succeeds.
    pub last_error: Option<String>,
}

impl KeySetState {
    /// What a request that begins at `now` gets before it has waited for anything.
    ///
    /// It waits only without a set, or with one past its TTL: a process that was idle must not let a removed key
    /// live on. In an outage, once a fetch has failed, the set at hand serves for `max_stale`, and one request a
    /// cool-down waits to see whether it is over.
    #[must_use]
    pub fn supply(&self, now: Timestamp, policy: &CachePolicy) -> Supply {
        let Some((Fetched { keys, .. }, since)) = &self.good else {
            return match Self::cooling(self.failed, now, policy) {
                Some(left) if self.flight.is_none() => Supply::Unavailable(left),
                _ => Supply::Wait,
            };
        };
        let age = now.since(*since);
        let cooling = Self::cooling(self.failed, now, policy);
        let idle = self.flight.is_none() && cooling.is_none();
        if age < policy.ttl {
            let due = idle && age >= policy.ttl.mul_f64(REFRESH_AHEAD);
            return if due { Supply::KeysAndRefresh(keys.clone()) } else { Supply::Keys(keys.clone()) };
        }
        match cooling {
            _ if idle => Supply::Wait,
            _ if self.failed.is_some() && Self::serves(*since, now, policy) => Supply::Keys(keys.clone()),
            Some(left) if self.flight.is_none() => Supply::Unavailable(left),
            _ => Supply::Wait,
        }
    }

    /// What a request gets whose wait is over, because the fetch has ended or, `in_time` being false, because the
    /// request's own time-out has: no second wait, whatever the TTL, unless [`Self::clear`] came between.
    #[must_use]
    pub fn supply_after_wait(&self, now: Timestamp, policy: &CachePolicy, in_time: bool) -> Supply {
        let succeeded = in_time && self.failed.is_none();
        match &self.good {
            Some((good, since)) if succeeded || Self::serves(*since, now, policy) => Supply::Keys(good.keys.clone()),
            None if succeeded => Supply::Wait,
            _ => Supply::Unavailable(Self::cooling(self.failed, now, policy).unwrap_or(0)),
        }
    }

    /// What to make of a `kid` that the set at hand does not have; `waited` if the set was fetched for this request.
    ///
    /// A cool-down bounds what a flood of made-up ids can provoke. It counts from the last fetch so provoked, not
    /// from a regular one: after a rotation without grace period the first token of the new key finds it at once.
    pub fn unknown_kid(&mut self, now: Timestamp, policy: &CachePolicy, waited: bool) -> UnknownKid {
        if !waited && self.flight.is_some() {
            return UnknownKid::Refetch;
        }
        let failing = Self::cooling(self.failed, now, policy).or(self.failed.filter(|_| waited).map(|_| 0));
        if let Some(left) = failing {
            return UnknownKid::Unavailable(left);
        }
        let refetch = !waited && Self::cooling(self.provoked, now, policy).is_none();
        if waited || refetch {
            self.provoked = Some(self.provoked.map_or(now, |last| last.later(now)));
        }
        if refetch { UnknownKid::Refetch } else { UnknownKid::Refuse }
    }

    /// The number of the fetch to wait for, and whether it begins now. It goes on for as long as the most patient of
    /// those who joined it.
    pub fn join(&mut self, patience: Duration) -> (u64, bool) {
        if let Some((number, longest)) = &mut self.flight {
            *longest = patience.max(*longest);
            return (*number, false);
        }
        self.fetches += 1;
        self.flight = Some((self.fetches, patience));
        (self.fetches, true)
    }

    /// How long from its beginning the fetch of that number is waited for; None once it is over.
    #[must_use]
    pub fn patience(&self, number: u64) -> Option<Duration> {
        self.flight.filter(|(flight, _)| *flight == number).map(|(_, longest)| longest)
    }

    /// Takes the outcome of the fetch of that number. A late one, of before [`Self::clear`], loses. A set is as old as the
    /// beginning of its fetch. The cool-down of a failure counts from its end: else, where a server hangs for longer than
    /// that, one request after the other would wait, and none be told at once.
    pub fn complete(&mut self, number: u64, began: Timestamp, ended: Timestamp, outcome: Result<Fetched, String>) {
        if self.patience(number).is_none() {
            return;
        }
        self.flight = None;
        match outcome {
            Ok(fetched) => {
                self.good = Some((fetched, began));
                self.failed = None;
                self.last_error = None;
            }
            // The last good set stays: whoever can break the endpoint must not be able to take the keys away.
            Err(error) => {
                self.failures += 1;
                self.failed = Some(ended);
                self.last_error = Some(error);
            }
        }
    }

    /// The set at hand, however old: what a server that answers "not modified" speaks of.
    #[must_use]
    pub fn at_hand(&self) -> Option<&Fetched> {
        self.good.as_ref().map(|(fetched, _)| fetched)
    }

    /// Why the last fetch failed.
    #[must_use]
    pub fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// Forgets keys, failures and cool-downs; a fetch under way is not listened to any more. Gives the number of the
    /// last fetch, which nobody needs to wait for now.
    pub fn clear(&mut self) -> u64 {
        *self = Self { fetches: self.fetches, failures: self.failures, ..Self::default() };
        self.fetches
    }

    /// Figures for operators.
    #[must_use]
    pub fn figures(&self, now: Timestamp, policy: &CachePolicy) -> Figures {
        Figures {
            state: match &self.good {
                None => "empty",
                Some((_, since)) if now.since(*since) < policy.ttl => "fresh",
                Some(_) => "stale",
            },
            keys: self.good.as_ref().map_or(0, |(good, _)| good.keys.len()),
            fetches: self.fetches,
            failures: self.failures,
            fetched_at: self.good.as_ref().map(|(_, since)| since.wall),
            last_error: self.last_error.clone(),
        }
    }

    /// Whether a set serves that cannot be refreshed: it is fresh, or not too stale.
    fn serves(since: Timestamp, now: Timestamp, policy: &CachePolicy) -> bool {
        let age = now.since(since);
        age < policy.ttl || age.saturating_sub(policy.ttl) < policy.max_stale
    }

    /// Milliseconds left of the cool-down that began then.
    fn cooling(began: Option<Timestamp>, now: Timestamp, policy: &CachePolicy) -> Option<u64> {
        let left = policy.cooldown.checked_sub(now.since(began?)).filter(|left| !left.is_zero())?;
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

    /// The moment that many seconds into a test.
    fn at(seconds: f64) -> Timestamp {
        START.after(Duration::from_secs_f64(seconds))
    }

    #[expect(clippy::unnecessary_wraps, reason = "the other outcome")]
    fn good(kid: &str) -> Result<Fetched, String> {
        Ok(Fetched { keys: Arc::new(set(kid)), etag: Some(format!("\"{kid}\"")) })
    }

    fn bad() -> Result<Fetched, String> {
        Err("no answer".into())
    }

    /// A fetch that begins then and ends with that outcome.
    #[track_caller]
    fn fetch(store: &mut KeySetState, began: f64, outcome: Result<Fetched, String>) {
        let (number, begins) = store.join(POLICY.timeout);
        assert!(begins, "a fetch is under way");
        store.complete(number, at(began), at(began), outcome);
    }

    /// A store whose set was fetched at the start.
    fn fetched() -> KeySetState {
        let mut store = KeySetState::default();
        fetch(&mut store, 0.0, good("a"));
        store
    }

    fn has(keys: &KeySet, kid: &str) -> bool {
        matches!(keys.select(Some(kid), Algorithm::Es384), Selection::Key(_))
    }

    #[track_caller]
    fn serves(supply: &Supply, kid: &str) {
        assert!(matches!(supply, Supply::Keys(keys) if has(keys, kid)), "{supply:?}");
    }

    #[track_caller]
    fn serves_and_refreshes(supply: &Supply, kid: &str) {
        assert!(matches!(supply, Supply::KeysAndRefresh(keys) if has(keys, kid)), "{supply:?}");
    }

    #[track_caller]
    fn waits(supply: &Supply) {
        assert!(matches!(supply, Supply::Wait), "{supply:?}");
    }

    #[track_caller]
    fn unavailable(supply: &Supply, milliseconds: u64) {
        assert!(matches!(supply, Supply::Unavailable(left) if *left == milliseconds), "{supply:?}");
    }

    #[test]
    fn an_empty_store_waits_for_the_first_fetch() {
        let mut store = KeySetState::default();
        waits(&store.supply(at(0.0), &POLICY));
        let (number, _) = store.join(POLICY.timeout);
        waits(&store.supply(at(1.0), &POLICY));
        store.complete(number, at(0.0), at(0.0), good("a"));
        serves(&store.supply_after_wait(at(0.0), &POLICY, true), "a");
        serves(&store.supply(at(1.0), &POLICY), "a");
    }

    #[test]
    fn all_who_wait_share_one_fetch() {
        let mut store = KeySetState::default();
        assert_eq!(store.join(POLICY.timeout), (1, true));
        assert_eq!(store.join(POLICY.timeout), (1, false));
        store.complete(1, at(0.0), at(0.0), good("a"));
        assert_eq!(store.join(POLICY.timeout), (2, true));
    }

    #[test]
    fn a_first_fetch_that_fails_is_unavailable_for_a_cool_down() {
        let mut store = KeySetState::default();
        fetch(&mut store, 0.0, bad());
        unavailable(&store.supply_after_wait(at(0.0), &POLICY, true), 10_000);
        unavailable(&store.supply(at(2.5), &POLICY), 7_500);
        unavailable(&store.supply(at(9.999), &POLICY), 1);
        waits(&store.supply(at(10.0), &POLICY));
    }

    #[test]
    fn after_the_cool_down_of_an_empty_store_all_wait_for_the_fetch_under_way() {
        let mut store = KeySetState::default();
        fetch(&mut store, 0.0, bad());
        store.join(POLICY.timeout);
        waits(&store.supply(at(10.0), &POLICY));
        waits(&store.supply(at(11.0), &POLICY));
    }

    #[test]
    fn a_fetch_that_another_verifier_began_within_the_cool_down_is_waited_for() {
        let mut store = KeySetState::default();
        fetch(&mut store, 0.0, bad());
        store.join(POLICY.timeout);
        waits(&store.supply(at(1.0), &POLICY));

        let mut store = fetched();
        fetch(&mut store, 5000.0, bad());
        store.join(POLICY.timeout);
        waits(&store.supply(at(5001.0), &POLICY));
    }

    #[test]
    fn a_fresh_set_is_served_without_a_fetch_until_80_percent_of_the_ttl() {
        let store = fetched();
        serves(&store.supply(at(0.0), &POLICY), "a");
        serves(&store.supply(at(239.999), &POLICY), "a");
    }

    #[test]
    fn from_80_percent_of_the_ttl_one_request_begins_a_refresh_and_none_waits() {
        let mut store = fetched();
        serves_and_refreshes(&store.supply(at(240.0), &POLICY), "a");
        let (number, _) = store.join(POLICY.timeout);
        serves(&store.supply(at(240.0), &POLICY), "a");
        serves(&store.supply(at(299.999), &POLICY), "a");
        store.complete(number, at(240.0), at(240.0), good("b"));
        serves(&store.supply(at(241.0), &POLICY), "b");
    }

    #[test]
    fn a_set_is_as_old_as_the_beginning_of_its_fetch() {
        let mut store = KeySetState::default();
        let (number, _) = store.join(POLICY.timeout);
        store.complete(number, at(100.0), at(100.0), good("a"));
        serves(&store.supply(at(339.999), &POLICY), "a");
        serves_and_refreshes(&store.supply(at(340.0), &POLICY), "a");
        waits(&store.supply(at(400.0), &POLICY));
    }

    #[test]
    fn a_refresh_ahead_that_fails_is_tried_again_after_a_cool_down() {
        let mut store = fetched();
        fetch(&mut store, 240.0, bad());
        serves(&store.supply(at(249.999), &POLICY), "a");
        serves_and_refreshes(&store.supply(at(250.0), &POLICY), "a");
    }

    #[test]
    fn after_an_idle_time_past_the_ttl_a_request_waits() {
        let store = fetched();
        waits(&store.supply(at(300.0), &POLICY));
        waits(&store.supply(at(100_000.0), &POLICY));
    }

    #[test]
    fn all_wait_for_a_fetch_after_an_idle_time() {
        let mut store = fetched();
        let (number, _) = store.join(POLICY.timeout);
        waits(&store.supply(at(301.0), &POLICY));
        store.complete(number, at(300.0), at(300.0), good("b"));
        serves(&store.supply_after_wait(at(301.0), &POLICY, true), "b");
    }

    #[test]
    fn in_an_outage_the_set_at_hand_serves_and_one_request_a_cool_down_waits() {
        let mut store = fetched();
        for minute in 5..60 {
            let second = f64::from(minute) * 60.0;
            waits(&store.supply(at(second), &POLICY));
            let (number, begins) = store.join(POLICY.timeout);
            assert!(begins);
            if minute > 5 {
                serves(&store.supply(at(second + 1.0), &POLICY), "a"); // the others, meanwhile
            }
            store.complete(number, at(second), at(second), bad());
            serves(&store.supply_after_wait(at(second), &POLICY, true), "a");
            serves(&store.supply(at(second + 9.999), &POLICY), "a");
        }
    }

    #[test]
    fn in_an_outage_the_set_at_hand_serves_for_the_ttl_and_the_stale_time_and_no_longer() {
        let mut store = fetched();
        fetch(&mut store, 3895.0, bad());
        serves(&store.supply_after_wait(at(3895.0), &POLICY, true), "a");
        serves(&store.supply(at(3899.999), &POLICY), "a");
        unavailable(&store.supply(at(3900.0), &POLICY), 5_000);
        unavailable(&store.supply_after_wait(at(3900.0), &POLICY, true), 5_000);
        waits(&store.supply(at(3905.0), &POLICY));
        store.join(POLICY.timeout);
        waits(&store.supply(at(3906.0), &POLICY));
    }

    #[test]
    fn the_first_success_ends_an_outage() {
        let mut store = fetched();
        fetch(&mut store, 5000.0, bad());
        unavailable(&store.supply(at(5000.0), &POLICY), 10_000);
        fetch(&mut store, 5010.0, good("b"));
        serves(&store.supply_after_wait(at(5010.0), &POLICY, true), "b");
        serves(&store.supply(at(5011.0), &POLICY), "b");
        assert_eq!(store.last_error(), None);
    }

    #[test]
    fn a_request_whose_own_wait_times_out_gets_the_set_at_hand_while_it_may_serve() {
        let mut store = fetched();
        store.join(POLICY.timeout);
        serves(&store.supply_after_wait(at(300.0), &POLICY, false), "a");
        serves(&store.supply_after_wait(at(3899.0), &POLICY, false), "a");
        unavailable(&store.supply_after_wait(at(3900.0), &POLICY, false), 0);
        unavailable(&store.supply_after_wait(at(300.0), &NEVER_STALE, false), 0);
        unavailable(&KeySetState::default().supply_after_wait(at(0.0), &POLICY, false), 0);
    }

    #[test]
    fn a_request_whose_own_wait_times_out_gets_a_set_that_arrived_meanwhile() {
        let mut store = fetched();
        fetch(&mut store, 305.0, good("b"));
        serves(&store.supply_after_wait(at(300.0), &POLICY, false), "b");
        serves(&store.supply_after_wait(at(300.0), &NEVER_STALE, false), "b");
    }

    #[test]
    fn with_a_ttl_of_0_every_request_waits_once() {
        let mut store = fetched();
        waits(&store.supply(at(0.0), &UNCACHED));
        fetch(&mut store, 0.0, good("b"));
        serves(&store.supply_after_wait(at(0.0), &UNCACHED, true), "b");
        waits(&store.supply(at(0.0), &UNCACHED));
    }

    #[test]
    fn with_a_ttl_of_0_the_set_at_hand_serves_in_an_outage() {
        let mut store = fetched();
        fetch(&mut store, 1.0, bad());
        serves(&store.supply_after_wait(at(1.0), &UNCACHED, true), "a");
        serves(&store.supply(at(10.999), &UNCACHED), "a");
        waits(&store.supply(at(11.0), &UNCACHED));
    }

    #[test]
    fn with_no_stale_time_an_outage_is_unavailable_at_the_ttl() {
        let mut store = fetched();
        fetch(&mut store, 295.0, bad());
        serves(&store.supply(at(299.999), &NEVER_STALE), "a");
        unavailable(&store.supply(at(300.0), &NEVER_STALE), 5_000);
        unavailable(&store.supply_after_wait(at(300.0), &NEVER_STALE, true), 5_000);
    }

    #[test]
    fn without_a_cache_nothing_but_a_new_answer_serves() {
        let bypassed = CachePolicy { cooldown: Duration::ZERO, max_stale: Duration::ZERO, ..UNCACHED };
        let mut store = fetched();
        waits(&store.supply(at(0.0), &bypassed));
        fetch(&mut store, 1.0, bad());
        unavailable(&store.supply_after_wait(at(1.0), &bypassed, true), 0);
        waits(&store.supply(at(1.0), &bypassed));
        fetch(&mut store, 1.0, good("b"));
        serves(&store.supply_after_wait(at(1.0), &bypassed, true), "b");
    }

    #[test]
    fn an_unknown_kid_provokes_a_fetch_once_a_cool_down() {
        let mut store = fetched();
        for minute in 0..4 {
            let second = f64::from(minute) * 60.0 + 1.0;
            assert_eq!(store.unknown_kid(at(second), &POLICY, false), UnknownKid::Refetch);
            fetch(&mut store, second, good("a"));
            assert_eq!(store.unknown_kid(at(second), &POLICY, true), UnknownKid::Refuse);
            assert_eq!(store.unknown_kid(at(second + 9.999), &POLICY, false), UnknownKid::Refuse);
        }
    }

    #[test]
    fn refused_ids_do_not_prolong_the_cool_down() {
        let mut store = fetched();
        assert_eq!(store.unknown_kid(at(1.0), &POLICY, false), UnknownKid::Refetch);
        fetch(&mut store, 1.0, good("a"));
        for tenth in 11..110 {
            assert_eq!(store.unknown_kid(at(f64::from(tenth) / 10.0), &POLICY, false), UnknownKid::Refuse);
        }
        assert_eq!(store.unknown_kid(at(11.0), &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn a_regular_fetch_does_not_start_the_cool_down_of_unknown_ids() {
        let mut store = fetched();
        assert_eq!(store.unknown_kid(at(0.001), &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn an_unknown_kid_joins_a_fetch_under_way_whatever_the_cool_down() {
        let mut store = fetched();
        assert_eq!(store.unknown_kid(at(1.0), &POLICY, false), UnknownKid::Refetch);
        store.join(POLICY.timeout);
        assert_eq!(store.unknown_kid(at(1.0), &POLICY, false), UnknownKid::Refetch);
        assert_eq!(store.join(POLICY.timeout), (2, false));
    }

    #[test]
    fn a_request_that_has_waited_does_not_provoke_a_fetch() {
        let mut store = fetched();
        assert_eq!(store.unknown_kid(at(0.0), &POLICY, true), UnknownKid::Refuse);
        assert_eq!(store.unknown_kid(at(9.999), &POLICY, false), UnknownKid::Refuse);
        assert_eq!(store.unknown_kid(at(10.0), &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn a_request_that_has_waited_long_does_not_shorten_the_cool_down() {
        let mut store = fetched();
        assert_eq!(store.unknown_kid(at(5.0), &POLICY, false), UnknownKid::Refetch);
        fetch(&mut store, 5.0, good("a"));
        // It began at 0 and has waited for the fetch before.
        assert_eq!(store.unknown_kid(at(0.0), &POLICY, true), UnknownKid::Refuse);
        assert_eq!(store.unknown_kid(at(10.0), &POLICY, false), UnknownKid::Refuse);
        assert_eq!(store.unknown_kid(at(15.0), &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn an_unknown_kid_is_unavailable_while_no_newer_set_can_be_had() {
        let mut store = fetched();
        assert_eq!(store.unknown_kid(at(1.0), &POLICY, false), UnknownKid::Refetch);
        fetch(&mut store, 1.0, bad());
        assert_eq!(store.unknown_kid(at(1.0), &POLICY, true), UnknownKid::Unavailable(10_000));
        assert_eq!(store.unknown_kid(at(8.0), &POLICY, false), UnknownKid::Unavailable(3_000));
        assert_eq!(store.unknown_kid(at(11.0), &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn an_unknown_kid_whose_own_fetch_failed_is_unavailable_without_a_cool_down_too() {
        let eager = CachePolicy { cooldown: Duration::ZERO, ..POLICY };
        let mut store = fetched();
        assert_eq!(store.unknown_kid(at(1.0), &eager, false), UnknownKid::Refetch);
        fetch(&mut store, 1.0, bad());
        assert_eq!(store.unknown_kid(at(1.0), &eager, true), UnknownKid::Unavailable(0));
        assert_eq!(store.unknown_kid(at(1.0), &eager, false), UnknownKid::Refetch);
    }

    #[test]
    fn after_a_fetch_that_hung_for_longer_than_a_cool_down_requests_are_told_at_once() {
        let mut store = KeySetState::default();
        let (number, _) = store.join(Duration::from_secs(30));
        store.complete(number, at(0.0), at(30.0), bad());
        unavailable(&store.supply(at(30.0), &POLICY), 10_000);
        unavailable(&store.supply(at(39.0), &POLICY), 1_000);
        waits(&store.supply(at(40.0), &POLICY));
    }

    #[test]
    fn a_fetch_is_waited_for_as_long_as_the_most_patient_does() {
        let mut store = KeySetState::default();
        let (number, _) = store.join(Duration::from_secs(1));
        for (joins, longest) in [(2, 2), (1, 2), (60, 60), (3, 60)] {
            assert_eq!(store.join(Duration::from_secs(joins)), (number, false));
            assert_eq!(store.patience(number), Some(Duration::from_secs(longest)));
        }
        store.complete(number, at(0.0), at(0.0), good("a"));
        assert_eq!(store.patience(number), None);
    }

    #[test]
    fn unknown_ids_never_evict_a_good_set() {
        let mut store = fetched();
        for second in 1..200 {
            let second = f64::from(second);
            if store.unknown_kid(at(second), &POLICY, false) == UnknownKid::Refetch {
                fetch(&mut store, second, bad());
            }
            serves(&store.supply(at(second), &POLICY), "a");
        }
    }

    #[test]
    fn a_failure_keeps_the_set_at_hand_and_its_etag() {
        let mut store = fetched();
        fetch(&mut store, 300.0, bad());
        let kept = store.at_hand().unwrap();
        assert!(has(&kept.keys, "a"));
        assert_eq!(kept.etag.as_deref(), Some("\"a\""));
        assert_eq!(store.last_error(), Some("no answer"));
    }

    #[test]
    fn a_cleared_store_is_empty_and_fetches_at_once() {
        let mut store = fetched();
        fetch(&mut store, 1.0, bad());
        store.clear();
        assert!(store.at_hand().is_none());
        assert_eq!(store.last_error(), None);
        waits(&store.supply(at(1.0), &POLICY));
    }

    #[test]
    fn a_cleared_store_has_no_cool_down_of_unknown_ids() {
        let mut store = fetched();
        assert_eq!(store.unknown_kid(at(1.0), &POLICY, false), UnknownKid::Refetch);
        store.clear();
        assert_eq!(store.unknown_kid(at(1.0), &POLICY, false), UnknownKid::Refetch);
    }

    #[test]
    fn an_answer_from_before_clear_loses() {
        for outcome in [good("old"), bad()] {
            let mut store = fetched();
            let (late, _) = store.join(POLICY.timeout);
            store.clear();
            store.complete(late, at(0.0), at(0.0), outcome);
            waits(&store.supply(at(1.0), &POLICY));
            assert_eq!(store.figures(at(1.0), &POLICY).failures, 0);
        }
    }

    #[test]
    fn an_answer_from_before_clear_does_not_end_the_fetch_after_it() {
        let mut store = fetched();
        let (late, _) = store.join(POLICY.timeout);
        store.clear();
        let (next, begins) = store.join(POLICY.timeout);
        assert!(begins && next > late);
        store.complete(late, at(0.0), at(0.0), good("old"));
        assert_eq!(store.join(POLICY.timeout), (next, false));
        store.complete(next, at(1.0), at(1.0), good("new"));
        serves(&store.supply(at(1.0), &POLICY), "new");
    }

    #[test]
    fn clear_tells_the_number_that_wakes_all_who_wait_and_they_wait_for_a_new_fetch() {
        let mut store = fetched();
        let (number, _) = store.join(POLICY.timeout);
        assert_eq!(store.clear(), number);
        waits(&store.supply_after_wait(at(0.0), &POLICY, true));
    }

    #[test]
    fn a_set_ages_when_the_wall_clock_jumps_ahead() {
        let store = fetched();
        let jumped = |seconds: f64| Timestamp { wall: START.wall + seconds * 1000.0, ..at(1.0) };
        serves_and_refreshes(&store.supply(jumped(240.0), &POLICY), "a");
        waits(&store.supply(jumped(300.0), &POLICY));
    }

    #[test]
    fn a_set_does_not_live_longer_when_the_wall_clock_is_set_back() {
        let store = fetched();
        let set_back = |seconds: f64| Timestamp { wall: START.wall - 1e9, ..at(seconds) };
        serves(&store.supply(set_back(239.0), &POLICY), "a");
        serves_and_refreshes(&store.supply(set_back(240.0), &POLICY), "a");
        waits(&store.supply(set_back(300.0), &POLICY));
    }

    #[test]
    fn cool_downs_last_no_longer_when_the_wall_clock_is_set_back() {
        let set_back = |seconds: f64| Timestamp { wall: START.wall - 1e9, ..at(seconds) };
        let mut store = fetched();
        fetch(&mut store, 300.0, bad());
        serves(&store.supply(set_back(309.0), &POLICY), "a");
        waits(&store.supply(set_back(310.0), &POLICY));
    }

    #[test]
    fn figures_tell_state_keys_and_fetches() {
        let mut store = KeySetState::default();
        let empty = store.figures(at(0.0), &POLICY);
        assert_eq!((empty.state, empty.keys, empty.fetches, empty.failures), ("empty", 0, 0, 0));
        assert_eq!((empty.fetched_at, empty.last_error), (None, None));

        fetch(&mut store, 0.0, good("a"));
        let fresh = store.figures(at(299.999), &POLICY);
        assert_eq!((fresh.state, fresh.keys, fresh.fetches, fresh.failures), ("fresh", 1, 1, 0));
        assert_eq!((fresh.fetched_at, fresh.last_error), (Some(START.wall), None));

        fetch(&mut store, 300.0, bad());
        let stale = store.figures(at(300.0), &POLICY);
        assert_eq!((stale.state, stale.keys, stale.fetches, stale.failures), ("stale", 1, 2, 1));
        assert_eq!((stale.fetched_at, stale.last_error.as_deref()), (Some(START.wall), Some("no answer")));

        fetch(&mut store, 310.0, good("a"));
        let again = store.figures(at(310.0), &POLICY);
        assert_eq!((again.state, again.fetches, again.failures), ("fresh", 3, 1));
        assert_eq!((again.fetched_at, again.last_error), (Some(at(310.0).wall), None));

        store.clear();
        let cleared = store.figures(at(310.0), &POLICY);
        assert_eq!((cleared.state, cleared.keys, cleared.fetches, cleared.failures), ("empty", 0, 3, 1));
    }

    /// Marsaglia's xorshift64: the same sequence in every run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u32) -> u32 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            u32::try_from(self.0 % u64::from(bound)).unwrap()
        }
    }

    /// A request that waits for a fetch, as [`super::super::Remote`] has it wait.
    struct Waiting {
        began: f64,
        fetch: u64,
        kid: Kid,
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Kid {
        Known,
        Unknown,
        /// Unknown, and looked for in a newer set.
        Sought,
    }

    /// A store, everybody who uses it, and what may never happen.
    struct World {
        random: Random,
        policy: CachePolicy,
        store: KeySetState,
        now: f64,
        /// Number and beginning of the fetch under way.
        flight: Option<(u64, f64)>,
        waiting: Vec<Waiting>,
        /// When the fetch of each set began, by its key's id.
        sets: HashMap<String, f64>,
        provoked: Option<f64>,
        failed: Option<f64>,
        served: usize,
        provocations: usize,
    }

    impl World {
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
                store: KeySetState::default(),
                now: 0.0,
                flight: None,
                waiting: Vec::new(),
                sets: HashMap::new(),
                provoked: None,
                failed: None,
                served: 0,
                provocations: 0,
            }
        }

        fn live(&mut self) {
            let outage = self.random.below(5);
            for _ in 0..100 {
                match self.random.below(40) {
                    0..=7 => self.request(Kid::Known),
                    8..=15 => self.request(Kid::Unknown),
                    16..=23 => {
                        let succeeds = self.random.below(5) >= outage;
                        self.land(succeeds);
                    }
                    24..=37 => {
                        let seconds = self.random.below(5);
                        self.pass(seconds);
                    }
                    38 => self.pass(70),
                    _ => self.clear(),
                }
            }
        }

        /// Time goes by, and a fetch does not take longer than its time-out.
        fn pass(&mut self, seconds: u32) {
            for _ in 0..seconds {
                self.now += 1.0;
                if self.flight.is_some_and(|(_, began)| self.now - began >= self.policy.timeout.as_secs_f64()) {
                    self.land(false);
                }
            }
        }

        fn request(&mut self, kid: Kid) {
            let supply = self.store.supply(at(self.now), &self.policy);
            self.take(supply, self.now, kid, false);
        }

        fn take(&mut self, supply: Supply, began: f64, kid: Kid, waited: bool) {
            match supply {
                Supply::Wait => self.wait(began, kid, false),
                Supply::Unavailable(left) => assert!(u128::from(left) <= self.policy.cooldown.as_millis()),
                Supply::Keys(keys) => self.serve(&keys, began, kid, waited),
                Supply::KeysAndRefresh(keys) => {
                    self.join(began, false);
                    self.serve(&keys, began, kid, waited);
                }
            }
        }

        fn serve(&mut self, keys: &KeySet, began: f64, kid: Kid, waited: bool) {
            let set = self.sets.iter().find(|(kid, _)| has(keys, kid)).map(|(_, fetched)| *fetched).unwrap();
            let CachePolicy { ttl, max_stale, timeout, .. } = self.policy;
            let oldest = if waited { (ttl + max_stale).max(timeout) } else { ttl + max_stale };
            assert!(began - set <= oldest.as_secs_f64(), "served at the age of {}", began - set);
            self.served += 1;
            if kid != Kid::Known {
                self.seek(began, waited);
            }
        }

        fn seek(&mut self, began: f64, waited: bool) {
            if self.store.unknown_kid(at(began), &self.policy, waited) == UnknownKid::Refetch {
                assert!(!waited, "one request provoked twice");
                self.wait(began, Kid::Sought, true);
            }
        }

        fn wait(&mut self, began: f64, kid: Kid, provoked: bool) {
            let fetch = self.join(began, provoked);
            self.waiting.push(Waiting { began, fetch, kid });
        }

        fn join(&mut self, began: f64, provoked: bool) -> u64 {
            let (number, begins) = self.store.join(POLICY.timeout);
            assert_eq!(begins, self.flight.is_none(), "two fetches at a time, or none");
            if begins {
                let rested =
                    |last: Option<f64>| last.is_none_or(|last| self.now - last >= self.policy.cooldown.as_secs_f64());
                assert!(rested(self.failed), "a failing endpoint was asked within a cool-down");
                assert!(!provoked || rested(self.provoked), "two fetches were provoked within a cool-down");
                if provoked {
                    self.provoked = Some(self.now);
                    self.provocations += 1;
                }
                self.flight = Some((number, began));
            }
            number
        }

        fn land(&mut self, succeeds: bool) {
            let Some((number, began)) = self.flight.take() else { return };
            if succeeds {
                let kid = format!("k{number}");
                self.store.complete(number, at(began), at(self.now), good(&kid));
                self.sets.insert(kid, began);
                self.failed = None;
            } else {
                let keys = |store: &KeySetState| store.at_hand().map(|good| Arc::as_ptr(&good.keys));
                let before = keys(&self.store);
                self.store.complete(number, at(began), at(self.now), bad());
                assert_eq!(keys(&self.store), before, "a failure took the good set away");
                self.failed = Some(self.now);
            }
            self.wake(number);
        }

        fn clear(&mut self) {
            let last = self.store.clear();
            (self.flight, self.provoked, self.failed) = (None, None, None);
            self.wake(last);
        }

        /// Those who waited go on, in any order, while others come.
        fn wake(&mut self, landed: u64) {
            let (mut awake, asleep): (Vec<_>, _) =
                std::mem::take(&mut self.waiting).into_iter().partition(|waiting| waiting.fetch <= landed);
            self.waiting = asleep;
            while !awake.is_empty() {
                if self.random.below(4) == 0 {
                    self.request(Kid::Unknown);
                }
                let next = self.random.below(u32::try_from(awake.len()).unwrap());
                let Waiting { began, kid, .. } = awake.swap_remove(usize::try_from(next).unwrap());
                if kid == Kid::Sought {
                    // After a rotation the newer set has the key.
                    if self.random.below(2) == 0 {
                        self.seek(began, true);
                    }
                } else {
                    let supply = self.store.supply_after_wait(at(began), &self.policy, true);
                    self.take(supply, began, kid, true);
                }
            }
        }
    }

    #[test]
    fn no_sequence_of_events_breaks_a_promise() {
        let (mut served, mut provocations) = (0, 0);
        for seed in 1..=5_000 {
            let mut world = World::new(seed);
            world.live();
            served += world.served;
            provocations += world.provocations;
        }
        assert!(served > 40_000 && provocations > 4_000, "{served} served, {provocations} fetches provoked");
    }
}
