//! The latest date that a store's entries confirm, which limits the effect of a wrong clock on this machine.

use std::sync::Mutex;

use super::entry::{Entry, Kind};
use crate::clock::Timestamp;
use crate::lock::lock;

/// The latest time found in the entries (Unix time in seconds), and when the entry with this time was read.
#[derive(Debug, Default)]
pub struct ConfirmedDate(Mutex<Option<(f64, Timestamp)>>);

impl ConfirmedDate {
    /// Records new entries, and returns the caller's date, capped at the newest entry's time plus the time elapsed
    /// since that entry was recorded. Without the cap, a machine whose clock is days ahead would drop entries that are
    /// still in force, and lack them even after its clock is corrected. Dates are Unix times in seconds.
    pub fn limit_date(&self, added: &[Entry], date: f64, now: Timestamp) -> f64 {
        // The time of an entry for a single token is derived from the token's `exp`, which may be years ahead.
        let times = added.iter().filter(|entry| entry.kind != Kind::Token).map(|entry| f64::from(entry.before));
        let mut confirmed = lock(&self.0);
        let elapsed = |at: Timestamp| now.monotonic.saturating_duration_since(at.monotonic).as_secs_f64();
        let Some(limit) = times.chain(confirmed.map(|(time, at)| time + elapsed(at))).reduce(f64::max) else {
            return date;
        };
        // The limit never exceeds the caller's date, so that it still takes effect if the clock is set forward later.
        let limit = limit.min(date);
        *confirmed = Some((limit, now));
        limit
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::entry::tests::entry;
    use super::*;

    const NOW: u32 = 1_800_000_000;

    #[test]
    fn limits_the_date_to_the_newest_entry_plus_the_monotonic_time_since_then() {
        let (confirmed, start, date) = (ConfirmedDate::default(), Timestamp::now(), f64::from(NOW));
        let minute_later = start.plus(Duration::from_secs(60));
        let limit = |entries: &[(Kind, u32)], ahead: f64, at| {
            let entries: Vec<_> = entries.iter().map(|(kind, time)| entry(*kind, "u", *time)).collect();
            confirmed.limit_date(&entries, date + ahead, at) - date
        };
        let assert_limit = |found: f64, expected: f64| assert!((found - expected).abs() < 0.1, "{found}");
        assert_limit(limit(&[], 1e6, start), 1e6); // without entries, there is no limit
        assert_limit(limit(&[(Kind::Subject, NOW - 100), (Kind::Token, NOW + 9)], 1e6, start), -100.0);
        assert_limit(limit(&[], 1e6, minute_later), -40.0);
        assert_limit(limit(&[(Kind::Subject, NOW - 200)], 1e6, minute_later), -40.0);
        assert_limit(limit(&[(Kind::Subject, NOW)], 1e6, minute_later), 0.0);
        assert_limit(limit(&[(Kind::Subject, NOW + 9_000)], 5.0, minute_later), 5.0); // another clock is ahead
        assert_limit(limit(&[], 1e6, minute_later), 5.0);
        assert_limit(limit(&[], -1e3, minute_later), -1e3); // the clock was corrected
        assert_limit(limit(&[], 1e6, minute_later), -1e3);
    }
}
