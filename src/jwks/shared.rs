//! All key sets in the process. Each key set is shared by all verifiers with the same source, or used by only one
//! verifier.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, Weak};

use once_cell::sync::Lazy;

use super::remote::RemoteJwkSet;
use super::source::JwksSource;
use crate::lock::lock;

/// When the number of shared key sets reaches this limit, sets that no verifier uses are dropped.
const MAX_SHARED_KEY_SETS: usize = 1024;

static KEY_SETS: Lazy<Mutex<KeySets>> = Lazy::new(Mutex::default);

#[derive(Default)]
struct KeySets {
    shared: HashMap<JwksSource, Arc<RemoteJwkSet>>,
    unshared: Vec<Weak<RemoteJwkSet>>,
}

impl RemoteJwkSet {
    /// Returns the key set that all verifiers with this source share. `issuers` are the issuers whose tokens are
    /// verified with the key set.
    #[must_use]
    pub fn shared_key_set(source: JwksSource, issuers: &[String]) -> Arc<Self> {
        let shared_key_sets = &mut lock(&KEY_SETS).shared;
        if shared_key_sets.len() >= MAX_SHARED_KEY_SETS {
            shared_key_sets.retain(|_, set| Arc::strong_count(set) > 1);
        }
        let set = shared_key_sets.entry(source.clone()).or_insert_with(|| Self::new(source)).clone();
        set.add_issuers(issuers);
        set
    }

    /// Creates a key set that only the caller uses.
    #[must_use]
    pub fn new_unshared_key_set(source: JwksSource, issuers: &[String]) -> Arc<Self> {
        let set = Self::new(source);
        set.add_issuers(issuers);
        let unshared_key_sets = &mut lock(&KEY_SETS).unshared;
        unshared_key_sets.retain(|set| set.strong_count() > 0);
        unshared_key_sets.push(Arc::downgrade(&set));
        set
    }
}

fn all_key_sets() -> Vec<Arc<RemoteJwkSet>> {
    let sets = lock(&KEY_SETS);
    sets.shared.values().cloned().chain(sets.unshared.iter().filter_map(Weak::upgrade)).collect()
}

/// Clears the keys of all sets with one of these JWKS URLs or issuers. Returns how many of these key sets contained
/// keys.
#[expect(clippy::must_use_candidate, reason = "called for its effect")]
pub fn invalidate(urls: &[String]) -> usize {
    let matching_sets = all_key_sets().into_iter().filter(|set| urls.iter().any(|url| set.matches_url(url)));
    matching_sets.filter(|set| set.clear()).count()
}

/// Clears the keys of all sets.
pub fn clear_all() {
    for set in all_key_sets() {
        set.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::super::remote::MAX_ISSUERS_PER_KEY_SET;
    use super::*;

    fn shared_key_set(url: &str) -> Arc<RemoteJwkSet> {
        RemoteJwkSet::shared_key_set(url.into(), &[])
    }

    #[test]
    fn a_url_has_one_shared_cache() {
        let set = shared_key_set("https://one.test/oidc/jwks");
        assert!(Arc::ptr_eq(&set, &shared_key_set("https://one.test/oidc/jwks")));
        for other in ["https://one.test/oidc/jwks2", "https://one.test:8443/oidc/jwks", "http://one.test/oidc/jwks"] {
            assert!(!Arc::ptr_eq(&set, &shared_key_set(other)), "{other}");
        }
    }

    #[test]
    fn sets_without_a_verifier_do_not_accumulate() {
        let used_set = shared_key_set("https://used.test/oidc/jwks");
        for n in 0..10 * MAX_SHARED_KEY_SETS {
            drop(shared_key_set(&format!("https://{n}.test/oidc/jwks")));
        }
        assert!(lock(&KEY_SETS).shared.len() <= MAX_SHARED_KEY_SETS, "{}", lock(&KEY_SETS).shared.len());
        assert!(Arc::ptr_eq(&used_set, &shared_key_set("https://used.test/oidc/jwks")));
    }

    #[test]
    fn sets_with_other_trust_anchors_are_not_shared() {
        let url = "https://ca.test/oidc/jwks";
        let with_ca = |ca: &str| RemoteJwkSet::shared_key_set(JwksSource { ca: Some(ca.into()), ..url.into() }, &[]);
        assert!(Arc::ptr_eq(&with_ca("one"), &with_ca("one")));
        assert!(!Arc::ptr_eq(&with_ca("one"), &with_ca("other")));
        assert!(!Arc::ptr_eq(&with_ca("one"), &shared_key_set(url)));
    }

    #[test]
    fn a8_unshared_sets_do_not_accumulate() {
        let used_set = RemoteJwkSet::new_unshared_key_set("https://unshared.test/oidc/jwks".into(), &[]);
        for _ in 0..100 {
            drop(RemoteJwkSet::new_unshared_key_set("https://unshared.test/oidc/jwks".into(), &[]));
        }
        let is_alive = |set: &Weak<RemoteJwkSet>| set.upgrade().is_some_and(|set| !Arc::ptr_eq(&set, &used_set));
        assert!(lock(&KEY_SETS).unshared.iter().filter(|set| !is_alive(set)).count() <= 2);
    }

    #[test]
    fn a8_a_set_with_very_many_issuers_is_cleared_with_any_of_them() {
        let set = RemoteJwkSet::new("https://names.test/oidc/jwks".into());
        for n in 0..MAX_ISSUERS_PER_KEY_SET {
            assert!(!set.matches_url("https://other.test/oidc"));
            set.add_issuers(&[format!("https://{n}.test/oidc")]);
        }
        assert!(set.matches_url("https://other.test/oidc"));
    }

    #[test]
    fn clearing_an_unknown_url_does_nothing() {
        assert_eq!(invalidate(&["https://nobody.test/oidc/jwks".into()]), 0);
        assert!(!lock(&KEY_SETS).shared.contains_key(&JwksSource::from("https://nobody.test/oidc/jwks")));
    }
}
