//! Delivers the outcomes of verifications that continue on other threads. Each copy of the package uses a single
//! thread-safe function for all outcomes, because creating a function for each promise would take longer than verifying
//! an RSA signature.

use std::sync::{Arc, Mutex, MutexGuard};

use napi::bindgen_prelude::{Either4, Function};
use napi::threadsafe_function::{ThreadsafeFunction, ThreadsafeFunctionCallMode};
use napi::{Result, Status};
use napi_derive::napi;

use super::outcome::{Outcome, VerificationResult};
use super::panics::internal_error;
use crate::lock::lock;
use crate::threads::{self, TaskId};

/// A function that any thread can call, and that does not keep the process alive.
type WakeCallback = ThreadsafeFunction<(), (), (), Status, false, true>;

/// The outcomes of verifications that a JavaScript thread has not taken yet.
#[napi]
pub struct OutcomeInbox(Arc<SharedInbox>);

/// The part of [`OutcomeInbox`] that is shared with other threads.
pub struct SharedInbox {
    /// The task ids of completed verifications, each with its outcome, or with `None` after a panic.
    outcomes: Mutex<Vec<(TaskId, Option<Outcome>)>>,
    wake: WakeCallback,
}

#[napi]
impl OutcomeInbox {
    /// Creates an empty inbox for the outcomes of verifications. `wake` is called on this thread after verifications
    /// have completed.
    #[napi(constructor, catch_unwind)]
    pub fn new(wake: Function<(), ()>) -> Result<Self> {
        let wake = wake.build_threadsafe_function().weak::<true>().callee_handled::<false>().build()?;
        Ok(Self(Arc::new(SharedInbox { outcomes: Mutex::default(), wake })))
    }

    /// Removes and returns all outcomes, as a flat list in which each verification id is followed by its outcome, or by
    /// null after a panic.
    #[napi(catch_unwind, ts_return_type = "Array<number | string | VerifiedContext | RejectedRequest | null>")]
    pub fn take(&self) -> Vec<Option<VerificationResult>> {
        let outcomes = std::mem::take(&mut *self.0.lock_outcomes());
        let id_and_outcome = |(task_id, outcome): (TaskId, Option<Outcome>)| {
            [Some(Either4::A(pending_verification_id(task_id))), outcome.map(|outcome| outcome.into_result(false))]
        };
        outcomes.into_iter().flat_map(id_and_outcome).collect()
    }

    /// The part of the inbox to which other threads deliver outcomes.
    pub(super) fn shared(&self) -> Arc<SharedInbox> {
        self.0.clone()
    }
}

impl SharedInbox {
    /// Delivers an outcome, or `None` after a panic.
    pub fn deliver(&self, task_id: TaskId, outcome: Option<Outcome>) {
        let mut outcomes = self.lock_outcomes();
        outcomes.push((task_id, outcome));
        let is_first = outcomes.len() == 1;
        drop(outcomes);
        if is_first {
            // The call fails only while the JavaScript thread is terminating, and then nothing waits for the outcome.
            self.wake.call((), ThreadsafeFunctionCallMode::NonBlocking);
        }
    }

    fn lock_outcomes(&self) -> MutexGuard<'_, Vec<(TaskId, Option<Outcome>)>> {
        lock(&self.outcomes)
    }
}

/// The id of a verification that continues on another thread, as passed to JavaScript. The id is negative to
/// distinguish it from the ids of cached tokens.
#[allow(clippy::cast_precision_loss, reason = "a million verifications a second take 285 years to reach 2^53")]
pub fn pending_verification_id(task_id: TaskId) -> f64 {
    -(task_id as f64)
}

/// Marks the end of an event loop turn on this thread, and runs queued signature checks for a limited time. Returns
/// whether any signature checks are still queued.
#[napi(catch_unwind)]
pub fn end_event_loop_turn() -> bool {
    threads::end_event_loop_turn()
}

/// Cancels verifications whose clients have disconnected, unless their signature checks have started.
#[napi(catch_unwind)]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "ids from `pending_verification_id`")]
pub fn cancel(ids: Vec<f64>) {
    let mut task_ids: Vec<TaskId> = ids.into_iter().map(|id| -id as TaskId).collect();
    task_ids.sort_unstable();
    threads::cancel(&task_ids);
}

/// Throws the error with which JavaScript rejects a promise after a panic.
#[napi(catch_unwind)]
pub fn throw_internal_error() -> Result<()> {
    Err(internal_error())
}
