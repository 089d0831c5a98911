//! Checks that a handler makes itself: whether a token's context or claims contain the required scopes or roles.

use crate::error::{ErrorCode, Rejection};
use crate::options::{
    MATCH_MODE_EXPECTATION, OptionError, ROLE_CLAIMS, Raw, SCOPES_EXPECTATION, items, parse_match_mode, scopes, text,
};
use crate::requirements::missing_scopes;

/// The reason why a check has failed.
#[derive(Debug)]
pub enum PermissionError {
    /// The caller passed invalid arguments.
    Option(OptionError),
    /// The token lacks a required scope or role.
    Missing {
        /// The rejection, without the detailed message.
        rejection: Box<Rejection>,
        /// A message that is more detailed than the rejection's own message.
        message: String,
    },
}

impl From<OptionError> for PermissionError {
    fn from(error: OptionError) -> Self {
        Self::Option(error)
    }
}

/// Checks that a `scope` claim, or a list of scopes, contains the required scopes.
///
/// # Errors
///
/// [`ErrorCode::MissingScope`], or the error for an invalid argument. A requirement without any scopes is invalid,
/// because it is probably a mistake.
pub fn check_scopes(granted: &Raw, required: &Raw, mode: &Raw) -> Result<(), PermissionError> {
    let any_suffices = match mode {
        Raw::Undefined => false,
        mode => parse_match_mode(mode).ok_or_else(|| OptionError::invalid("mode", MATCH_MODE_EXPECTATION, mode))?,
    };
    let required = scopes(required).ok_or_else(|| OptionError::invalid("scopes", SCOPES_EXPECTATION, required))?;
    let token_scopes = match granted {
        Raw::String(_) => scopes(granted).unwrap_or_default(),
        granted => collect_strings(granted),
    };
    let missing = missing_scopes(&required, &token_scopes);
    if missing.len() < if any_suffices { required.len() } else { 1 } {
        return Ok(());
    }
    let quantity = if any_suffices { "at least one of" } else { "all of" };
    let message = format!(
        "Missing required scopes ({quantity}: {}). Token scopes: {}. Missing: {}",
        format_list(&required),
        format_list(&token_scopes),
        missing.join(", ")
    );
    let scope = Some(required.join(" ").into());
    let rejection = Rejection { subject: Some(missing.join(", ")), scope, ..ErrorCode::MissingScope.into() };
    Err(PermissionError::Missing { rejection: rejection.into(), message })
}

/// The names of the claims that contain roles.
///
/// # Errors
///
/// Fails if the argument is not a list of names.
pub fn role_claims(given: &Raw) -> Result<Vec<String>, OptionError> {
    match given {
        Raw::Undefined => Ok(ROLE_CLAIMS.map(String::from).to_vec()),
        given => items(given, text)
            .ok_or_else(|| OptionError::invalid("claimKeys", "a non-empty array of claim names", given)),
    }
}

/// Checks that one of the claims contains the role. `role_claims` contains the names of the claims, for the message. A
/// role may contain spaces, so a string is never split into several roles.
///
/// # Errors
///
/// [`ErrorCode::MissingRole`], or the error for an invalid role.
pub fn check_roles(claims: &[Raw], role: &Raw, role_claims: &[String]) -> Result<(), PermissionError> {
    let role = text(role).ok_or_else(|| OptionError::invalid("role", "a role", role))?;
    let token_roles: Vec<String> = claims.iter().flat_map(collect_strings).collect();
    if token_roles.contains(&role) {
        return Ok(());
    }
    let message = format!(
        "Missing required role: {role}. Checked claims: {}. Token roles: {}",
        role_claims.join(", "),
        format_list(&token_roles)
    );
    let rejection = Rejection { subject: Some(role), ..ErrorCode::MissingRole.into() };
    Err(PermissionError::Missing { rejection: rejection.into(), message })
}

/// Returns the value if it is a string, or the strings in the value if it is a list.
fn collect_strings(raw: &Raw) -> Vec<String> {
    match raw {
        Raw::String(text) => vec![text.clone()],
        Raw::List(items) => items
            .iter()
            .filter_map(|item| if let Raw::String(text) = item { Some(text.clone()) } else { None })
            .collect(),
        _ => Vec::new(),
    }
}

fn format_list(items: &[String]) -> String {
    if items.is_empty() { "(none)".into() } else { items.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::tests::{list, text};

    fn message(outcome: Result<(), PermissionError>) -> String {
        match outcome.unwrap_err() {
            PermissionError::Option(error) => error.message,
            PermissionError::Missing { message, .. } => message,
        }
    }

    #[test]
    fn requires_all_scopes_or_any_of_them() {
        let scope_claim = text("a b");
        for (required, mode) in
            [(text("a"), Raw::Undefined), (text("b a"), text("all")), (list(&["c", "a"]), text("any"))]
        {
            assert!(check_scopes(&scope_claim, &required, &mode).is_ok(), "{required:?}");
        }
        assert_eq!(
            message(check_scopes(&scope_claim, &list(&["a", "c"]), &Raw::Undefined)),
            "Missing required scopes (all of: a, c). Token scopes: a, b. Missing: c"
        );
        assert_eq!(
            message(check_scopes(&Raw::Undefined, &text("c d"), &text("any"))),
            "Missing required scopes (at least one of: c, d). Token scopes: (none). Missing: c, d"
        );
    }

    #[test]
    fn reads_scopes_from_a_claim_or_a_list() {
        for granted in [text("x a"), list(&["x", "a"])] {
            assert!(check_scopes(&granted, &text("a"), &Raw::Undefined).is_ok());
        }
        for granted in [Raw::Null, Raw::Bool(true), text("ab a,c"), list(&["a b"])] {
            assert!(check_scopes(&granted, &text("a"), &Raw::Undefined).is_err(), "{granted:?}");
        }
    }

    #[test]
    fn rejects_an_empty_requirement() {
        for scopes in [text(""), text(" "), list(&[]), list(&["a", ""]), Raw::Undefined] {
            let message = message(check_scopes(&text("a"), &scopes, &Raw::Undefined));
            assert!(message.starts_with("Invalid option \"scopes\""), "{message}");
        }
        let mode_message = message(check_scopes(&text("a"), &text("a"), &text("some")));
        assert_eq!(mode_message, "Invalid option \"mode\": expected 'all' or 'any', got \"some\"");
        let roles = [list(&["admin"])];
        for role in [text(""), Raw::Undefined, list(&["admin"])] {
            assert!(message(check_roles(&roles, &role, &[])).starts_with("Invalid option \"role\""));
        }
        assert!(role_claims(&list(&[])).is_err());
        assert!(role_claims(&text("roles")).is_err());
    }

    #[test]
    fn compares_whole_roles() {
        let names = role_claims(&Raw::Undefined).unwrap();
        for granted in [text("admin"), list(&["editor", "admin"])] {
            assert!(check_roles(&[granted, Raw::Undefined], &text("admin"), &names).is_ok());
        }
        assert_eq!(
            message(check_roles(&[text("admin editor"), list(&["Admin"])], &text("admin"), &names)),
            "Missing required role: admin. Checked claims: roles, role. Token roles: admin editor, Admin"
        );
    }
}
