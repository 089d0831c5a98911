//! Locks a mutex even after a thread has panicked while holding the lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex even after a panic. Data guarded by this crate's locks stays usable after a panic: at worst, the
/// update that panicked is missing.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
