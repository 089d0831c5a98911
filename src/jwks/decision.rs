//! The decisions that a key set's state machine can make, and which of them require a fetch.

use std::sync::Arc;
use std::time::Duration;

use super::keys::KeySet;
use super::log::FetchReason;

/// How a request gets its keys: from the cache, from a fetch, or not at all.
#[derive(Debug)]
pub enum Lookup {
    /// The request uses the cached keys immediately.
    Cached(Arc<KeySet>),
    /// The request uses the cached keys and starts a fetch in the background.
    CachedAndRefresh(Arc<KeySet>),
    /// The request waits for a fetch, but at most this long. If no fetch is in flight, the request starts one.
    Wait(Duration),
    /// The request fails, and no fetch may start for this number of milliseconds.
    Unavailable(u64),
}

/// How a request proceeds if the `kid` of its token is not in the cached key set.
#[derive(Debug, PartialEq, Eq)]
pub enum UnknownKid {
    /// The request searches again, because the key set that it searched has since been replaced or cleared.
    SearchAgain,
    /// The request waits for a newer key set.
    Refetch,
    /// The request is rejected, because the token's key is unknown.
    Reject,
    /// The token may be signed with a new key, but the last fetch failed, and no newer key set may be fetched for this
    /// number of milliseconds.
    Unavailable(u64),
    /// The token may be signed with a new key, but another unknown `kid` caused the last fetch, and no newer key set
    /// may be fetched for this number of milliseconds.
    Cooldown(u64),
}

/// A decision of the state machine that may require fetching the key set.
pub(super) trait FetchDecision {
    /// The reason for the fetch that the decision requires, or `None` if it requires no fetch.
    fn reason_to_fetch(&self, has_keys: bool) -> Option<FetchReason>;
}

impl FetchDecision for Lookup {
    fn reason_to_fetch(&self, has_keys: bool) -> Option<FetchReason> {
        match self {
            Self::Wait(_) => Some(if has_keys { FetchReason::Stale } else { FetchReason::Empty }),
            Self::CachedAndRefresh(_) => Some(FetchReason::Refresh),
            Self::Cached(_) | Self::Unavailable(_) => None,
        }
    }
}

impl FetchDecision for UnknownKid {
    fn reason_to_fetch(&self, _has_keys: bool) -> Option<FetchReason> {
        matches!(self, Self::Refetch).then_some(FetchReason::UnknownKid)
    }
}
