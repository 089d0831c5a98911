//! Runs a verification and returns its outcome synchronously if possible. If a verification cannot complete at once, an
//! inbox receives the outcome later.

use std::future::Future;
use std::sync::Arc;

use napi::Result;
use napi::bindgen_prelude::Either4;

use super::completions::{Inbox, pending_id};
use super::outcome::{Outcome, VerificationResult, remember_cached_token};
use super::panics::catch_panic;
use crate::threads::{self, Progress};

/// Runs a verification on the calling thread as far as possible. The verification completes on this thread if the keys
/// are cached and the signature is cheap. For any other verification, this function returns an id, and `inbox` receives
/// the outcome.
pub fn run_verification(
    inbox: &Arc<Inbox>,
    future: impl Future<Output = Outcome> + Send + 'static,
) -> Result<VerificationResult> {
    Ok(match catch_panic(|| threads::run_inline(Box::pin(future)))? {
        Progress::Done(Outcome::Cached(token, 0), false) => Either4::A(remember_cached_token(token)),
        Progress::Done(outcome, slow) => outcome.into_result(slow),
        Progress::Unfinished(unfinished) => {
            let (inbox, ticket) = (inbox.clone(), threads::new_ticket());
            // The `outcomeOf` function in js/core/pending.js marks the end of the turn.
            threads::run_in_background(unfinished, ticket, true, move |outcome| inbox.deliver(ticket, outcome));
            Either4::A(pending_id(ticket))
        }
    })
}
