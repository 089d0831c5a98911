//! The revocations that a verifier checks, and the policy for an unavailable store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use once_cell::sync::Lazy;

use super::fingerprints::RevocationState;
use super::mirror::RevocationMirror;
use crate::claims::Subject;
use crate::clock::Timestamp;
use crate::error::{ErrorCode, Rejection};
use crate::lock::lock;
use crate::reason::Reason;

/// How long revocations are kept, and whether requests are rejected while the store is unreachable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RevocationPolicy {
    /// The maximum lifetime of access tokens, in seconds.
    pub lifetime: f64,
    /// The maximum age of the mirror, beyond which requests are rejected, or `None` to accept requests regardless of
    /// its age.
    pub max_lag: Option<Duration>,
}

/// Revocations created by `createRevocations`.
#[derive(Debug)]
pub struct Revocations {
    /// A random id, by which a verifier's options refer to these revocations. Because the id is random, a string that
    /// an application passes by mistake is never a valid id.
    pub id: String,
    /// The mirror of the store that contains the revocations.
    pub mirror: Arc<RevocationMirror>,
    /// How long revocations are kept, and what happens while the store is unreachable.
    pub policy: RevocationPolicy,
}

/// The [`Revocations`] that all calls of `createRevocations` in this process have created, keyed by id.
static REVOCATIONS_BY_ID: Lazy<Mutex<HashMap<String, Weak<Revocations>>>> = Lazy::new(Mutex::default);

impl Revocations {
    /// Creates revocations that [`Self::find`] can find by their id.
    #[must_use]
    pub fn new(mirror: Arc<RevocationMirror>, policy: RevocationPolicy) -> Arc<Self> {
        let revocations = Arc::new(Self { id: uuid::Uuid::new_v4().to_string(), mirror, policy });
        let mut revocations_by_id = lock(&REVOCATIONS_BY_ID);
        revocations_by_id.retain(|_, other| other.strong_count() > 0);
        revocations_by_id.insert(revocations.id.clone(), Arc::downgrade(&revocations));
        revocations
    }

    /// Finds the revocations with this id.
    #[must_use]
    pub fn find(id: &str) -> Option<Arc<Self>> {
        lock(&REVOCATIONS_BY_ID).get(id).and_then(Weak::upgrade)
    }

    /// Checks that no revocation covers a token.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::TokenRevoked`], or [`ErrorCode::RevocationsUnavailable`] if the policy limits the mirror's age, and
    /// the mirror is too old or not loaded yet.
    pub fn check(&self, subject: &Subject, state: &RevocationState, now: Timestamp) -> Result<(), Rejection> {
        // The mirror's lag is read before the revocations are searched. In the reverse order, another thread could add
        // a revocation after the search and then reset the lag, so that the mirror would seem current although the
        // search has missed this revocation.
        let lag = self.policy.max_lag.map(|max_lag| (self.mirror.lag(now), max_lag));
        if let Some(kind) = self.mirror.find_revocation_kind(subject, state) {
            return Err(Rejection::from(ErrorCode::TokenRevoked).detail("revoked", kind.name()));
        }
        match lag {
            None => Ok(()),
            Some((Some(lag), max_lag)) if lag <= max_lag => Ok(()),
            Some((lag, _)) => {
                let rejection = Rejection { retry_after: Some(1), ..ErrorCode::RevocationsUnavailable.into() };
                let reason = if lag.is_some() { Reason::StoreUnreachable } else { Reason::RevocationsNotLoaded };
                Err(rejection.reason(reason))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::entry::tests::entry;
    use super::super::{Entry, RevocationKind};
    use super::*;
    use crate::claims::tests::{assert_fails, claims};

    fn revocations(max_lag: Option<Duration>) -> Arc<Revocations> {
        Revocations::new(RevocationMirror::new(), RevocationPolicy { lifetime: 3_600.0, max_lag })
    }

    fn check(revocations: &Revocations, sub: &str, now: Timestamp) -> Result<(), Rejection> {
        revocations.check(&claims(json!({ "sub": sub })).check_types().unwrap(), &RevocationState::default(), now)
    }

    #[test]
    fn revocations_are_found_by_id_while_they_are_used() {
        let revocations = revocations(None);
        let id = revocations.id.clone();
        assert!(Arc::ptr_eq(&Revocations::find(&id).unwrap(), &revocations));
        assert!(Revocations::find("").is_none());
        drop(revocations);
        assert!(Revocations::find(&id).is_none());
    }

    #[test]
    fn accepts_tokens_while_the_store_is_unreachable_unless_the_policy_forbids_it() {
        let start = Timestamp::now();
        let at = |seconds| start.plus(Duration::from_secs(seconds));
        check(&revocations(None), "u", start).unwrap();
        let strict_revocations = revocations(Some(Duration::from_secs(30)));
        let rejection = assert_fails(check(&strict_revocations, "u", start), ErrorCode::RevocationsUnavailable);
        assert_eq!(rejection.retry_after, Some(1));
        strict_revocations.mirror.mark_read_complete(start, Duration::ZERO);
        check(&strict_revocations, "u", at(30)).unwrap();
        assert_fails(check(&strict_revocations, "u", at(31)), ErrorCode::RevocationsUnavailable);
        strict_revocations.mirror.mark_read_complete(at(31), Duration::ZERO);
        check(&strict_revocations, "u", at(31)).unwrap();
    }

    #[test]
    fn a_known_revocation_counts_even_while_the_store_is_unreachable() {
        for max_lag in [None, Some(Duration::ZERO)] {
            let revocations = revocations(max_lag);
            let entry: Entry = entry(RevocationKind::Subject, "u", 1_800_000_000);
            revocations.mirror.apply([entry.to_json().as_str()], 3_600.0, 1_800_000_000.0, Timestamp::now());
            let rejection = assert_fails(check(&revocations, "u", Timestamp::now()), ErrorCode::TokenRevoked);
            assert_eq!(rejection.details["revoked"], "subject");
        }
    }
}
