//! Revocations, which cause tokens to be rejected before the tokens expire. This module never reads a clock: callers
//! pass the current time.

mod entry;
mod event;
mod fingerprints;
mod mirror;
mod newest_entry_date;
mod policy;
mod table;

pub use entry::{Entry, MAX_ENTRY_SECONDS_IN_FUTURE, MAX_ID_BYTES, RevocationKind, is_entry_id};
pub use event::{Event, revoking_events};
pub use fingerprints::RevocationState;
pub use mirror::{RevocationMirror, RevocationMirrorStats};
pub use policy::{RevocationPolicy, Revocations};
