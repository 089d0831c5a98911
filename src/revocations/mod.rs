//! Revocations, which reject tokens before they expire. This module never reads a clock: callers pass the current time.

mod confirmed_date;
mod entry;
mod event;
mod fingerprints;
mod mirror;
mod policy;
mod table;

pub use entry::{Entry, Kind, MAX_ENTRY_AHEAD_SECONDS, MAX_ID_BYTES, is_entry_id};
pub use event::{Event, revoking_events};
pub use fingerprints::RevocationState;
pub use mirror::{Mirror, MirrorStats};
pub use policy::{Policy, Revocations};
