//! N-API functions for the sources of revocations: webhooks, logout tokens, and a webhook's delivery log.

use std::sync::Arc;

use napi::Result;
use napi::bindgen_prelude::{Either, Uint8Array, Unknown};
use napi_derive::napi;
use serde_json::json;

use super::inbox::{OutcomeInbox, SharedInbox};
use super::outcome::{Outcome, RejectedRequest, VerificationResult};
use super::run::run_verification;
use super::validation::{OptionErrorData, value_or_error};
use super::values::raw;
use crate::clock::Timestamp;
use crate::logout::{self, LogoutVerifier};
use crate::options;
use crate::revocations::{Entry, Event};
use crate::webhook;

/// An event that Logto sent to a webhook.
#[napi(object)]
pub struct WebhookEvent {
    /// The name of the event.
    pub name: String,
    /// Whether an administrator sent the event to test the webhook.
    pub is_test: bool,
    /// The revocations that the event causes, as JSON.
    pub entries: Vec<String>,
}

/// Checks the signatures of webhook requests.
#[napi]
pub struct NativeWebhook(Vec<String>);

/// Creates a signature checker from the options of the `webhook` function.
#[napi(catch_unwind)]
pub fn create_webhook(options: Unknown) -> Result<Either<NativeWebhook, OptionErrorData>> {
    Ok(value_or_error(options::signing_keys(raw(&options)?).map(NativeWebhook)))
}

#[napi]
impl NativeWebhook {
    /// Whether the signature matches the body.
    #[napi(catch_unwind)]
    pub fn is_signed(&self, body: Uint8Array, signature: String) -> bool {
        webhook::is_signed(&body, &signature, &self.0)
    }
}

/// Parses an event, or returns the reason why the body is not a valid event. `date` is the current Unix time in
/// milliseconds.
#[napi(catch_unwind)]
pub fn webhook_event(body: Uint8Array, date: f64) -> Either<WebhookEvent, String> {
    match Event::parse(&body, date / 1_000.0) {
        Ok(Event { name, is_test, entries }) => {
            Either::A(WebhookEvent { name, is_test, entries: entries.iter().map(Entry::to_json).collect() })
        }
        Err(reason) => Either::B(reason),
    }
}

/// Verifies logout tokens.
#[napi]
pub struct NativeLogoutVerifier {
    verifier: Arc<LogoutVerifier>,
    inbox: Arc<SharedInbox>,
}

/// Creates a logout token verifier from the options of `backchannelLogout`.
#[napi(catch_unwind)]
pub fn create_logout_verifier(
    options: Unknown,
    inbox: &OutcomeInbox,
) -> Result<Either<NativeLogoutVerifier, OptionErrorData>> {
    let options = options::logout(raw(&options)?);
    Ok(value_or_error(options.map(|options| NativeLogoutVerifier {
        verifier: Arc::new(LogoutVerifier::new(options)),
        inbox: inbox.shared(),
    })))
}

#[napi]
impl NativeLogoutVerifier {
    /// Verifies a logout token. For a valid logout token, returns `{ entry, id }` as JSON. `date` is the current Unix
    /// time in milliseconds.
    #[napi(catch_unwind, ts_return_type = "number | string | VerifiedContext | RejectedRequest")]
    pub fn verify(&self, token: String, date: f64) -> Result<VerificationResult> {
        let verifier = self.verifier.clone();
        run_verification(&self.inbox, async move {
            match verifier.verify(&token, Some(date), Timestamp::now()).await {
                Ok(logout) => {
                    Outcome::Valid(json!({ "entry": logout.entry.to_json(), "id": logout.id }).to_string(), 0)
                }
                Err(rejection) => {
                    let message = logout::description(&rejection);
                    Outcome::Rejected(RejectedRequest { message, ..RejectedRequest::new(rejection, None) })
                }
            }
        })
    }

    /// Allows a logout token to be accepted again, because its revocation was not stored.
    #[napi(catch_unwind)]
    pub fn forget(&self, id: String) {
        self.verifier.forget(&id);
    }
}

/// The options of `catchUp`, including defaults.
#[napi(object)]
pub struct CatchUpOptions {
    pub token_url: String,
    pub log_url: String,
    pub resource: String,
    pub client_id: String,
    pub client_secret: String,
    /// The time between two requests, in milliseconds.
    pub every: f64,
}

/// Parses the options of `catchUp`.
#[napi(catch_unwind)]
pub fn catch_up_options(options: Unknown) -> Result<Either<CatchUpOptions, OptionErrorData>> {
    Ok(value_or_error(options::catch_up(raw(&options)?).map(|options| CatchUpOptions {
        token_url: options.token_url,
        log_url: options.log_url,
        resource: options.resource,
        client_id: options.client_id,
        client_secret: options.client_secret,
        every: options.interval.as_secs_f64() * 1_000.0,
    })))
}
