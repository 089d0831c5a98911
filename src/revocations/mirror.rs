//! The in-process mirror of a revocation store, which all worker threads share.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use once_cell::sync::Lazy;

use super::entry::{Entry, MAX_ENTRY_SECONDS_IN_FUTURE, RevocationKind};
use super::fingerprints::RevocationState;
use super::newest_entry_date::NewestEntryDate;
use super::table::RevocationTable;
use crate::claims::Subject;
use crate::clock::Timestamp;
use crate::lock::lock;

/// How long revocations are kept after the tokens that they cover have expired. With `clockTolerance`, a token is
/// accepted for some time after it has expired.
const EXTRA_RETENTION_SECONDS: f64 = 3_600.0;

/// How far the time of a revocation may be ahead of this machine's clock before [`RevocationMirrorStats::ahead`] counts
/// the revocation, in seconds. An application may set the time of a revocation up to an hour in the future, and clocks
/// may differ by another hour. A counted revocation still applies in full, because it may be this machine's clock that
/// is wrong.
const MAX_PLAUSIBLE_SECONDS_IN_FUTURE: f64 = MAX_ENTRY_SECONDS_IN_FUTURE + 3_600.0;

/// How long after the start of a read its result counts as current. One second is for the store, which waits that long
/// for new revocation entries, and one is for the network and a busy thread.
const MAX_READ_DURATION: Duration = Duration::from_secs(2);

/// The revocations in a store, and the time at which they were last known to be complete.
#[derive(Debug)]
pub struct RevocationMirror {
    table: RevocationTable,
    /// When a read last reached the newest entry in the store, or `None` until all revocations have been loaded.
    complete_at: Mutex<Option<Timestamp>>,
    /// The longest token lifetime that any caller has passed, in seconds, as the bits of an `f64`.
    lifetime: AtomicU64,
    /// The Unix time of the last pruning, in seconds.
    pruned_at: Mutex<f64>,
    newest_entry_date: NewestEntryDate,
    skipped: AtomicU64,
    ahead: AtomicU64,
    sessions: SessionFlags,
}

/// Whether sessions have been revoked, and whether tokens with and without a `sid` have been checked.
#[derive(Debug, Default)]
struct SessionFlags {
    any_revoked: AtomicBool,
    tokens_without_sid: AtomicBool,
    tokens_with_sid: AtomicBool,
}

/// Statistics about the mirror, for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RevocationMirrorStats {
    /// The number of revocations in force.
    pub entries: usize,
    /// The number of revocation entries that this release does not understand.
    pub skipped: u64,
    /// The number of revocations whose time was too far ahead of this machine's clock.
    pub ahead: u64,
    /// The time since a read last reached the newest entry in the store, or `None` until all revocations have been
    /// loaded.
    pub lag: Option<Duration>,
    /// Whether session revocations have had no effect, because no access token contains a `sid`.
    pub sessions_are_unnamed: bool,
}

/// The mirrors shared by several threads, keyed by the identity of their store.
static SHARED_REVOCATION_MIRRORS: Lazy<Mutex<HashMap<String, Weak<RevocationMirror>>>> = Lazy::new(Mutex::default);

impl RevocationMirror {
    /// Creates an empty mirror.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            table: RevocationTable::new(),
            complete_at: Mutex::default(),
            lifetime: AtomicU64::new(0),
            pruned_at: Mutex::default(),
            newest_entry_date: NewestEntryDate::default(),
            skipped: AtomicU64::new(0),
            ahead: AtomicU64::new(0),
            sessions: SessionFlags::default(),
        })
    }

    /// The mirror of the store with this identity.
    #[must_use]
    pub fn shared(identity: &str) -> Arc<Self> {
        let mut mirrors = lock(&SHARED_REVOCATION_MIRRORS);
        mirrors.retain(|_, mirror| mirror.strong_count() > 0);
        let weak_mirror = mirrors.entry(identity.to_owned()).or_default();
        weak_mirror.upgrade().unwrap_or_else(|| {
            let mirror = Self::new();
            *weak_mirror = Arc::downgrade(&mirror);
            mirror
        })
    }

    /// Adds revocation entries, which may come in any order, and skips those that are older than `lifetime`, the maximum token
    /// lifetime in seconds. `date` is the current Unix time in seconds, by this machine's clock.
    pub fn apply<'a>(&self, entries: impl IntoIterator<Item = &'a str>, lifetime: f64, date: f64, now: Timestamp) {
        let lifetime = self.longest_lifetime(lifetime);
        let mut parsed: Vec<Entry> = entries
            .into_iter()
            .filter_map(|json| {
                let Some(entry) = Entry::parse(json) else {
                    self.skipped.fetch_add(1, Ordering::Relaxed);
                    return None;
                };
                if has_implausible_time(&entry, date) {
                    self.ahead.fetch_add(1, Ordering::Relaxed);
                }
                Some(entry)
            })
            .collect();
        if parsed.iter().any(|entry| entry.kind == RevocationKind::Session) {
            self.sessions.any_revoked.store(true, Ordering::Relaxed);
        }
        let date = self.newest_entry_date.cap_date(&parsed, date, now);
        let cutoff = retention_cutoff(lifetime, date);
        parsed.retain(|entry| entry.before >= cutoff);
        self.table.insert(&parsed);
        self.prune(lifetime, date);
    }

    /// Whether adding this revocation entry would change the mirror's table. An entry older than the token lifetime
    /// would not be added, because it covers only expired tokens.
    #[must_use]
    pub fn is_changed_by(&self, entry: &str, lifetime: f64, date: f64, now: Timestamp) -> bool {
        let date = self.newest_entry_date.cap_date(&[], date, now);
        let cutoff = retention_cutoff(self.longest_lifetime(lifetime), date);
        Entry::parse(entry).is_some_and(|entry| entry.before >= cutoff && self.table.is_changed_by(&entry))
    }

    /// The longest token lifetime that any caller has passed, so that a caller with a shorter lifetime does not remove
    /// revocations that other callers need.
    fn longest_lifetime(&self, lifetime: f64) -> f64 {
        // Positive floats compare in the same order as their bit patterns.
        let previous_bits = self.lifetime.fetch_max(lifetime.to_bits(), Ordering::Relaxed);
        f64::from_bits(previous_bits).max(lifetime)
    }

    /// Records that a read has reached the newest entry in the store. `age` is the time since the read started. If the
    /// process was frozen during the read, the result may date from before the freeze, and miss revocations made since
    /// then.
    pub fn mark_read_complete(&self, now: Timestamp, age: Duration) {
        let read_at = now.minus(age.saturating_sub(MAX_READ_DURATION));
        let mut complete_at = lock(&self.complete_at);
        // Ages are compared instead of times, because after the wall clock is set back, every earlier time looks later
        // than the current time.
        if complete_at.is_none_or(|earlier| now.duration_since(read_at) < now.duration_since(earlier)) {
            *complete_at = Some(read_at);
        }
    }

    /// The time since a read last reached the newest entry in the store, or `None` until all revocations have been
    /// loaded.
    #[must_use]
    pub fn lag(&self, now: Timestamp) -> Option<Duration> {
        let complete_at = *lock(&self.complete_at);
        complete_at.map(|complete_at| now.duration_since(complete_at))
    }

    /// Statistics about the mirror, for operators.
    #[must_use]
    pub fn stats(&self, now: Timestamp) -> RevocationMirrorStats {
        let SessionFlags { any_revoked, tokens_without_sid, tokens_with_sid } = &self.sessions;
        let [any_revoked, tokens_without_sid, tokens_with_sid] =
            [any_revoked, tokens_without_sid, tokens_with_sid].map(|flag| flag.load(Ordering::Relaxed));
        RevocationMirrorStats {
            entries: self.table.len(),
            skipped: self.skipped.load(Ordering::Relaxed),
            ahead: self.ahead.load(Ordering::Relaxed),
            lag: self.lag(now),
            sessions_are_unnamed: any_revoked && tokens_without_sid && !tokens_with_sid,
        }
    }

    /// The kind of revocation that covers this token, or `None` if the token is not revoked.
    pub(super) fn find_revocation_kind(&self, subject: &Subject, state: &RevocationState) -> Option<RevocationKind> {
        let revocation_kind = self.table.find_revocation_kind(subject, state);
        if self.sessions.any_revoked.load(Ordering::Relaxed) && !self.sessions.tokens_with_sid.load(Ordering::Relaxed) {
            let has_session = state.properties(subject).has_session;
            let flag = if has_session { &self.sessions.tokens_with_sid } else { &self.sessions.tokens_without_sid };
            flag.store(true, Ordering::Relaxed);
        }
        revocation_kind
    }

    /// Removes expired revocations from the next shard of the table, if enough time has passed since the last pruning.
    fn prune(&self, lifetime: f64, date: f64) {
        let mut pruned_at = lock(&self.pruned_at);
        // Only one of the 64 shards is pruned at a time. The intervals are chosen so that every shard is pruned once
        // per twentieth of the token lifetime, but not more often than every 64 seconds and at least every 64 minutes.
        // If the clock was set back, the current interval starts again.
        if date - *pruned_at >= (lifetime / 1_280.0).clamp(1.0, 60.0) || date < *pruned_at {
            *pruned_at = date;
            self.table.prune_next_shards(|| retention_cutoff(self.longest_lifetime(lifetime), date));
        }
    }
}

/// Whether the clock of the instance that created a revocation was probably wrong. The `before` time of a revocation
/// that covers a single token is not checked, because it is derived from the token's `exp`, not read from a clock.
fn has_implausible_time(entry: &Entry, date: f64) -> bool {
    entry.kind != RevocationKind::Token && f64::from(entry.before) > date + MAX_PLAUSIBLE_SECONDS_IN_FUTURE
}

/// The time of the oldest revocation to keep, as Unix time in seconds. Older revocations no longer have any effect,
/// because every token that they cover has expired.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
fn retention_cutoff(lifetime: f64, date: f64) -> u32 {
    (date - lifetime - EXTRA_RETENTION_SECONDS) as u32
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::entry::tests::entry;
    use super::super::policy::{RevocationPolicy, Revocations};
    use super::*;
    use crate::claims::tests::claims;
    use crate::error::ErrorCode;

    const DATE: f64 = 1_800_000_000.0;
    const NOW: u32 = 1_800_000_000;

    fn apply(mirror: &RevocationMirror, entries: &[Entry]) {
        let json: Vec<String> = entries.iter().map(Entry::to_json).collect();
        mirror.apply(json.iter().map(String::as_str), 86_400.0, DATE, Timestamp::now());
    }

    #[test]
    fn threads_with_the_same_store_share_a_mirror() {
        let mirror = RevocationMirror::shared("redis://mirror.test/0 a");
        assert!(Arc::ptr_eq(&mirror, &RevocationMirror::shared("redis://mirror.test/0 a")));
        assert!(!Arc::ptr_eq(&mirror, &RevocationMirror::shared("redis://mirror.test/0 b")));
        apply(&mirror, &[entry(RevocationKind::Subject, "u", NOW)]);
        drop(mirror);
        assert_eq!(RevocationMirror::shared("redis://mirror.test/0 a").stats(Timestamp::now()).entries, 0);
    }

    #[test]
    fn skips_unknown_entries_and_counts_them() {
        let mirror = RevocationMirror::new();
        let known = entry(RevocationKind::Subject, "u", NOW).to_json();
        mirror.apply(["{}", &known, r#"{"v":2,"kind":"subject","id":"u","before":1}"#], 60.0, DATE, Timestamp::now());
        let stats = mirror.stats(Timestamp::now());
        assert_eq!((stats.entries, stats.skipped), (1, 2));
    }

    #[test]
    fn ignores_entries_that_cover_only_expired_tokens() {
        let mirror = RevocationMirror::new();
        let cutoff = NOW - 86_400 - 3_600;
        apply(&mirror, &[entry(RevocationKind::Subject, "now", NOW)]);
        apply(&mirror, &[entry(RevocationKind::Subject, "a", cutoff - 1), entry(RevocationKind::Subject, "b", cutoff)]);
        assert_eq!(mirror.stats(Timestamp::now()).entries, 2);
    }

    #[test]
    fn keeps_all_entries_in_force_while_the_clock_is_days_ahead() {
        let (mirror, start) = (RevocationMirror::new(), Timestamp::now());
        let entries: Vec<_> =
            (0..500).map(|n| entry(RevocationKind::Subject, &n.to_string(), NOW - 80_000 + n)).collect();
        let json: Vec<String> = entries.iter().map(Entry::to_json).collect();
        for hour in 0..200_u32 {
            let date = DATE + 1_000_000.0 + f64::from(hour) * 3_600.0;
            mirror.apply(json.iter().map(String::as_str), 86_400.0, date, start.plus(Duration::from_secs(hour.into())));
        }
        assert_eq!(mirror.stats(Timestamp::now()).entries, 500);
    }

    #[test]
    fn an_entry_whose_time_is_far_ahead_applies_in_full_and_is_counted() {
        let (hour, year) = (3_600, 365 * 86_400);
        let covers = |kind, before, issued_at: u32| {
            let mirror = RevocationMirror::new();
            apply(&mirror, &[entry(kind, "u", before)]);
            let claims = claims(json!({ "sub": "u", "sid": "u", "jti": "u", "iat": issued_at }));
            let revocation_kind =
                mirror.find_revocation_kind(&claims.check_types().unwrap(), &RevocationState::default());
            (revocation_kind.is_some(), mirror.stats(Timestamp::now()).ahead)
        };
        for kind in [RevocationKind::Subject, RevocationKind::All] {
            assert_eq!(covers(kind, NOW + 2 * hour, NOW + 2 * hour), (true, 0), "{kind:?}");
            assert_eq!(covers(kind, NOW + 2 * hour + 1, NOW), (true, 1), "{kind:?}");
            assert_eq!(covers(kind, NOW + year, NOW + year), (true, 1), "{kind:?}");
            assert_eq!(covers(kind, NOW + year, NOW + year + 1), (false, 1), "{kind:?}");
        }
        assert_eq!(covers(RevocationKind::Session, NOW + year, NOW + 1), (true, 1));
        assert_eq!(covers(RevocationKind::Token, NOW + year, NOW + 1), (true, 0));
    }

    #[test]
    fn an_instance_whose_clock_is_behind_applies_entries_in_full() {
        let mirror = RevocationMirror::new();
        let json = entry(RevocationKind::Subject, "u", NOW).to_json();
        mirror.apply([json.as_str()], 86_400.0, DATE - 10_800.0, Timestamp::now());
        let claims = claims(json!({ "sub": "u", "iat": NOW - 60 }));
        let subject = claims.check_types().unwrap();
        assert_eq!(mirror.find_revocation_kind(&subject, &RevocationState::default()), Some(RevocationKind::Subject));
    }

    #[test]
    fn a_revoked_token_that_expires_in_years_is_kept_until_then() {
        let mirror = RevocationMirror::new();
        let expires = NOW + 5 * 365 * 86_400;
        apply(&mirror, &[entry(RevocationKind::Token, "t", expires)]);
        for minute in 0..64 {
            mirror.apply([], 86_400.0, f64::from(expires) + f64::from(minute) * 60.0, Timestamp::now());
        }
        assert_eq!(mirror.stats(Timestamp::now()).entries, 1);
    }

    #[test]
    fn removes_expired_entries_while_time_passes() {
        let mirror = RevocationMirror::new();
        let entries: Vec<_> = (0..500).map(|n| entry(RevocationKind::Subject, &n.to_string(), NOW)).collect();
        apply(&mirror, &entries);
        let start = Timestamp::now();
        for minute in 0..200_u32 {
            let seconds = 90_001 + minute * 60;
            mirror.apply([], 86_400.0, DATE + f64::from(seconds), start.plus(Duration::from_secs(seconds.into())));
        }
        assert_eq!(mirror.stats(Timestamp::now()).entries, 0);
    }

    #[test]
    fn an_entry_that_is_added_during_a_check_counts_if_the_check_relies_on_complete_entries() {
        let start = Timestamp::now();
        let policy = RevocationPolicy { lifetime: 86_400.0, max_lag: Some(Duration::from_secs(30)) };
        let revocations = Revocations::new(RevocationMirror::new(), policy);
        let mut complete_at = revocations.mirror.complete_at.lock().unwrap();
        let subject = claims(json!({ "sub": "u" }));
        std::thread::scope(|scope| {
            let check = || revocations.check(&subject.check_types().unwrap(), &RevocationState::default(), start);
            let checking = scope.spawn(check);
            // A check that searches the revocations before it reads `complete_at` would search them now, and find none.
            for _ in 0..10_000 {
                std::thread::yield_now();
            }
            apply(&revocations.mirror, &[entry(RevocationKind::Subject, "u", NOW)]);
            *complete_at = Some(start);
            drop(complete_at);
            assert_eq!(checking.join().unwrap().unwrap_err().code, ErrorCode::TokenRevoked);
        });
    }

    #[test]
    fn the_lag_is_the_time_since_a_read_reached_the_end_of_the_store() {
        let (mirror, now) = (RevocationMirror::new(), Timestamp::now());
        let later_time = now.plus(Duration::from_secs(5));
        assert_eq!(mirror.lag(later_time), None);
        mirror.mark_read_complete(now, Duration::ZERO);
        assert_eq!(mirror.lag(later_time), Some(Duration::from_secs(5)));
        mirror.mark_read_complete(later_time, Duration::ZERO);
        mirror.mark_read_complete(now, Duration::ZERO);
        assert_eq!(mirror.lag(later_time), Some(Duration::ZERO));
    }

    #[test]
    fn a_read_after_the_wall_clock_was_set_back_ends_the_lag() {
        let (mirror, start) = (RevocationMirror::new(), Timestamp::now());
        mirror.mark_read_complete(start, Duration::ZERO);
        for seconds in 1..60 {
            let now = start.plus(Duration::from_secs(seconds));
            let now = Timestamp { wall: now.wall - 7_200_000.0, ..now };
            mirror.mark_read_complete(now, Duration::ZERO);
            assert_eq!(mirror.lag(now), Some(Duration::ZERO));
        }
    }

    #[test]
    fn a_read_counts_as_complete_at_most_two_seconds_after_its_start() {
        let now = Timestamp::now();
        for (age, lag) in [(0, 0), (1_001, 0), (2_000, 0), (3_000, 1_000), (3_600_000, 3_598_000)] {
            let mirror = RevocationMirror::new();
            mirror.mark_read_complete(now, Duration::from_millis(age));
            assert_eq!(mirror.lag(now), Some(Duration::from_millis(lag)), "{age}");
        }
        let mirror = RevocationMirror::new();
        mirror.mark_read_complete(now, Duration::ZERO);
        mirror.mark_read_complete(now, Duration::from_secs(5));
        assert_eq!(mirror.lag(now), Some(Duration::ZERO));
    }

    #[test]
    fn reports_revoked_sessions_while_no_token_names_its_session() {
        let mirror = RevocationMirror::new();
        let check = |members| {
            let claims = claims(members);
            assert_eq!(mirror.find_revocation_kind(&claims.check_types().unwrap(), &RevocationState::default()), None);
            mirror.stats(Timestamp::now()).sessions_are_unnamed
        };
        assert!(!check(json!({})));
        apply(&mirror, &[entry(RevocationKind::Session, "s", NOW)]);
        assert!(check(json!({})));
        assert!(!check(json!({ "sid": "other" })));
    }
}
