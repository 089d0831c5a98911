//! What a verification comes to, at once or later.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;

use napi::bindgen_prelude::{Either3, Either5, Object};
use napi::{Env, Result};
use napi_derive::napi;

use super::panics::{caught, internal};
use crate::error::Refusal;
use crate::guest::Guest;
use crate::threads::{self, Started};
use crate::token_cache::VerifiedToken;

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

/// A context of which there is more to tell.
#[napi(object)]
pub struct Detailed {
    pub context: String,
    /// Whether it took slow work on this thread.
    pub slow: bool,
    /// Whether the token's signature was remembered.
    pub seen: bool,
}

/// What a verification comes to.
pub enum Outcome {
    /// A token seen before is good.
    Seen(Arc<VerifiedToken>),
    /// A token is good; its context as JSON.
    Good(String),
    /// Why not.
    Bad(Refused),
}

/// The same, at once or later. A token seen before is told by its id: JavaScript may know its context too.
pub type Answer<'env> = Either5<f64, String, Detailed, Refused, Object<'env>>;

thread_local! {
    /// The last token whose id was told on this thread.
    static TOLD: RefCell<Option<Arc<VerifiedToken>>> = const { RefCell::new(None) };
}

/// The context, as JSON, of the token whose id was told last on this thread; none of any other.
pub fn told(id: f64) -> Option<String> {
    TOLD.take().filter(|token| number(token.id).total_cmp(&id).is_eq()).map(|token| token.context())
}

/// Goes as far as it can at once, on the calling thread: with keys at hand and a cheap signature that is to the end.
/// Only what must wait becomes a promise.
pub fn settle(
    env: &Env,
    may_be_slow: bool,
    future: impl Future<Output = Outcome> + Send + 'static,
) -> Result<Answer<'_>> {
    let unfinished = match caught(|| threads::start(Box::pin(future), may_be_slow))? {
        Started::Done(Outcome::Seen(token), false) => {
            let id = number(token.id);
            TOLD.set(Some(token));
            return Ok(Either5::A(id));
        }
        Started::Done(Outcome::Seen(token), true) => {
            return Ok(Either5::C(Detailed { context: token.context(), slow: true, seen: true }));
        }
        Started::Done(Outcome::Good(context), true) => {
            return Ok(Either5::C(Detailed { context, slow: true, seen: false }));
        }
        Started::Done(Outcome::Good(context), false) => return Ok(Either5::B(context)),
        Started::Done(Outcome::Bad(refused), slow) => return Ok(Either5::D(Refused { slow, ..refused })),
        Started::Unfinished(unfinished) => unfinished,
    };
    let (deferred, promise) = env.create_deferred()?;
    threads::finish(unfinished, |outcome| {
        let outcome = match outcome {
            Some(Outcome::Seen(token)) => Either3::B(Detailed { context: token.context(), slow: false, seen: true }),
            Some(Outcome::Good(context)) => Either3::A(context),
            Some(Outcome::Bad(refused)) => Either3::C(refused),
            None => return deferred.reject(internal()),
        };
        deferred.resolve(|_| Ok(outcome));
    });
    Ok(Either5::E(promise))
}

#[allow(clippy::cast_precision_loss, reason = "a thousand tokens a second take 285,000 years to reach 2^53")]
fn number(id: u64) -> f64 {
    id as f64
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
