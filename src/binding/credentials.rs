//! The credentials of a request, as JavaScript passes them.

use napi::bindgen_prelude::Either;
use napi::{Error, Result};
use napi_derive::napi;

use crate::error::{ErrorCode, Rejection};
use crate::requirements::Organization;
use crate::source::Credentials;

/// The properties of a request that are rarely present.
#[napi(object)]
#[derive(Default)]
pub struct RequestExtras {
    /// The token that the application's `getToken` returned.
    pub token: Option<String>,
    /// The value of the token cookie, as parsed by the framework.
    pub cookie: Option<String>,
    /// The value of the guest cookie, as parsed by the framework.
    pub guest_cookie: Option<String>,
    /// The organization that the application requires for this request.
    pub organization: Option<String>,
    /// Whether the application requires a token that belongs to no organization.
    pub no_organization: Option<bool>,
    /// The request's valid tokens that the application has rejected.
    pub rejected: Option<Vec<RejectedToken>>,
    /// Whether a token from another issuer is rejected before any keys are fetched.
    pub checks_issuer_first: Option<bool>,
}

/// A valid token that the application has rejected.
#[napi(object)]
pub struct RejectedToken {
    /// The zero-based position of the token among the request's tokens.
    pub position: u32,
    /// The error code.
    pub code: String,
}

/// Converts a request's credentials from JavaScript. The `date` of the result is `None`: a caller that verifies the
/// request sets it.
pub fn credentials(
    authorization: Option<Either<String, Vec<String>>>,
    cookies: Option<String>,
    rest: Option<RequestExtras>,
) -> Result<Credentials> {
    let authorization = match authorization {
        None => Vec::new(),
        Some(Either::A(value)) => vec![value],
        Some(Either::B(values)) => values,
    };
    let Some(rest) = rest else { return Ok(Credentials { authorization, cookies, ..Credentials::default() }) };
    let reject = |token: RejectedToken| Ok((token.position as usize, error_code(&token.code)?.into()));
    Ok(Credentials {
        token: rest.token,
        authorization,
        cookies,
        parsed_cookie: rest.cookie,
        parsed_guest_cookie: rest.guest_cookie,
        organization: required_organization(rest.organization, rest.no_organization),
        rejected: rest.rejected.into_iter().flatten().map(reject).collect::<Result<_>>()?,
        checks_issuer_first: rest.checks_issuer_first == Some(true),
        date: None,
    })
}

/// The rejection with this code, for a valid token that the application rejects.
pub fn rejection_by_application(code: &str, subject: Option<String>, issue: Option<String>) -> Result<Rejection> {
    let rejection = Rejection { subject, ..error_code(code)?.into() };
    Ok(match issue {
        Some(issue) => rejection.detail("issue", issue),
        None => rejection,
    })
}

/// The organization required for a request, if the requirement depends on the request.
pub fn required_organization(id: Option<String>, none: Option<bool>) -> Option<Organization> {
    id.map(|id| if id.is_empty() { Organization::Missing } else { Organization::Id(id) })
        .or_else(|| (none == Some(true)).then_some(Organization::None))
}

fn error_code(code: &str) -> Result<ErrorCode> {
    ErrorCode::from_name(code).ok_or_else(|| Error::from_reason(format!("unknown error code {code}")))
}
