//! An outage of the key server, and the delays between retries.

use std::time::Duration;

use super::CachePolicy;
use crate::clock::Timestamp;

/// The delay after the first failed fetch. The delay doubles with every further failed fetch.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(250);

/// The failed fetches since the last successful fetch.
#[derive(Clone, Copy, Debug)]
pub struct Outage {
    /// When the last failed fetch ended.
    failed_at: Timestamp,
    failures: u32,
}

impl Outage {
    /// Returns the state of the outage, updated for one more failed fetch.
    #[must_use]
    pub fn with_failure(before: Option<Self>, failed_at: Timestamp) -> Self {
        Self { failed_at, failures: before.map_or(1, |before| before.failures.saturating_add(1)) }
    }

    /// The time until the next fetch may start, or `None` if it may start now. Without usable keys, every request
    /// fails, so the first retries follow quickly. With usable keys, asking a failing server more often than once per
    /// cooldown gains nothing.
    #[must_use]
    pub fn retry_delay(&self, now: Timestamp, policy: &CachePolicy, has_usable_keys: bool) -> Option<Duration> {
        let retry_delay = if has_usable_keys {
            policy.cooldown
        } else {
            FIRST_RETRY_DELAY.saturating_mul(2u32.saturating_pow(self.failures.saturating_sub(1))).min(policy.cooldown)
        };
        retry_delay.checked_sub(now.duration_since(self.failed_at)).filter(|left| !left.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: CachePolicy = CachePolicy {
        ttl: Duration::from_secs(300),
        timeout: Duration::from_secs(5),
        cooldown: Duration::from_secs(10),
        max_stale: Duration::from_secs(3600),
    };

    #[test]
    fn delays_double_from_250_ms_up_to_the_cooldown_without_usable_keys() {
        let now = Timestamp::now();
        let mut outage = None;
        for retry_delay in [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000] {
            let next_outage = Outage::with_failure(outage, now);
            assert_eq!(next_outage.retry_delay(now, &POLICY, false), Some(Duration::from_millis(retry_delay)));
            assert_eq!(next_outage.retry_delay(now, &POLICY, true), Some(POLICY.cooldown));
            assert_eq!(next_outage.retry_delay(now.plus(Duration::from_millis(retry_delay)), &POLICY, false), None);
            outage = Some(next_outage);
        }
    }

    #[test]
    fn the_delay_after_very_many_failures_is_the_cooldown() {
        let now = Timestamp::now();
        let outage = (0..100).fold(None, |outage, _| Some(Outage::with_failure(outage, now)));
        assert_eq!(outage.unwrap().retry_delay(now, &POLICY, false), Some(POLICY.cooldown));
    }

    #[test]
    fn there_is_no_delay_with_a_cooldown_of_0() {
        let (now, policy) = (Timestamp::now(), CachePolicy { cooldown: Duration::ZERO, ..POLICY });
        assert_eq!(Outage::with_failure(None, now).retry_delay(now, &policy, false), None);
    }
}
