//! Decides whether a token whose `kid` is not in the cached key set may be signed with a newer key.

use super::keys::MAX_KEYS;
use crate::clock::Timestamp;

/// How far apart Logto's clock and this machine's may be, in milliseconds. Truncating `iat` to whole seconds accounts
/// for up to one second of the difference.
const MAX_CLOCK_DIFFERENCE_MS: f64 = 5_000.0;

/// How far in the future the `iat` of a token may be, in milliseconds.
const MAX_IAT_MS_IN_FUTURE: f64 = 60_000.0;

/// A token whose `kid` is not in the cached key set.
#[derive(Clone, Copy, Debug)]
pub struct UnknownToken<'a> {
    /// The token's `kid`.
    pub kid: Option<&'a str>,
    /// The [`KeySet::id`](super::keys::KeySet::id) of the key set that does not contain the key.
    pub key_set_id: u64,
    /// The token's `iat`, as Unix time in seconds. The `iat` is unverified, because there is no key to verify it with.
    pub issued_at: Option<f64>,
    /// When the request arrived.
    pub arrived: Timestamp,
    /// Whether the request has waited for the fetch of the cached key set.
    pub waited_for_fetch: bool,
}

impl UnknownToken<'_> {
    /// Whether the token may be signed with a key that was published after this fetch. Forging `iat` gains an attacker
    /// nothing, because it only changes the error.
    pub(super) fn may_use_new_key(&self, fetched_at: Timestamp, now: Timestamp, known: &KnownKids) -> bool {
        let is_issued_after_fetch = self.issued_at.is_some_and(|seconds| {
            let issued_ms = seconds * 1000.0;
            issued_ms + MAX_CLOCK_DIFFERENCE_MS >= fetched_at.wall && issued_ms <= now.wall + MAX_IAT_MS_IN_FUTURE
        });
        is_issued_after_fetch && !self.arrived_before(fetched_at) && !known.rules_out_new_key(self)
    }

    /// Whether the token arrived, and therefore existed, before this fetch. The server publishes every key before
    /// signing with it, so the fetched set would contain the key of the token.
    fn arrived_before(&self, fetched_at: Timestamp) -> bool {
        self.arrived.duration_since(fetched_at).is_zero()
    }
}

/// The `kid`s that do not belong to a new key: those of keys that were published earlier, and the last one that a fetch
/// did not find.
#[derive(Debug, Default)]
pub(super) struct KnownKids {
    /// The `kid`s of the most recently published keys, oldest first.
    published: Vec<String>,
    /// The `kid` and `iat` of the last token that was rejected because a fetch after its arrival did not return its
    /// key.
    last_rejected: Option<(Option<String>, f64)>,
}

impl KnownKids {
    /// Remembers the `kid`s of a key set.
    pub(super) fn add_published_kids<'a>(&mut self, kids: impl Iterator<Item = &'a str>) {
        for kid in kids {
            self.published.retain(|known| known != kid);
            self.published.push(kid.to_owned());
        }
        self.published.drain(..self.published.len().saturating_sub(2 * MAX_KEYS));
    }

    /// Remembers a token whose key is missing from a key set that was fetched at this time, so that the token gets the
    /// same error when it is sent again.
    pub(super) fn add_rejected_token(&mut self, token: &UnknownToken, fetched_at: Timestamp) {
        if token.arrived_before(fetched_at) {
            self.last_rejected = token.issued_at.map(|issued_at| (token.kid.map(str::to_owned), issued_at));
        }
    }

    fn rules_out_new_key(&self, token: &UnknownToken) -> bool {
        let is_published = token.kid.is_some_and(|kid| self.published.iter().any(|known| known == kid));
        let is_absent = self.last_rejected.as_ref().is_some_and(|(kid, issued_at)| {
            kid.as_deref() == token.kid && token.issued_at.is_some_and(|other| other <= *issued_at)
        });
        is_published || is_absent
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// Whether a token that arrives 100 seconds after the fetch may be signed with a new key, if it was issued this
    /// many seconds after the fetch.
    fn may_use_new_key(issued_at: f64) -> bool {
        let fetched_at = Timestamp::now();
        let now = fetched_at.plus(Duration::from_secs(100));
        let issued_at = Some(fetched_at.wall / 1000.0 + issued_at);
        let token = UnknownToken { kid: Some("k"), key_set_id: 0, issued_at, arrived: now, waited_for_fetch: false };
        token.may_use_new_key(fetched_at, now, &KnownKids::default())
    }

    #[test]
    fn a_token_issued_after_the_fetch_may_use_a_new_key() {
        for issued_at in [0.0, 1.0, 99.0, 100.0] {
            assert!(may_use_new_key(issued_at), "{issued_at}");
        }
        for issued_at in [-3_600.0, -60.0, -6.0] {
            assert!(!may_use_new_key(issued_at), "{issued_at}");
        }
    }

    #[test]
    fn the_clocks_may_differ_by_a_few_seconds() {
        assert!(may_use_new_key(-4.0) && may_use_new_key(105.0));
    }

    #[test]
    fn a_token_from_the_far_future_uses_no_new_key() {
        for issued_at in [161.0, 1e6, 1e300, f64::INFINITY] {
            assert!(!may_use_new_key(issued_at), "{issued_at}");
        }
    }

    #[test]
    fn a_token_uses_no_new_key_if_it_arrived_before_the_fetch_or_has_no_iat_or_a_known_kid() {
        let fetched_at = Timestamp::now();
        let now = fetched_at.plus(Duration::from_secs(1));
        let token = UnknownToken {
            kid: Some("k"),
            key_set_id: 0,
            issued_at: Some(now.wall / 1000.0),
            arrived: now,
            waited_for_fetch: true,
        };
        let mut known = KnownKids::default();
        assert!(token.may_use_new_key(fetched_at, now, &known));
        assert!(UnknownToken { kid: None, ..token }.may_use_new_key(fetched_at, now, &known));
        assert!(!UnknownToken { arrived: fetched_at, ..token }.may_use_new_key(fetched_at, now, &known));
        assert!(!UnknownToken { issued_at: None, ..token }.may_use_new_key(fetched_at, now, &known));
        known.add_published_kids(["k"].into_iter());
        assert!(!token.may_use_new_key(fetched_at, now, &known));
    }

    #[test]
    fn a_token_that_existed_before_a_fetch_without_its_key_uses_no_new_key_when_it_is_sent_again() {
        let fetched_at = Timestamp::now();
        let now = fetched_at.plus(Duration::from_secs(1));
        let token = UnknownToken {
            kid: Some("k"),
            key_set_id: 0,
            issued_at: Some(now.wall / 1000.0),
            arrived: fetched_at,
            waited_for_fetch: true,
        };
        let mut known = KnownKids::default();
        known.add_rejected_token(&UnknownToken { arrived: now, ..token }, fetched_at);
        assert!(UnknownToken { arrived: now, ..token }.may_use_new_key(fetched_at, now, &known));
        known.add_rejected_token(&token, fetched_at);
        assert!(!UnknownToken { arrived: now, ..token }.may_use_new_key(fetched_at, now, &known));
        let later_iat = Some(now.wall / 1000.0 + 1.0);
        assert!(UnknownToken { arrived: now, issued_at: later_iat, ..token }.may_use_new_key(fetched_at, now, &known));
        assert!(UnknownToken { arrived: now, kid: Some("other"), ..token }.may_use_new_key(fetched_at, now, &known));
    }

    #[test]
    fn remembers_the_kids_that_were_published_most_recently() {
        let mut known = KnownKids::default();
        let kids: Vec<String> = (0..10 * MAX_KEYS).map(|n| n.to_string()).collect();
        for kid in &kids {
            known.add_published_kids(["first", kid.as_str()].into_iter());
        }
        assert!(known.published.contains(&"first".to_owned()) && known.published.contains(&kids[10 * MAX_KEYS - 1]));
        assert!(!known.published.contains(&"0".to_owned()));
        assert_eq!(known.published.len(), 2 * MAX_KEYS);
    }
}
