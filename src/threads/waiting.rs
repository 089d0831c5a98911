//! The tasks that are suspended in the Tokio runtime, for example until keys have been fetched, and whether each task
//! has been cancelled.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard};

use once_cell::sync::Lazy;

use super::TaskId;
use crate::lock::lock;

/// Maps the id of each suspended task to whether the task has been cancelled.
static CANCELLATIONS: Lazy<Mutex<HashMap<TaskId, bool>>> = Lazy::new(Mutex::default);

/// Marks a task as suspended in the runtime until this guard is dropped.
pub struct WaitingTask(TaskId);

impl WaitingTask {
    pub fn new(task_id: TaskId) -> Self {
        lock_cancellations().insert(task_id, false);
        Self(task_id)
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

/// Cancels the tasks with these ids if they are suspended in the runtime.
pub fn cancel(task_ids: &[TaskId]) {
    let mut cancellations = lock_cancellations();
    for task_id in task_ids {
        cancellations.entry(*task_id).and_modify(|is_cancelled| *is_cancelled = true);
    }
}

fn lock_cancellations() -> MutexGuard<'static, HashMap<TaskId, bool>> {
    lock(&CANCELLATIONS)
}
