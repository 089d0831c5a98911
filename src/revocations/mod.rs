//! Revocations, which cause tokens to be rejected before they expire. This module never reads a clock: callers pass the
//! current time.

mod entry;
mod event;
mod marks;
mod mirror;
mod policy;
mod table;

pub use entry::{Entry, Kind, MAX_AHEAD, MAX_ID_BYTES, is_entry_id};
pub use event::{Event, revoking_events};
pub use marks::RevocationState;
pub use mirror::{Mirror, MirrorStats};
pub use policy::{Policy, Revocations};
