//! The options that require scopes, roles, organizations and subject types.

use super::application;
use super::raw::{OptionError, Raw};
use super::reader::{DefaultValue, Reader};
use super::values::{identifier, items, name, one_of, one_or_more, text};
use crate::claims::{ANY_ORGANIZATION, SubjectType, split_words};
use crate::requirements::{Organization, Requirements};

/// The claims that contain roles by default.
pub const ROLE_CLAIMS: [&str; 2] = ["roles", "role"];

/// The accepted values of an option that takes scopes, as worded in the error message for an invalid value.
pub const SCOPES_EXPECTATION: &str = "a scope, several separated by spaces, or an array of scopes";

/// The accepted values of `scopeMode` and `roleMode`, as worded in the error message for an invalid value.
pub const MATCH_MODE_EXPECTATION: &str = "'all' or 'any'";

impl Requirements {
    /// Parses the requirements of one route.
    ///
    /// # Errors
    ///
    /// Reports the first invalid or unknown requirement.
    pub fn parse(raw: Raw) -> Result<Self, OptionError> {
        let members = match raw {
            Raw::Undefined => Vec::new(),
            Raw::Object(members) => members,
            other => {
                let error = OptionError::invalid("requirements", "an object", &other);
                return Err(match scopes_as_code(&other) {
                    Some(scopes) => error.with_fix(&format!("{{ requiredScope: {scopes} }}")),
                    None => error,
                });
            }
        };
        let mut reader = Reader::new("", members);
        let requirements = read_route_requirements(&mut reader);
        reader.finish()?;
        Ok(requirements)
    }
}

/// If scopes were passed in place of the requirements object, formats them as code for the error message.
fn scopes_as_code(raw: &Raw) -> Option<String> {
    const MAX_SCOPE_BYTES: usize = 60;
    let is_plain = |scope: &String| is_scope(scope) && !scope.contains('\'') && scope.len() <= MAX_SCOPE_BYTES;
    let scopes = scopes(raw).filter(|scopes| scopes.len() <= 4 && scopes.iter().all(is_plain))?;
    Some(match scopes.as_slice() {
        [scope] => format!("'{scope}'"),
        scopes => format!("['{}']", scopes.join("', '")),
    })
}

/// Reads the requirements of one route.
pub fn read_route_requirements(reader: &mut Reader) -> Requirements {
    let mut requirements = read(reader, true);
    application::read_check_option(reader);
    let names = [("user", SubjectType::User), ("machine", SubjectType::Machine), ("external", SubjectType::External)];
    requirements.subject_type =
        reader.restriction("subjectType", "'user', 'machine' or 'external'", DefaultValue::None, |raw| {
            one_of(raw, &names)
        });
    requirements
}

/// Reads the requirements from the options of a verifier or a route.
pub fn read(read: &mut Reader, takes_functions: bool) -> Requirements {
    let scopes = read.restriction("requiredScope", SCOPES_EXPECTATION, DefaultValue::None, |raw| {
        scopes(raw).filter(|scopes| scopes.iter().all(|scope| is_scope(scope)))
    });
    let any_scope =
        read.optional("scopeMode", MATCH_MODE_EXPECTATION, DefaultValue::Value("all".into()), parse_match_mode);
    let names = |raw: &Raw| one_or_more(raw, name);
    let roles = read.restriction("requiredRole", "a role or a non-empty array of roles", DefaultValue::None, names);
    let any_role =
        read.optional("roleMode", MATCH_MODE_EXPECTATION, DefaultValue::Value("all".into()), parse_match_mode);
    let claims = DefaultValue::Value(ROLE_CLAIMS.into_iter().collect());
    let role_claims = read.optional("roleClaims", "a claim name or a non-empty array of such", claims, names);
    let expected = if takes_functions {
        "an organization id, null for none, or a function of the request"
    } else {
        "an organization id, or null for none"
    };
    let organization =
        read.restriction("organizationId", expected, DefaultValue::Derived("not checked"), |raw| match raw {
            Raw::Null => Some(Organization::None),
            // If the option is a function, JavaScript calls it for every request.
            Raw::Function if takes_functions => Some(Organization::Unchecked),
            // `ANY_ORGANIZATION` is an audience, not a valid organization id.
            other => identifier(other).filter(|id| id != ANY_ORGANIZATION).map(Organization::Id),
        });
    Requirements {
        scopes: scopes.unwrap_or_default(),
        any_scope: any_scope.unwrap_or_default(),
        roles: roles.unwrap_or_default(),
        any_role: any_role.unwrap_or_default(),
        role_claims: role_claims.unwrap_or_else(|| ROLE_CLAIMS.map(String::from).to_vec()),
        organization: organization.unwrap_or_default(),
        subject_type: None,
    }
}

/// Parses space-separated scopes, or a non-empty array of scopes.
#[must_use]
pub fn scopes(raw: &Raw) -> Option<Vec<String>> {
    match raw {
        Raw::String(list) => Some(split_words(list)).filter(|scopes| !scopes.is_empty()),
        other => items(other, text),
    }
}

/// Parses the value of `scopeMode` or `roleMode`. Returns `true` if one of several scopes or roles is sufficient.
#[must_use]
pub fn parse_match_mode(mode: &Raw) -> Option<bool> {
    one_of(mode, &[("all", false), ("any", true)])
}

/// Returns `true` for a valid scope (`scope-token` in RFC 6749 section 3.3). Commas are rejected, although scopes may
/// contain them, because a comma far more likely separates two scopes, and the combined string would match neither.
pub fn is_scope(scope: &str) -> bool {
    !scope.is_empty() && scope.bytes().all(|byte| matches!(byte, 0x21 | 0x23..=0x2b | 0x2d..=0x5b | 0x5d..=0x7e))
}
