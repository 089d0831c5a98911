//! The members of a principal, which the application's `fallback` returns.

use super::raw::{OptionError, Raw};
use super::reader::{DefaultValue, Reader};
use super::requirements::is_scope;
use super::values::{identifier, text};
use crate::claims::{MAX_PAYLOAD_DEPTH, is_blank};
use crate::json::Object;
use crate::principal::Principal;

impl Principal {
    /// Parses the principal that the application's `fallback` returned. `payload` is a JSON object with the principal's
    /// claims and `sub`.
    ///
    /// # Errors
    ///
    /// Reports the first invalid or unknown member.
    pub fn parse(raw: Raw, payload: String) -> Result<Self, OptionError> {
        let Raw::Object(members) = raw else {
            return Err(OptionError::invalid_secret("fallback", "it to return a principal, null or undefined", &raw));
        };
        let mut principal = read_principal(members)?;
        let sub = Object::parse(payload.as_bytes(), MAX_PAYLOAD_DEPTH).map(|object| object.get_as::<String>("sub"));
        if sub != Ok(Ok(Some(principal.user.clone()))) {
            return Err(OptionError::secret_value(
                "fallback().claims",
                "claims as JSON, whose sub is the userId if present",
            ));
        }
        principal.payload = payload;
        Ok(principal)
    }
}

/// Reads the members of a principal, except for its payload.
fn read_principal(members: Vec<(String, Raw)>) -> Result<Principal, OptionError> {
    let mut reader = Reader::new("fallback().", members);
    let user = read_user_id(&mut reader);
    let scopes = reader.optional("scopes", "an array of scopes", DefaultValue::None, |raw| match raw {
        Raw::List(items) => {
            items.iter().map(|item| text(item).filter(|scope| is_scope(scope))).collect::<Option<Vec<_>>>()
        }
        _ => None,
    });
    let mut id = |name, expected| {
        reader.optional(name, expected, DefaultValue::None, |raw| match raw {
            Raw::Null => Some(None),
            other => identifier(other).map(Some),
        })
    };
    let organization = id("organizationId", "an organization id, or null for none");
    let client = id("clientId", "a client id, or null for none");
    reader.optional("claims", "an object of claims", DefaultValue::None, |raw| {
        matches!(raw, Raw::Object(_) | Raw::Null).then_some(())
    });
    reader.finish()?;
    Ok(Principal {
        user,
        scopes: scopes.unwrap_or_default(),
        organization: organization.flatten(),
        client: client.flatten(),
        payload: String::new(),
    })
}

fn read_user_id(read: &mut Reader) -> String {
    const USER_ID_EXPECTATION: &str = "a user id";
    let given_user =
        read.take("userId", USER_ID_EXPECTATION, DefaultValue::Derived("required")).unwrap_or(Raw::Undefined);
    let user = text(&given_user).filter(|id| !is_blank(id));
    if user.is_none() {
        read.reject("userId", USER_ID_EXPECTATION, &given_user);
    }
    user.unwrap_or_default()
}
