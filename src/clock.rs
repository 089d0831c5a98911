//! A point in time, as an argument: nothing below the binding looks at a clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point in time on two clocks. The monotonic one stands still while a machine or a frozen function sleeps, the
/// wall clock jumps; what has happened is the longer of the two.
#[derive(Clone, Copy, Debug)]
pub struct Timestamp {
    /// The monotonic clock.
    pub monotonic: Instant,
    /// The wall clock, in milliseconds since 1970.
    pub wall: f64,
}

impl Timestamp {
    /// The present.
    #[must_use]
    pub fn now() -> Self {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1000.0;
        Self { monotonic: Instant::now(), wall }
    }

    /// Time gone by since then, at least zero.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        let wall = Duration::try_from_secs_f64((self.wall - earlier.wall) / 1000.0).unwrap_or_default();
        self.monotonic.saturating_duration_since(earlier.monotonic).max(wall)
    }

    /// The later of two moments.
    #[must_use]
    pub fn later(self, other: Self) -> Self {
        if other.since(self).is_zero() { self } else { other }
    }

    /// The moment that much later on both clocks.
    ///
    /// # Panics
    ///
    /// If the clocks cannot hold it.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self { monotonic: self.monotonic + time, wall: self.wall + time.as_secs_f64() * 1000.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_gone_by_is_the_longer_of_two_clocks() {
        let start = Timestamp::now();
        let second = Duration::from_secs(1);
        let hour = Duration::from_secs(3600);
        assert_eq!(start.after(second).since(start), second);
        let slept = Timestamp { wall: start.wall + 3_600_000.0, ..start };
        assert_eq!(slept.since(start), hour);
        let set_back = Timestamp { wall: start.wall - 3_600_000.0, ..start.after(second) };
        assert_eq!(set_back.since(start), second);
    }
}
