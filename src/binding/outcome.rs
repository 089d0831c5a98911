//! What a verification comes to, at once or later.

use std::future::Future;

use napi::bindgen_prelude::{Either, Either4, Object};
use napi::{Env, Result};
use napi_derive::napi;

use super::panics::{caught, internal};
use crate::error::Refusal;
use crate::guest::Guest;
use crate::threads::{self, Started};

/// A refusal, or the guest that it becomes. Every member is always there, null if there is nothing to say: an absent one
/// could be read from a polluted prototype.
#[napi(object, use_nullable = true)]
pub struct Refused {
    pub code: String,
    pub status: u16,
    pub message: String,
    pub challenge: Option<String>,
    /// Seconds.
    pub retry_after: Option<u32>,
    /// A JSON object.
    pub details: String,
    pub cause: Option<String>,
    /// Where the refusal becomes a guest.
    pub guest_id: Option<String>,
    pub guest_is_new: bool,
    /// Whether slow work was done on this thread.
    pub slow: bool,
}

/// A context that took slow work on this thread.
#[napi(object)]
pub struct Slow {
    pub context: String,
    pub slow: bool,
}

/// The context of a valid token as JSON, or why there is none.
pub type Outcome = Either<String, Refused>;

/// The same, at once or later.
pub type Answer<'env> = Either4<String, Slow, Refused, Object<'env>>;

/// Goes as far as it can at once, on the calling thread: with keys at hand and a cheap signature that is to the end.
/// Only what must wait becomes a promise.
pub fn settle(
    env: &Env,
    may_be_slow: bool,
    future: impl Future<Output = Outcome> + Send + 'static,
) -> Result<Answer<'_>> {
    let unfinished = match caught(|| threads::start(Box::pin(future), may_be_slow))? {
        Started::Done(Either::A(context), true) => return Ok(Either4::B(Slow { context, slow: true })),
        Started::Done(Either::A(context), false) => return Ok(Either4::A(context)),
        Started::Done(Either::B(refused), slow) => return Ok(Either4::C(Refused { slow, ..refused })),
        Started::Unfinished(unfinished) => unfinished,
    };
    let (deferred, promise) = env.create_deferred()?;
    threads::finish(unfinished, |outcome| match outcome {
        Some(outcome) => deferred.resolve(|_| Ok(outcome)),
        None => deferred.reject(internal()),
    });
    Ok(Either4::D(promise))
}

pub fn refused(refusal: Refusal, guest: Option<Guest>) -> Refused {
    Refused {
        code: refusal.code.name().into(),
        status: refusal.code.status(),
        message: refusal.message(),
        challenge: refusal.challenge(),
        retry_after: refusal.retry_after.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX)),
        details: serde_json::Value::Object(refusal.details).to_string(),
        cause: refusal.cause,
        guest_is_new: guest.as_ref().is_some_and(|guest| guest.is_new),
        guest_id: guest.map(|guest| guest.id),
        slow: false,
    }
}
