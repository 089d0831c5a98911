//! The `AuthContext` of a valid token, serialized as JSON because a single string is the fastest way to pass claims to
//! JavaScript.

use serde_json::{Value, json};

use crate::claims::{Claims, MAX_PAYLOAD_DEPTH};
use crate::error::Rejection;
use crate::json::Object;
use crate::principal::Principal;
use crate::reason::Reason;
use crate::subject::Subject;

/// The context as JSON, with the payload of the token or principal inserted verbatim. In JavaScript, `JSON.parse` turns
/// even a claim named `__proto__` into an own property, whereas an assignment would change the prototype.
#[must_use]
pub fn authenticated_context(subject: &Subject) -> String {
    let kind = subject.subject_type().name();
    let organization = match subject.organizations.as_slice() {
        [one] => Some(*one),
        _ => None,
    };
    let text = |text: Option<&str>| text.map_or(Value::Null, Value::from);
    format!(
        r#"{{"userId":{},"isAuthenticated":true,"payload":{},"isGuest":false,"scopes":{},"clientId":{},"organizationId":{},"subjectType":"{kind}"}}"#,
        json!(subject.user),
        subject.payload,
        json!(subject.scopes),
        text(subject.client),
        text(organization),
    )
}

/// Checks the subject of a context that [`authenticated_context`] created.
///
/// # Errors
///
/// The rejection that `check` returns, or [`crate::error::ErrorCode::MalformedToken`] if `context` is not a valid
/// context.
pub fn check(context: &str, check: impl FnOnce(&Subject) -> Result<(), Rejection>) -> Result<(), Rejection> {
    let context = Object::parse(context.as_bytes(), MAX_PAYLOAD_DEPTH + 1).map_err(unreadable_context)?;
    if let Some(principal) = Principal::from_context(&context) {
        return check(&principal.subject());
    }
    let payload = context.get("payload").ok_or_else(|| unreadable_context("no payload"))?;
    check(&Claims::parse(payload.get().as_bytes())?.check_types()?)
}

fn unreadable_context(problem: &str) -> Rejection {
    Rejection::unreadable_part(Reason::InvalidPayload, problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claims::Claims;

    fn context(payload: &str) -> String {
        authenticated_context(&Claims::parse(payload.as_bytes()).unwrap().check_types().unwrap())
    }

    fn context_of(payload: &Value) -> Value {
        serde_json::from_str(&context(&payload.to_string())).unwrap()
    }

    #[test]
    fn contains_a_user_and_all_claims() {
        let payload =
            json!({ "sub": "user", "client_id": "app", "scope": "b a", "organization_id": "org", "custom": 1 });
        assert_eq!(
            context_of(&payload),
            json!({
                "userId": "user",
                "isAuthenticated": true,
                "payload": payload,
                "isGuest": false,
                "scopes": ["b", "a"],
                "clientId": "app",
                "organizationId": "org",
                "subjectType": "user",
            })
        );
    }

    #[test]
    fn fills_missing_claims_with_null_or_empty_values() {
        let context = context_of(&json!({ "sub": "user" }));
        assert_eq!(context["scopes"], json!([]));
        assert_eq!((&context["clientId"], &context["organizationId"]), (&Value::Null, &Value::Null));
        assert_eq!(context["subjectType"], "user");
    }

    #[test]
    fn recognizes_a_machine_by_its_client_id() {
        assert_eq!(context_of(&json!({ "sub": "app", "client_id": "app" }))["subjectType"], "machine");
        assert_eq!(context_of(&json!({ "sub": "app", "client_id": "App" }))["subjectType"], "user");
    }

    #[test]
    fn takes_the_organization_from_the_claim_or_the_audience() {
        let organization = |payload: Value| context_of(&payload)["organizationId"].clone();
        assert_eq!(organization(json!({ "sub": "u", "aud": "urn:logto:organization:a" })), "a");
        assert_eq!(organization(json!({ "sub": "u", "aud": "urn:logto:organization:a", "organization_id": "b" })), "b");
        let two_organizations = json!(["urn:logto:organization:a", "urn:logto:organization:b"]);
        assert_eq!(organization(json!({ "sub": "u", "aud": two_organizations })), Value::Null);
    }

    #[test]
    fn escapes_strings() {
        let hostile = "\",\"isAuthenticated\":false,\"x\":\"\\\n\u{2028}\u{0}</script>";
        let context =
            context_of(&json!({ "sub": hostile, "client_id": hostile, "scope": hostile, "organization_id": hostile }));
        assert_eq!(context["isAuthenticated"], true);
        for name in ["userId", "clientId", "organizationId"] {
            assert_eq!(context[name], hostile);
        }
        assert_eq!(context["scopes"], json!([hostile]));
        assert_eq!(context["subjectType"], "machine");
        assert_eq!(context.as_object().unwrap().len(), 8);
    }

    #[test]
    fn keeps_the_payload_as_it_was_signed() {
        let payload = "{ \"sub\" : \"u\",\n\"n\":12345678901234567890.10, \"e\":\"\\u00e9\\/\", \"last\":1e2 }";
        assert!(context(payload).contains(&format!("\"payload\":{payload},\"isGuest\"")));
    }

    #[test]
    fn keeps_a_claim_with_a_special_name_inside_the_payload() {
        let context = context_of(&json!({
            "sub": "u", "__proto__": { "isGuest": true }, "constructor": 1, "isAuthenticated": false, "toString": null,
        }));
        assert_eq!(context["payload"]["__proto__"], json!({ "isGuest": true }));
        assert_eq!(context["payload"]["isAuthenticated"], false);
        assert_eq!((&context["isAuthenticated"], &context["isGuest"]), (&json!(true), &json!(false)));
    }
}
