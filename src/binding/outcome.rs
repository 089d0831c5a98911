//! Runs a verification and returns its outcome, synchronously if possible and otherwise as a promise.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;

use napi::bindgen_prelude::{Either3, Either5, Object};
use napi::{Env, Result};
use napi_derive::napi;

use super::panics::{catch_panic, internal_error};
use crate::error::Rejection;
use crate::guest::Guest;
use crate::threads::{self, Progress};
use crate::token_cache::VerifiedToken;

/// A rejected request, or the guest that it becomes. Every property is always set, because JavaScript would read a missing
/// property from a polluted prototype.
#[napi(object, use_nullable = true)]
pub struct RejectedRequest {
    pub code: String,
    pub status: u16,
    pub message: String,
    pub challenge: Option<String>,
    /// The number of seconds after which to try again.
    pub retry_after: Option<u32>,
    /// The details for the operator, as a JSON object.
    pub details: String,
    pub cause: Option<String>,
    /// The guest id, if the request becomes a guest.
    pub guest_id: Option<String>,
    pub guest_is_new: bool,
    /// Whether an expensive signature was verified on the calling thread.
    pub slow: bool,
}

/// The context of a valid token, and how the token was verified.
#[napi(object)]
pub struct VerifiedContext {
    /// The context, as JSON.
    pub context: String,
    /// Whether an expensive signature was verified on the calling thread.
    pub slow: bool,
    /// Whether the token was in the cache.
    pub cached: bool,
}

/// The outcome of a verification.
pub enum Outcome {
    /// A valid token from the cache.
    Cached(Arc<VerifiedToken>),
    /// The context of a valid token, as JSON.
    Valid(String),
    /// A rejected request.
    Rejected(RejectedRequest),
}

/// The outcome as passed to JavaScript: the id of a cached token, whose context JavaScript usually has, a context, a context with
/// details, a rejection, or a promise.
pub type VerificationResult<'env> = Either5<f64, String, VerifiedContext, RejectedRequest, Object<'env>>;

thread_local! {
    /// The cached token whose id was returned last on this thread.
    static LAST_CACHED: RefCell<Option<Arc<VerifiedToken>>> = const { RefCell::new(None) };
}

/// Takes the context, as JSON, of the cached token whose id was returned last on this thread. Returns `None` for any other id.
pub fn take_cached_context(id: f64) -> Option<String> {
    LAST_CACHED.take().filter(|token| js_number(token.id).total_cmp(&id).is_eq()).map(|token| token.context())
}

/// Runs a verification on the calling thread as far as possible. It completes there if the keys are cached and the signature is
/// cheap. The result is a promise only if the verification has to continue on another thread.
pub fn run_verification(
    env: &Env,
    may_be_slow: bool,
    future: impl Future<Output = Outcome> + Send + 'static,
) -> Result<VerificationResult<'_>> {
    let unfinished = match catch_panic(|| threads::run_inline(Box::pin(future), may_be_slow))? {
        Progress::Done(Outcome::Cached(token), false) => {
            let id = js_number(token.id);
            LAST_CACHED.set(Some(token));
            return Ok(Either5::A(id));
        }
        Progress::Done(Outcome::Cached(token), true) => {
            return Ok(Either5::C(VerifiedContext { context: token.context(), slow: true, cached: true }));
        }
        Progress::Done(Outcome::Valid(context), true) => {
            return Ok(Either5::C(VerifiedContext { context, slow: true, cached: false }));
        }
        Progress::Done(Outcome::Valid(context), false) => return Ok(Either5::B(context)),
        Progress::Done(Outcome::Rejected(rejected), slow) => {
            return Ok(Either5::D(RejectedRequest { slow, ..rejected }));
        }
        Progress::Unfinished(unfinished) => unfinished,
    };
    let (deferred, promise) = env.create_deferred()?;
    threads::run_in_background(unfinished, |outcome| {
        let outcome = match outcome {
            Some(Outcome::Cached(token)) => {
                Either3::B(VerifiedContext { context: token.context(), slow: false, cached: true })
            }
            Some(Outcome::Valid(context)) => Either3::A(context),
            Some(Outcome::Rejected(rejected)) => Either3::C(rejected),
            None => return deferred.reject(internal_error()),
        };
        deferred.resolve(|_| Ok(outcome));
    });
    Ok(Either5::E(promise))
}

#[allow(clippy::cast_precision_loss, reason = "a thousand tokens a second take 285,000 years to reach 2^53")]
fn js_number(id: u64) -> f64 {
    id as f64
}

impl RejectedRequest {
    /// Converts a rejection, and the guest that the request becomes instead, if any.
    pub fn new(rejection: Rejection, guest: Option<Guest>) -> Self {
        Self {
            code: rejection.code.name().into(),
            status: rejection.code.status(),
            message: rejection.message(),
            challenge: rejection.challenge(),
            retry_after: rejection.retry_after.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX)),
            details: serde_json::Value::Object(rejection.details).to_string(),
            cause: rejection.cause,
            guest_is_new: guest.as_ref().is_some_and(|guest| guest.is_new),
            guest_id: guest.map(|guest| guest.id),
            slow: false,
        }
    }
}
