//! The time of the newest revocation in a store, which limits the effect of a wrong clock on this machine.

use std::sync::Mutex;

use super::entry::{Entry, RevocationKind};
use crate::clock::Timestamp;
use crate::lock::lock;

/// The last result of [`Self::cap_date`] that was based on a revocation (Unix time in seconds), and when it was
/// calculated.
#[derive(Debug, Default)]
pub struct NewestEntryDate(Mutex<Option<(f64, Timestamp)>>);

impl NewestEntryDate {
    /// Records new revocations, and returns `date`, the current time by this machine's clock, but at most the time of
    /// the newest revocation plus the time that has passed since that revocation was recorded. Without this cap, a
    /// machine whose clock is days ahead would drop revocations that are still in force, and lack them even after its
    /// clock is corrected. Dates are Unix times in seconds.
    pub fn cap_date(&self, added: &[Entry], date: f64, now: Timestamp) -> f64 {
        // The time of a revocation that covers a single token is derived from the token's `exp`, which may be years in
        // the future.
        let times =
            added.iter().filter(|entry| entry.kind != RevocationKind::Token).map(|entry| f64::from(entry.before));
        let mut newest = lock(&self.0);
        let elapsed = |at: Timestamp| now.monotonic.saturating_duration_since(at.monotonic).as_secs_f64();
        let Some(cap) = times.chain(newest.map(|(time, at)| time + elapsed(at))).reduce(f64::max) else {
            return date;
        };
        // The cap that is stored never lies after `date`, the current time by this machine's clock. Otherwise, a single
        // revocation with a time in the far future would make the cap ineffective if this machine's clock is set
        // forward later.
        let cap = cap.min(date);
        *newest = Some((cap, now));
        cap
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::entry::tests::entry;
    use super::*;

    const NOW: u32 = 1_800_000_000;

    #[test]
    fn caps_the_date_to_the_newest_entry_plus_the_monotonic_time_since_then() {
        let (newest_entry_date, start, date) = (NewestEntryDate::default(), Timestamp::now(), f64::from(NOW));
        let minute_later = start.plus(Duration::from_secs(60));
        let cap = |entries: &[(RevocationKind, u32)], ahead: f64, at| {
            let entries: Vec<_> = entries.iter().map(|(kind, time)| entry(*kind, "u", *time)).collect();
            newest_entry_date.cap_date(&entries, date + ahead, at) - date
        };
        let assert_cap = |found: f64, expected: f64| assert!((found - expected).abs() < 0.1, "{found}");
        assert_cap(cap(&[], 1e6, start), 1e6); // without entries, there is no cap
        assert_cap(cap(&[(RevocationKind::Subject, NOW - 100), (RevocationKind::Token, NOW + 9)], 1e6, start), -100.0);
        assert_cap(cap(&[], 1e6, minute_later), -40.0);
        assert_cap(cap(&[(RevocationKind::Subject, NOW - 200)], 1e6, minute_later), -40.0);
        assert_cap(cap(&[(RevocationKind::Subject, NOW)], 1e6, minute_later), 0.0);
        assert_cap(cap(&[(RevocationKind::Subject, NOW + 9_000)], 5.0, minute_later), 5.0); // another clock is ahead
        assert_cap(cap(&[], 1e6, minute_later), 5.0);
        assert_cap(cap(&[], -1e3, minute_later), -1e3); // the clock was corrected
        assert_cap(cap(&[], 1e6, minute_later), -1e3);
    }
}
