//! The newest entry of a store, which limits the effect of a wrong clock on this machine.

use std::sync::{Mutex, PoisonError};

use super::entry::Entry;
use crate::clock::Timestamp;

/// The time of the newest entry, and the point in time at which this process applied it.
#[derive(Debug, Default)]
pub struct NewestEntry(Mutex<Option<(f64, Timestamp)>>);

impl NewestEntry {
    /// Takes new entries into account, and returns the caller's date, but at most the time of the newest entry plus the
    /// time that has passed since. While the clock of this machine is days ahead, entries in force would otherwise
    /// count as expired, and would still be missing after the clock was corrected. Dates are Unix times in seconds.
    pub fn limit(&self, added: &[Entry], date: f64, now: Timestamp) -> f64 {
        let entry_time =
            added.iter().map(|entry| f64::from(entry.issued_until)).filter(|time| *time <= date).reduce(f64::max);
        let mut newest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let max_date =
            newest.map(|(time, at)| time + now.monotonic.saturating_duration_since(at.monotonic).as_secs_f64());
        if let Some(time) = entry_time.filter(|time| max_date.is_none_or(|max_date| *time > max_date)) {
            *newest = Some((time, now));
            return time;
        }
        max_date.map_or(date, |max_date| max_date.min(date))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::entry::Kind;
    use super::super::entry::tests::entry;
    use super::*;

    const NOW: u32 = 1_800_000_000;

    #[test]
    fn limits_the_date_to_the_newest_entry_plus_the_monotonic_time_since_then() {
        let (newest, start, date) = (NewestEntry::default(), Timestamp::now(), f64::from(NOW));
        let entry = |issued_until| [entry(Kind::Subject, "u", issued_until)];
        assert!((newest.limit(&[], date, start) - date).abs() < 0.1, "without entries, there is no limit");
        assert!((newest.limit(&entry(NOW - 100), date, start) - (date - 100.0)).abs() < 0.1);
        let minute_later = start.plus(Duration::from_secs(60));
        assert!((newest.limit(&[], date + 1e6, minute_later) - (date - 40.0)).abs() < 0.1);
        assert!((newest.limit(&entry(NOW - 200), date + 1e6, minute_later) - (date - 40.0)).abs() < 0.1, "older");
        assert!((newest.limit(&entry(NOW), date + 1e6, minute_later) - date).abs() < 0.1, "newer");
        assert!((newest.limit(&[], date - 1e6, minute_later) - (date - 1e6)).abs() < 0.1, "the clock is behind");
        assert!((newest.limit(&entry(NOW + 9), date, minute_later) - date).abs() < 0.1, "an entry in the future");
    }
}
