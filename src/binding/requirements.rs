//! N-API functions that check an existing context against a route's requirements, or check scopes and roles inside a
//! handler.

use napi::Result;
use napi::bindgen_prelude::{Either, Unknown};
use napi_derive::napi;

use super::credentials::required_organization;
use super::outcome::RejectedRequest;
use super::validation::{OptionErrorData, value_or_error};
use super::values::{members, raw};
use crate::context;
use crate::permissions::{self, PermissionError};
use crate::requirements::Requirements;

/// The requirements of a route, which are parsed only once.
#[napi]
pub struct NativeRequirements(Requirements);

/// Parses the requirements of a route.
#[napi(catch_unwind)]
pub fn create_requirements(requirements: Unknown) -> Result<Either<NativeRequirements, OptionErrorData>> {
    Ok(value_or_error(Requirements::parse(raw(&requirements)?).map(NativeRequirements)))
}

#[napi]
impl NativeRequirements {
    /// Checks whether a context, given as JSON, meets the requirements. Returns null if it does.
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

/// Checks that a token's `scope` claim, or the list of scopes in an `AuthContext`, contains the required scopes.
/// Returns null if it does.
#[napi(catch_unwind, ts_return_type = "RejectedRequest | OptionErrorData | null")]
pub fn check_scopes(
    granted: Unknown,
    scopes: Unknown,
    mode: Unknown,
) -> Result<Option<Either<RejectedRequest, OptionErrorData>>> {
    Ok(permission_error_to_js(permissions::check_scopes(&raw(&granted)?, &raw(&scopes)?, &raw(&mode)?)))
}

/// Checks the role claims in a claims object. Returns null if one of the claims contains the role.
#[napi(catch_unwind, ts_return_type = "RejectedRequest | OptionErrorData | null")]
pub fn check_roles(
    claims: Unknown,
    role: Unknown,
    claim_keys: Unknown,
) -> Result<Option<Either<RejectedRequest, OptionErrorData>>> {
    let role_claims = match permissions::role_claims(&raw(&claim_keys)?) {
        Ok(names) => names,
        Err(error) => return Ok(Some(Either::B(error.into()))),
    };
    let claim_values = members(&claims, &role_claims)?;
    Ok(permission_error_to_js(permissions::check_roles(&claim_values, &raw(&role)?, &role_claims)))
}

fn permission_error_to_js(
    outcome: std::result::Result<(), PermissionError>,
) -> Option<Either<RejectedRequest, OptionErrorData>> {
    match outcome {
        Ok(()) => None,
        Err(PermissionError::Option(error)) => Some(Either::B(error.into())),
        Err(PermissionError::Missing { rejection, message }) => {
            Some(Either::A(RejectedRequest { message, ..RejectedRequest::new(*rejection, None) }))
        }
    }
}
