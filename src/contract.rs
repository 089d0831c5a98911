//! Constants for JavaScript, the docs tests and the CLI, generated from the core's own tables.

use serde_json::{Map, Value, json};

use crate::check::Check;
use crate::error::ErrorCode;
use crate::options::OptionSet;
use crate::reason::Reason;
use crate::signature::Algorithm;
use crate::{claims, explain, jwks, options, revocations, token, warnings, webhook};

/// The contract as JSON: errors, options, algorithms, limits, and the names of cookies and headers.
#[must_use]
pub fn contract() -> Value {
    json!({
        "errors": ErrorCode::ALL.iter().map(|code| error(*code)).collect::<Value>(),
        "reasons": Reason::ALL.iter().map(|(_, reason, meaning)| json!({ "reason": reason, "meaning": meaning })).collect::<Value>(),
        "options": OptionSet::ALL.iter().map(|(set, name)| ((*name).to_owned(), set.entries())).collect::<Map<_, _>>(),
        "algorithms": {
            "all": Algorithm::ALL.map(|(name, _)| name),
            "default": options::DEFAULT_ALGORITHMS.map(Algorithm::name),
        },
        "limits": {
            "tokenBytes": token::MAX_TOKEN_BYTES,
            "jwksBytes": jwks::MAX_BODY_BYTES,
            "webhookBytes": webhook::MAX_BODY_BYTES,
            "warningsPerHour": warnings::MAX_WARNINGS,
        },
        "cookies": {
            "auth": options::auth_cookie().name,
            "guest": options::guest_cookie().name,
            "csrf": options::csrf_cookie().name,
            "signIn": options::SIGN_IN_COOKIE,
        },
        "headers": { "csrf": options::CSRF_HEADER, "webhookSignature": webhook::SIGNATURE_HEADER },
        "roleClaims": options::ROLE_CLAIMS,
        "anyOrganization": claims::ANY_ORGANIZATION,
        "revokingEvents": revocations::revoking_events().collect::<Vec<_>>(),
        "checkReasons": { "notReached": explain::CHECK_NOT_REACHED, "malformedClaim": explain::MALFORMED_CLAIM },
        "checks": Check::ALL.map(|(_, id, title)| json!({ "id": id, "title": title })),
    })
}

fn error(code: ErrorCode) -> Value {
    let definition = code.definition();
    json!({
        "code": definition.name,
        "status": definition.status,
        "title": definition.title,
        "message": definition.message,
        "challenge": definition.challenge.prefix(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_every_error_with_its_definition() {
        let contract = contract();
        assert_eq!(contract["errors"].as_array().unwrap().len(), ErrorCode::ALL.len());
        assert_eq!(
            contract["errors"][0],
            json!({
                "code": "missing_token",
                "status": 401,
                "title": "Authentication required",
                "message": "No token found in cookies or Authorization header",
                "challenge": "Bearer realm=\"api\"",
            })
        );
    }

    #[test]
    fn lists_the_default_algorithms_by_name() {
        assert_eq!(
            contract()["algorithms"]["default"],
            json!(["ES384", "RS256", "ES256", "ES512", "EdDSA", "Ed25519"])
        );
    }
}
