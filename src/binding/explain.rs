//! N-API functions for the command line, which report the result of every check of a token.

use napi::bindgen_prelude::{Either, Object, Unknown};
use napi::{Env, Result};
use napi_derive::napi;

use super::NativeVerifier;
use super::panics::{catch_panic, internal_error};
use super::values::raw;
use crate::clock::Timestamp;
use crate::jwks::keys::algorithms;
use crate::source::Credentials;
use crate::threads::{self, Progress};

/// The algorithms that a JWK supports, or an empty list if the JWK is not usable.
#[napi(catch_unwind)]
pub fn key_algorithms(jwk: Unknown) -> Result<Vec<&'static str>> {
    Ok(algorithms(&raw(&jwk)?.to_json()))
}

#[napi]
impl NativeVerifier {
    /// The accepted issuers.
    #[napi(getter, catch_unwind)]
    pub fn issuers(&self) -> Vec<String> {
        self.verifier.options().issuers.clone()
    }

    /// Returns a JSON report on every check of the given token, or of the token in the given request.
    #[napi(catch_unwind, ts_return_type = "string | Promise<string>")]
    pub fn explain<'env>(
        &self,
        env: &'env Env,
        token: Option<String>,
        authorization: Option<Vec<String>>,
        cookies: Option<String>,
    ) -> Result<Either<String, Object<'env>>> {
        let verifier = self.verifier.clone();
        let request =
            Credentials { token, authorization: authorization.unwrap_or_default(), cookies, ..Credentials::default() };
        let report = async move { verifier.explain_request(&request, Timestamp::now()).await.to_json() };
        let unfinished = match catch_panic(|| threads::run_inline(Box::pin(report)))? {
            Progress::Done(report, _) => return Ok(Either::A(report)),
            Progress::Unfinished(unfinished) => unfinished,
        };
        let (deferred, promise) = env.create_deferred()?;
        // `ends_event_loop_turn` is false, because the command line never marks the end of an event loop turn.
        threads::run_in_background(unfinished, threads::new_task_id(), false, |report| match report {
            Some(report) => deferred.resolve(|_| Ok(report)),
            None => deferred.reject(internal_error()),
        });
        Ok(Either::B(promise))
    }
}
