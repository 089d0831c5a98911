//! N-API functions for revocations.

use std::sync::Arc;
use std::time::Duration;

use napi::bindgen_prelude::{Either, Unknown};
use napi::{Error, Result};
use napi_derive::napi;

use super::validation::{OptionErrorData, value_or_error};
use super::values::raw;
use crate::clock::Timestamp;
use crate::options;
use crate::revocations::{RevocationKind, RevocationMirror, Revocations};

/// Revocations created by `createRevocations`.
#[napi]
pub struct NativeRevocations(Arc<Revocations>);

/// Statistics about revocations, for operators.
#[napi(object, use_nullable = true)]
pub struct RevocationStats {
    pub entries: u32,
    /// The number of revocation entries that this release does not understand.
    pub skipped: f64,
    /// The number of revocations whose time was too far ahead of this machine's clock.
    pub ahead: f64,
    /// The time since a read last reached the newest entry in the store, in milliseconds.
    pub lag_ms: Option<f64>,
    /// Whether session revocations have had no effect, because no access token contains a `sid`.
    pub sessions_are_unnamed: bool,
}

/// Creates revocations from the options of `createRevocations`. Threads that pass the same store identity share a
/// mirror of the store.
#[napi(catch_unwind)]
pub fn create_revocations(
    options: Unknown,
    identity: Option<String>,
) -> Result<Either<NativeRevocations, OptionErrorData>> {
    let mirror = || identity.map_or_else(RevocationMirror::new, |identity| RevocationMirror::shared(&identity));
    let policy = options::revocation_policy(raw(&options)?);
    Ok(value_or_error(policy.map(|policy| NativeRevocations(Revocations::new(mirror(), policy)))))
}

#[napi]
impl NativeRevocations {
    /// The id by which a verifier's options refer to these revocations.
    #[napi(getter, catch_unwind)]
    pub fn id(&self) -> String {
        self.0.id.clone()
    }

    /// The maximum lifetime of access tokens, in seconds.
    #[napi(getter, catch_unwind)]
    pub fn max_token_lifetime(&self) -> f64 {
        self.0.policy.lifetime
    }

    /// Returns the revocation entry, as JSON, that a function such as `revokeSubject` writes to the store. `date` is
    /// the current Unix time in milliseconds.
    #[napi(catch_unwind)]
    pub fn entry(
        &self,
        kind: String,
        id: Unknown,
        options: Unknown,
        date: f64,
    ) -> Result<Either<String, OptionErrorData>> {
        let entry_kind = RevocationKind::ALL.into_iter().find_map(|(known, name)| (name == kind).then_some(known));
        let entry_kind = entry_kind.ok_or_else(|| Error::from_reason(format!("unknown kind of revocation {kind}")))?;
        let entry = options::revocation_entry(entry_kind, &raw(&id)?, raw(&options)?, date, self.0.policy.lifetime);
        Ok(value_or_error(entry.map(|entry| entry.to_json())))
    }

    /// Returns those of the given revocation entries that would change the revocation table.
    #[napi(catch_unwind)]
    pub fn missing(&self, entries: Vec<String>, date: f64) -> Vec<String> {
        let Revocations { mirror, policy, .. } = &*self.0;
        let (date, now) = (date / 1_000.0, Timestamp::now());
        entries.into_iter().filter(|entry| mirror.is_changed_by(entry, policy.lifetime, date, now)).collect()
    }

    /// Adds revocation entries, which may be in any order. If a read has reached the newest entry in the store,
    /// `read_ms` is the time since the read started, in milliseconds.
    #[napi(catch_unwind)]
    pub fn apply(&self, entries: Vec<String>, read_ms: Option<f64>, date: f64) {
        let Revocations { mirror, policy, .. } = &*self.0;
        let now = Timestamp::now();
        mirror.apply(entries.iter().map(String::as_str), policy.lifetime, date / 1_000.0, now);
        if let Some(read_ms) = read_ms {
            mirror.mark_read_complete(now, Duration::try_from_secs_f64(read_ms / 1_000.0).unwrap_or(Duration::MAX));
        }
    }

    /// Returns statistics for operators.
    #[napi(catch_unwind)]
    #[allow(clippy::cast_precision_loss, reason = "a counter")]
    pub fn stats(&self) -> RevocationStats {
        let stats = self.0.mirror.stats(Timestamp::now());
        RevocationStats {
            entries: u32::try_from(stats.entries).unwrap_or(u32::MAX),
            skipped: stats.skipped as f64,
            ahead: stats.ahead as f64,
            lag_ms: stats.lag.map(|lag| lag.as_secs_f64() * 1_000.0),
            sessions_are_unnamed: stats.sessions_are_unnamed,
        }
    }
}
