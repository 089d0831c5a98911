//! Locks a mutex even after a thread has panicked while holding the lock.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex even after a panic. The data behind the locks of this crate is usable after a panic, because at worst
/// it lacks the change that panicked.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
