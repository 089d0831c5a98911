//! The time of a store's newest entry, which limits the effect of a wrong clock on this machine.

use std::sync::Mutex;

use super::entry::{Entry, RevocationKind};
use crate::clock::Timestamp;
use crate::lock::lock;

/// The latest time found in the entries (Unix time in seconds), and when the entry with this time was read.
#[derive(Debug, Default)]
pub struct NewestEntryDate(Mutex<Option<(f64, Timestamp)>>);

impl NewestEntryDate {
    /// Records new entries, and returns the caller's date, capped at the newest entry's time plus the time elapsed
    /// since that entry was recorded. Without the cap, a machine whose clock is days ahead would drop entries that are
    /// still in force, and lack them even after its clock is corrected. Dates are Unix times in seconds.
    pub fn cap_date(&self, added: &[Entry], date: f64, now: Timestamp) -> f64 {
        // The time of an entry for a single token is derived from the token's `exp`, which may be years ahead.
        let times =
            added.iter().filter(|entry| entry.kind != RevocationKind::Token).map(|entry| f64::from(entry.before));
        let mut newest = lock(&self.0);
        let elapsed = |at: Timestamp| now.monotonic.saturating_duration_since(at.monotonic).as_secs_f64();
        let Some(cap) = times.chain(newest.map(|(time, at)| time + elapsed(at))).reduce(f64::max) else {
            return date;
        };
        // The cap never exceeds the caller's date, so that it still takes effect if the clock is set forward later.
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
