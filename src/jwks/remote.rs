//! A key set that is fetched from a URL: one cache per URL and process, shared by all verifiers and worker threads.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use once_cell::sync::Lazy;
use tokio::sync::watch;

use super::CachePolicy;
use super::fetch::{Answer, TIMED_OUT, fetch};
use super::keys::{Key, KeySet, Selection};
use super::log::{Begun, Reason};
use super::state::{Fetched, Figures, KeySetState, Supply, UnknownKid};
use crate::clock::Timestamp;
use crate::error::{Code, Refusal};
use crate::signature::Algorithm;
use crate::threads;

/// Addresses remembered before those that no verifier uses any more are dropped.
const MOST_IDLE: usize = 1024;

static REMOTES: Lazy<Mutex<HashMap<String, Arc<RemoteJwkSet>>>> = Lazy::new(Mutex::default);

/// The key set at an address.
#[derive(Debug)]
pub struct RemoteJwkSet {
    address: String,
    state: Mutex<KeySetState>,
    /// Number of the last fetch that ended.
    landed: watch::Sender<u64>,
}

impl RemoteJwkSet {
    /// The one of that address in this process.
    #[must_use]
    pub fn at(address: &str) -> Arc<Self> {
        let mut remotes = lock(&REMOTES);
        if remotes.len() >= MOST_IDLE {
            remotes.retain(|_, remote| Arc::strong_count(remote) > 1);
        }
        remotes.entry(address.to_owned()).or_insert_with(|| Self::new(address)).clone()
    }

    /// One of its own.
    #[must_use]
    pub fn new(address: &str) -> Arc<Self> {
        Arc::new(Self { address: address.to_owned(), state: Mutex::default(), landed: watch::Sender::new(0) })
    }

    /// The current keys, fetched if they must be; and whether that was waited for.
    ///
    /// # Errors
    ///
    /// [`Code::JwksUnavailable`].
    pub async fn keys(self: &Arc<Self>, now: Timestamp, policy: &CachePolicy) -> Result<(Arc<KeySet>, bool), Refusal> {
        let (mut supply, mut flight) = self.decide(now, policy, |state| state.supply(now, policy));
        let mut waited = false;
        loop {
            match supply {
                Supply::Keys(keys) | Supply::KeysAndRefresh(keys) => return Ok((keys, waited)),
                Supply::Unavailable(left) => return Err(self.unavailable(left)),
                Supply::Wait => {
                    waited = true;
                    let in_time = self.wait(flight, policy).await;
                    (supply, flight) = self.decide(now, policy, |state| state.supply_after_wait(now, policy, in_time));
                }
            }
        }
    }

    /// The key for a token of that `kid` and `alg`. An id that the set does not have is looked for in a newer set,
    /// at most once a cool-down, unless the request has waited for the set already.
    ///
    /// # Errors
    ///
    /// [`Code::UnknownKey`]; [`Code::JwksUnavailable`] if the set, or the newer one, cannot be had.
    pub async fn find(
        self: &Arc<Self>,
        kid: Option<&str>,
        algorithm: Algorithm,
        now: Timestamp,
        policy: &CachePolicy,
        has_waited: bool,
    ) -> Result<Arc<Key>, Refusal> {
        let (mut keys, mut waited) = self.keys(now, policy).await?;
        waited |= has_waited;
        loop {
            match keys.select(kid, algorithm) {
                Selection::Key(key) => return Ok(key.clone()),
                Selection::Unfit(reason) => return Err(unknown(kid).detail("reason", reason)),
                Selection::Unknown => {}
            }
            let (verdict, flight) = self.decide(now, policy, |state| state.unknown_kid(now, policy, waited));
            match verdict {
                UnknownKid::Refuse => return Err(unknown(kid)),
                UnknownKid::Unavailable(left) => return Err(self.unavailable(left)),
                UnknownKid::Refetch if !self.wait(flight, policy).await => return Err(self.unavailable(0)),
                UnknownKid::Refetch => waited = true,
            }
            let newer = lock(&self.state).at_hand().map(|newer| newer.keys.clone());
            keys = match newer {
                Some(newer) => newer,
                None => self.keys(now, policy).await?.0, // cleared in between
            };
        }
    }

    /// Forgets the keys: the next verification fetches them.
    pub fn clear(&self) {
        let last = lock(&self.state).clear();
        self.landed.send_modify(|landed| *landed = last.max(*landed));
    }

    /// Figures for operators.
    #[must_use]
    pub fn figures(&self, now: Timestamp, policy: &CachePolicy) -> Figures {
        lock(&self.state).figures(now, policy)
    }

    /// A decision of the store's, and the number of the fetch that it takes, which begins if none is under way. In one
    /// step: a fetch that ended between the two would make another one begin, for nothing.
    fn decide<D: TakesFetch>(
        self: &Arc<Self>,
        now: Timestamp,
        policy: &CachePolicy,
        decision: impl FnOnce(&mut KeySetState) -> D,
    ) -> (D, u64) {
        let mut state = lock(&self.state);
        let decision = decision(&mut state);
        let Some(reason) = decision.fetches(state.at_hand().is_some()) else { return (decision, 0) };
        let (number, begins) = state.join(policy.timeout);
        drop(state);
        if begins {
            // A fetch that ends by a panic, or never begins, has landed too: nobody waits for ever.
            let flight = InFlightFetch {
                remote: self.clone(),
                number,
                began: now,
                begun: Begun::now(reason),
                outcome: Err("the fetch broke off".into()),
            };
            drop(threads::spawn(flight.run()));
        }
        (decision, number)
    }

    /// Waits for the fetch of that number; false if it took longer than the time-out.
    async fn wait(&self, number: u64, policy: &CachePolicy) -> bool {
        let mut landed = self.landed.subscribe();
        let mut ended = pin!(landed.wait_for(|last| *last >= number));
        match threads::timeout(policy.timeout, ended.as_mut()) {
            Err(_) => return false,
            Ok(in_time) => {
                if let Ok(ended) = in_time.await {
                    return ended.is_ok();
                }
            }
        }
        // If nobody is more patient, the fetch ends now, too: then its failure is known, and its cool-down.
        let goes_on = lock(&self.state).patience(number).is_some_and(|longest| longest > policy.timeout);
        !goes_on && ended.await.is_ok()
    }

    async fn renew(&self) -> Result<Fetched, String> {
        let known = lock(&self.state).at_hand().cloned();
        let etag = known.as_ref().and_then(|known| known.etag.as_deref());
        match (fetch(&self.address, etag).await?, known) {
            (Answer::NotModified, Some(known)) => Ok(known),
            (Answer::NotModified, None) => Err("the key set's address answered 304 unasked".into()),
            (Answer::Body { body, etag }, _) => Ok(Fetched { keys: Arc::new(KeySet::parse(&body)?), etag }),
        }
    }

    fn unavailable(&self, left: u64) -> Refusal {
        // No failure is known while a fetch goes on that the request could not wait for any longer.
        let cause = lock(&self.state).last_error().unwrap_or(TIMED_OUT).to_owned();
        Refusal { retry_after: Some(left.div_ceil(1000).max(1)), cause: Some(cause), ..Code::JwksUnavailable.into() }
            .detail("jwksUri", self.address.as_str())
    }
}

/// A fetch under way, which reports its outcome however it ends.
struct InFlightFetch {
    remote: Arc<RemoteJwkSet>,
    number: u64,
    /// When what provoked it began, which counts for the age of the set.
    began: Timestamp,
    begun: Begun,
    outcome: Result<Fetched, String>,
}

impl InFlightFetch {
    async fn run(mut self) {
        let remote = self.remote.clone();
        let mut fetch = pin!(remote.renew());
        let mut waited = None;
        self.outcome = loop {
            // Who is more patient than those before may have joined meanwhile.
            let longest = lock(&remote.state).patience(self.number).filter(|longest| Some(*longest) > waited);
            let Some(longest) = longest else { break Err(TIMED_OUT.into()) };
            match threads::timeout(longest.saturating_sub(waited.unwrap_or_default()), fetch.as_mut()) {
                Err(error) => break Err(error),
                Ok(in_time) => {
                    if let Ok(outcome) = in_time.await {
                        break outcome;
                    }
                }
            }
            waited = Some(longest);
        };
    }
}

impl Drop for InFlightFetch {
    fn drop(&mut self) {
        let outcome = std::mem::replace(&mut self.outcome, Err(String::new()));
        let keys = outcome.as_ref().map(|fetched| fetched.keys.len()).map_err(Clone::clone);
        let took = self.begun.end(&self.remote.address, keys);
        lock(&self.remote.state).complete(self.number, self.began, self.began.after(took), outcome);
        self.remote.landed.send_modify(|last| *last = self.number.max(*last));
    }
}

/// A decision of the store's, which may take a fetch.
trait TakesFetch {
    /// Why it takes one, if it does.
    fn fetches(&self, has_keys: bool) -> Option<Reason>;
}

impl TakesFetch for Supply {
    fn fetches(&self, has_keys: bool) -> Option<Reason> {
        match self {
            Self::Wait => Some(if has_keys { Reason::Stale } else { Reason::Empty }),
            Self::KeysAndRefresh(_) => Some(Reason::Refresh),
            Self::Keys(_) | Self::Unavailable(_) => None,
        }
    }
}

impl TakesFetch for UnknownKid {
    fn fetches(&self, _has_keys: bool) -> Option<Reason> {
        matches!(self, Self::Refetch).then_some(Reason::UnknownKid)
    }
}

/// Forgets the keys of one address, if they are known.
pub fn clear(address: &str) {
    let remote = lock(&REMOTES).get(address).cloned();
    remote.inspect(|remote| remote.clear());
}

/// Forgets the keys of every address.
pub fn clear_all() {
    let remotes: Vec<_> = lock(&REMOTES).values().cloned().collect();
    for remote in remotes {
        remote.clear();
    }
}

/// A [`Code::UnknownKey`] for that id.
pub(crate) fn unknown(kid: Option<&str>) -> Refusal {
    Refusal::from(Code::UnknownKey).detail("kid", kid)
}

/// What a panic left behind is still in order: every change under these locks is made in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_cache() {
        let one = RemoteJwkSet::at("https://one.test/oidc/jwks");
        assert!(Arc::ptr_eq(&one, &RemoteJwkSet::at("https://one.test/oidc/jwks")));
        for other in ["https://one.test/oidc/jwks2", "https://one.test:8443/oidc/jwks", "http://one.test/oidc/jwks"] {
            assert!(!Arc::ptr_eq(&one, &RemoteJwkSet::at(other)), "{other}");
        }
    }

    #[test]
    fn addresses_that_no_verifier_uses_do_not_pile_up() {
        let used = RemoteJwkSet::at("https://used.test/oidc/jwks");
        for n in 0..10 * MOST_IDLE {
            drop(RemoteJwkSet::at(&format!("https://{n}.test/oidc/jwks")));
        }
        assert!(lock(&REMOTES).len() <= MOST_IDLE, "{}", lock(&REMOTES).len());
        assert!(Arc::ptr_eq(&used, &RemoteJwkSet::at("https://used.test/oidc/jwks")));
    }

    #[test]
    fn clearing_an_unknown_address_does_nothing() {
        clear("https://nobody.test/oidc/jwks");
        assert!(!lock(&REMOTES).contains_key("https://nobody.test/oidc/jwks"));
    }

    #[test]
    fn an_outage_says_when_to_come_back_in_whole_seconds() {
        let remote = RemoteJwkSet::at("https://outage.test/oidc/jwks");
        for (milliseconds, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (10_000, 10)] {
            assert_eq!(remote.unavailable(milliseconds).retry_after, Some(seconds));
        }
    }

    #[test]
    fn an_unknown_id_is_safe_for_a_log_line() {
        assert_eq!(unknown(Some("a\nb")).details["kid"], "a\\u{a}b");
        assert_eq!(unknown(None).details["kid"], serde_json::Value::Null);
    }
}
