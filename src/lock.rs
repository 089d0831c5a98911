//! Locks a mutex even after a thread has panicked while holding the lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex even after a panic. A panic cannot leave inconsistent data, because every change under the locks of
/// this crate is a single step.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
