//! The outcomes of verifications, as JavaScript receives them.

use std::cell::RefCell;
use std::sync::Arc;

use napi::bindgen_prelude::Either4;
use napi_derive::napi;

use crate::error::Rejection;
use crate::guest::Guest;
use crate::token_cache::VerifiedToken;

/// A rejected request, which may be treated as a guest. Every property is always present, because JavaScript would read
/// a missing property from a polluted prototype.
#[napi(object, use_nullable = true)]
pub struct RejectedRequest {
    pub code: String,
    pub status: u16,
    pub message: String,
    pub challenge: Option<String>,
    /// The number of seconds after which the client should try again.
    pub retry_after: Option<u32>,
    /// The details for the operator, as a JSON object.
    pub details: String,
    pub cause: Option<String>,
    /// Node's code for the underlying error.
    pub cause_code: Option<String>,
    /// The guest id, if the request is treated as a guest.
    pub guest_id: Option<String>,
    pub guest_is_new: bool,
    /// A warning for the server's log.
    pub warning: Option<String>,
    /// Whether an expensive signature was verified on the calling thread.
    pub slow: bool,
}

/// The context of a valid token, with details of the verification.
#[napi(object)]
pub struct VerifiedContext {
    /// The context, as JSON.
    pub context: String,
    /// Whether an expensive signature was verified on the calling thread.
    pub slow: bool,
    /// Whether the token was in the cache.
    pub cached: bool,
    /// The zero-based position of the token among the request's tokens.
    pub position: u32,
}

/// The outcome of a verification.
pub enum Outcome {
    /// A valid token from the cache, and its position among the request's tokens.
    Cached(Arc<VerifiedToken>, u32),
    /// The context of a valid token, as JSON, and its position among the request's tokens.
    Valid(String, u32),
    /// A rejected request.
    Rejected(RejectedRequest),
}

/// The outcome as passed to JavaScript: the id of a cached token, the id of a verification that continues on another
/// thread, a context, a context with details, or a rejection. For a cached token, only the id is passed, because
/// JavaScript usually has the token's context already, and can otherwise request it.
pub type VerificationResult = Either4<f64, String, VerifiedContext, RejectedRequest>;

impl Outcome {
    /// Converts the outcome to its JavaScript form. `slow` is `true` if an expensive signature was verified on the
    /// calling thread.
    pub fn into_result(self, slow: bool) -> VerificationResult {
        match self {
            Self::Cached(token, position) => {
                Either4::C(VerifiedContext { context: token.context(), slow, cached: true, position })
            }
            Self::Valid(context, 0) if !slow => Either4::B(context),
            Self::Valid(context, position) => Either4::C(VerifiedContext { context, slow, cached: false, position }),
            Self::Rejected(rejected) => Either4::D(RejectedRequest { slow, ..rejected }),
        }
    }
}

thread_local! {
    /// The cached token whose id was last returned on this thread.
    static LAST_CACHED_TOKEN: RefCell<Option<Arc<VerifiedToken>>> = const { RefCell::new(None) };
}

/// Stores a cached token for [`take_cached_context`], and returns its id.
pub fn set_last_cached_token(token: Arc<VerifiedToken>) -> f64 {
    let id = to_js_number(token.id);
    LAST_CACHED_TOKEN.set(Some(token));
    id
}

/// Removes and returns, as JSON, the context of the cached token whose id was last returned on this thread. Returns
/// `None` for any other id.
pub fn take_cached_context(id: f64) -> Option<String> {
    LAST_CACHED_TOKEN.take().filter(|token| to_js_number(token.id).total_cmp(&id).is_eq()).map(|token| token.context())
}

#[allow(clippy::cast_precision_loss, reason = "a thousand tokens a second take 285,000 years to reach 2^53")]
fn to_js_number(id: u64) -> f64 {
    id as f64
}

impl RejectedRequest {
    /// Converts a rejection to its JavaScript form. If the visitor is treated as a guest, `guest` describes the guest.
    pub fn new(rejection: Rejection, guest: Option<Guest>) -> Self {
        Self {
            code: rejection.code.name().into(),
            status: rejection.code.status(),
            message: rejection.message(),
            challenge: rejection.challenge(),
            retry_after: rejection.retry_after,
            details: serde_json::Value::Object(rejection.details).to_string(),
            cause: rejection.cause.map(String::from),
            cause_code: rejection.cause_code.map(str::to_owned),
            guest_is_new: guest.as_ref().is_some_and(|guest| guest.is_new),
            guest_id: guest.map(|guest| guest.id),
            warning: None,
            slow: false,
        }
    }
}
