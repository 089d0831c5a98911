//! A verifier's keys: a fetched key set, a static key set, or none.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::error::{ErrorCode, Rejection};
use crate::jwks::CachePolicy;
use crate::jwks::keys::{Key, KeySet};
use crate::jwks::remote::{KeyQuery, RemoteJwkSet, select_key};
use crate::jwks::state::KeySetStats;
use crate::jwks::waiting::KeyWait;
use crate::options::KeySource;

/// A verifier's keys.
#[derive(Debug)]
pub enum VerifierKeys {
    /// A key set that is fetched from a URL.
    Remote(Arc<RemoteJwkSet>),
    /// The key set in the `jwks` option.
    Static(Arc<KeySet>),
    /// No keys, so no token can be verified.
    None,
}

impl VerifierKeys {
    /// The keys from this source.
    #[must_use]
    pub fn new(source: &KeySource) -> Self {
        match source {
            KeySource::Url { source, issuers, shared } => {
                let create = if *shared { RemoteJwkSet::shared_key_set } else { RemoteJwkSet::new_unshared_key_set };
                Self::Remote(create(source.clone(), issuers))
            }
            KeySource::Static(keys) => Self::Static(keys.clone()),
            KeySource::None => Self::None,
        }
    }

    /// Returns the current keys, fetching them if necessary, and whether the request has waited for them.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::JwksUnavailable`] if there are no usable keys.
    pub async fn current(&self, now: Timestamp, policy: &CachePolicy) -> Result<(Arc<KeySet>, KeyWait), Rejection> {
        match self {
            Self::Remote(remote) => remote.keys(now, policy).await,
            Self::Static(keys) => Ok((keys.clone(), KeyWait::default())),
            Self::None => Err(ErrorCode::JwksUnavailable.into()),
        }
    }

    /// Finds the key for a token.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::UnknownKey`], or [`ErrorCode::JwksUnavailable`] if there are no usable keys.
    pub async fn find_key(
        &self,
        query: KeyQuery<'_>,
        now: Timestamp,
        policy: &CachePolicy,
        waited_for_fetch: bool,
    ) -> Result<Arc<Key>, Rejection> {
        match self {
            Self::Remote(remote) => remote.find_key(query, now, policy, waited_for_fetch).await,
            Self::Static(keys) => select_key(keys, query.kid, query.algorithm),
            Self::None => Err(ErrorCode::JwksUnavailable.into()),
        }
    }

    /// Statistics about the keys, for operators.
    #[must_use]
    pub fn stats(&self, now: Timestamp, policy: &CachePolicy) -> KeySetStats {
        match self {
            Self::Remote(remote) => remote.stats(now, policy),
            Self::Static(keys) => KeySetStats { state: "fresh", keys: keys.len(), ..KeySetStats::default() },
            Self::None => KeySetStats { state: "empty", ..KeySetStats::default() },
        }
    }
}
