//! Points in time, which callers pass as arguments so that tests can control the clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in time on the monotonic clock and on the wall clock. The monotonic clock stops while a machine sleeps or a
/// serverless function is frozen, and the wall clock can be set back. Elapsed time is therefore measured on both
/// clocks, and the longer duration is used.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    /// The time on the monotonic clock.
    pub monotonic: Instant,
    /// The time on the wall clock, as Unix time in milliseconds.
    pub wall: f64,
}

impl Timestamp {
    /// The current time.
    #[must_use]
    pub fn now() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0;
        Self { monotonic: Instant::now(), wall }
    }

    /// The time that has passed since `earlier`, or zero if `earlier` is in the future.
    #[must_use]
    pub fn duration_since(self, earlier: Self) -> Duration {
        let wall = Duration::try_from_secs_f64((self.wall - earlier.wall) / 1000.0).unwrap_or_default();
        self.monotonic.saturating_duration_since(earlier.monotonic).max(wall)
    }

    /// The later of two points in time.
    #[must_use]
    pub fn max(self, other: Self) -> Self {
        if other.duration_since(self).is_zero() { self } else { other }
    }

    /// This point in time plus the time from `start` to `end`, calculated separately on each clock. If the wall clock
    /// is set to another time between `start` and `end`, the monotonic time is not affected.
    #[must_use]
    pub fn add_elapsed_time(self, start: Self, end: Self) -> Self {
        let monotonic = end.monotonic.saturating_duration_since(start.monotonic);
        Self { monotonic: self.monotonic + monotonic, wall: self.wall + end.wall - start.wall }
    }

    /// This point in time plus a duration, on both clocks.
    ///
    /// # Panics
    ///
    /// Panics if the sum exceeds the range of [`Instant`].
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self { monotonic: self.monotonic + duration, wall: self.wall + duration.as_secs_f64() * 1000.0 }
    }

    /// This point in time minus a duration, on both clocks. If the monotonic clock does not reach back that far, for
    /// example because it stopped while the machine slept, the wall clock alone determines the elapsed time.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self {
            monotonic: self.monotonic.checked_sub(duration).unwrap_or(self.monotonic),
            wall: self.wall - duration.as_secs_f64() * 1000.0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elapsed_time_is_the_longer_duration_on_the_two_clocks() {
        let start = Timestamp::now();
        let second = Duration::from_secs(1);
        let hour = Duration::from_secs(3600);
        assert_eq!(start.plus(second).duration_since(start), second);
        let after_sleep = Timestamp { wall: start.wall + 3_600_000.0, ..start };
        assert_eq!(after_sleep.duration_since(start), hour);
        let set_back = Timestamp { wall: start.wall - 3_600_000.0, ..start.plus(second) };
        assert_eq!(set_back.duration_since(start), second);
        assert_eq!(start.duration_since(start.minus(hour)), hour);
        assert!(start.duration_since(start.minus(Duration::from_secs(1 << 62))) > hour);
    }

    #[test]
    fn a_changed_wall_clock_does_not_advance_the_monotonic_clock() {
        let (arrival, second) = (Timestamp::now(), Duration::from_secs(1));
        let start = arrival.plus(second);
        for change in [7_200_000.0, -7_200_000.0] {
            let end = Timestamp { wall: start.wall + change, ..start.plus(second) };
            let Timestamp { monotonic, wall } = arrival.add_elapsed_time(start, end);
            assert_eq!(monotonic, arrival.plus(second).monotonic);
            assert!((wall - arrival.wall - change).abs() < 1.0, "{change}");
        }
    }
}
