//! N-API functions that check an existing context against a route's requirements, or check scopes and roles inside a
//! handler.

use napi::Result;
use napi::bindgen_prelude::{Either, Unknown};
use napi_derive::napi;

use super::credentials::required_organization;
use super::outcome::RejectedRequest;
use super::validation::{OptionsFault, value_or_fault};
use super::values::{members, raw};
use crate::context;
use crate::permissions::{self, Denial};
use crate::requirements::Requirements;

/// The requirements of a route, which are parsed only once.
#[napi]
pub struct NativeRequirements(Requirements);

/// Parses the requirements of a route.
#[napi(catch_unwind)]
pub fn create_requirements(requirements: Unknown) -> Result<Either<NativeRequirements, OptionsFault>> {
    Ok(value_or_fault(Requirements::parse(raw(&requirements)?).map(NativeRequirements)))
}

#[napi]
impl NativeRequirements {
    /// Checks a context, given as JSON. Returns null if the context meets the requirements.
    #[napi(catch_unwind)]
    pub fn check(
        &self,
        context: String,
        organization: Option<String>,
        no_organization: Option<bool>,
    ) -> Option<RejectedRequest> {
        let organization = required_organization(organization, no_organization);
        let outcome = context::check(&context, |subject| self.0.check(subject, organization.as_ref()));
        outcome.err().map(|rejection| RejectedRequest::new(rejection, None))
    }
}

/// Checks a `scope` claim or the list of scopes in a context. Returns null if the required scopes are present.
#[napi(catch_unwind, ts_return_type = "RejectedRequest | OptionsFault | null")]
pub fn check_scopes(
    held: Unknown,
    scopes: Unknown,
    mode: Unknown,
) -> Result<Option<Either<RejectedRequest, OptionsFault>>> {
    Ok(denial_to_js(permissions::check_scopes(&raw(&held)?, &raw(&scopes)?, &raw(&mode)?)))
}

/// Checks the role claims in a claims object. Returns null if one of the claims contains the role.
#[napi(catch_unwind, ts_return_type = "RejectedRequest | OptionsFault | null")]
pub fn check_roles(
    claims: Unknown,
    role: Unknown,
    claim_keys: Unknown,
) -> Result<Option<Either<RejectedRequest, OptionsFault>>> {
    let role_claims = match permissions::role_claims(&raw(&claim_keys)?) {
        Ok(names) => names,
        Err(error) => return Ok(Some(Either::B(error.into()))),
    };
    let claim_values = members(&claims, &role_claims)?;
    Ok(denial_to_js(permissions::check_roles(&claim_values, &raw(&role)?, &role_claims)))
}

fn denial_to_js(outcome: std::result::Result<(), Denial>) -> Option<Either<RejectedRequest, OptionsFault>> {
    match outcome {
        Ok(()) => None,
        Err(Denial::Option(error)) => Some(Either::B(error.into())),
        Err(Denial::Missing { rejection, message }) => {
            Some(Either::A(RejectedRequest { message, ..RejectedRequest::new(*rejection, None) }))
        }
    }
}
