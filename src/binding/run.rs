//! Runs a verification and returns its outcome synchronously if possible. If a verification cannot complete at once, an
//! inbox receives the outcome later.

use std::future::Future;
use std::sync::Arc;

use napi::Result;
use napi::bindgen_prelude::Either4;

use super::inbox::{SharedInbox, pending_verification_id};
use super::outcome::{Outcome, VerificationResult, set_last_cached_token};
use super::panics::catch_panic;
use crate::threads::{self, Progress};

/// Runs a verification on the calling thread as far as possible. The verification completes on this thread if the keys
/// are cached and the signature is cheap. For any other verification, this function returns an id, and `inbox` receives
/// the outcome.
pub fn run_verification(
    inbox: &Arc<SharedInbox>,
    future: impl Future<Output = Outcome> + Send + 'static,
) -> Result<VerificationResult> {
    Ok(match catch_panic(|| threads::run_inline(Box::pin(future)))? {
        Progress::Done(Outcome::Cached(token, 0), false) => Either4::A(set_last_cached_token(token)),
        Progress::Done(outcome, slow) => outcome.into_result(slow),
        Progress::Unfinished(unfinished) => {
            let (inbox, task_id) = (inbox.clone(), threads::new_task_id());
            // `ends_event_loop_turn` is true, because `outcomeOf` in js/core/pending.js schedules a call of
            // `end_event_loop_turn`.
            threads::run_in_background(unfinished, task_id, true, move |outcome| inbox.deliver(task_id, outcome));
            Either4::A(pending_verification_id(task_id))
        }
    })
}
