//! The tasks waiting on the runtime, for example for keys, and whether they have been cancelled.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use once_cell::sync::Lazy;

use super::Ticket;
use crate::lock::lock;

/// Whether each waiting task has been cancelled, by ticket.
static CANCELLATIONS: Lazy<Mutex<HashMap<Ticket, bool>>> = Lazy::new(Mutex::default);

/// Marks a task as waiting on the runtime until this value is dropped.
pub struct WaitingTask(Ticket);

impl WaitingTask {
    pub fn new(ticket: Ticket) -> Self {
        lock_cancellations().insert(ticket, false);
        Self(ticket)
    }

    pub fn is_cancelled(&self) -> bool {
        lock_cancellations().get(&self.0) == Some(&true)
    }
}

impl Drop for WaitingTask {
    fn drop(&mut self) {
        lock_cancellations().remove(&self.0);
    }
}

/// Cancels the tasks with these tickets if they are waiting on the runtime.
pub fn cancel(tickets: &[Ticket]) {
    let mut cancellations = lock_cancellations();
    for ticket in tickets {
        cancellations.entry(*ticket).and_modify(|is_cancelled| *is_cancelled = true);
    }
}

fn lock_cancellations() -> MutexGuard<'static, HashMap<Ticket, bool>> {
    lock(&CANCELLATIONS)
}
