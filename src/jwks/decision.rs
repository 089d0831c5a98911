//! The decisions of the state machine, and the fetches that they require.

use std::sync::Arc;
use std::time::Duration;

use super::keys::KeySet;
use super::log::FetchReason;

/// The decision for a request that needs keys.
#[derive(Debug)]
pub enum Lookup {
    /// The request uses these keys.
    Cached(Arc<KeySet>),
    /// The request uses these keys and starts a fetch in the background.
    CachedAndRefresh(Arc<KeySet>),
    /// The request waits at most this long for a fetch, which it starts if none is in flight.
    Wait(Duration),
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
    /// The token may be signed with a new key, but no newer set can be fetched for this number of milliseconds, because the last
    /// fetch failed.
    Unavailable(u64),
    /// The token may be signed with a new key, but no newer set is fetched for this number of milliseconds, because another
    /// unknown `kid` caused the last fetch.
    TooEarly(u64),
}

/// A decision that may require a fetch.
pub(super) trait MayFetch {
    /// The reason for a fetch, or `None` if no fetch is required.
    fn fetch_reason(&self, has_keys: bool) -> Option<FetchReason>;
}

impl MayFetch for Lookup {
    fn fetch_reason(&self, has_keys: bool) -> Option<FetchReason> {
        match self {
            Self::Wait(_) => Some(if has_keys { FetchReason::Stale } else { FetchReason::Empty }),
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
