//! Principals that the application supplies in place of a token, such as the owner of an API key.

use crate::json::Object;
use crate::subject::Subject;

/// A principal without a Logto token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Principal {
    pub(crate) user: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) organization: Option<String>,
    pub(crate) client: Option<String>,
    /// The principal's claims, including `sub`, as JSON.
    pub(crate) payload: String,
}

impl Principal {
    /// Returns the principal as a subject, so that it goes through the same checks as the subject of a token.
    #[must_use]
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            user: &self.user,
            scopes: &self.scopes,
            client: self.client.as_deref(),
            organizations: self.organization.as_deref().into_iter().collect(),
            payload: &self.payload,
            is_external: true,
        }
    }

    /// Reads the principal from a context. Returns `None` if the context was created from a token.
    #[must_use]
    pub fn from_context(context: &Object) -> Option<Self> {
        let text = |name| context.get_as::<String>(name).ok().flatten();
        if text("subjectType")? != "external" {
            return None;
        }
        Some(Self {
            user: text("userId")?,
            scopes: context.get_as("scopes").ok().flatten()?,
            organization: text("organizationId"),
            client: text("clientId"),
            payload: context.get("payload")?.get().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::context;
    use crate::error::ErrorCode;
    use crate::options::tests::{list, object, text};
    use crate::options::{OptionError, Raw};
    use crate::requirements::{Organization, Requirements};

    fn parse(members: &[(&str, Raw)], payload: &Value) -> Result<Principal, OptionError> {
        Principal::parse(object(members), payload.to_string())
    }

    fn owner() -> Principal {
        let members = [
            ("userId", text("alice")),
            ("scopes", list(&["read:orders"])),
            ("organizationId", text("org")),
            ("clientId", text("alice")),
        ];
        parse(&members, &json!({ "sub": "alice", "roles": ["admin"] })).unwrap()
    }

    #[test]
    fn becomes_a_context_that_can_be_read_again() {
        let owner = owner();
        let context = context::authenticated_context(&owner.subject());
        assert_eq!(
            serde_json::from_str::<Value>(&context).unwrap(),
            json!({
                "userId": "alice",
                "isAuthenticated": true,
                "payload": { "sub": "alice", "roles": ["admin"] },
                "isGuest": false,
                "scopes": ["read:orders"],
                "clientId": "alice",
                "organizationId": "org",
                "subjectType": "external",
            })
        );
        let read_principal = Principal::from_context(&Object::parse(context.as_bytes(), 8).unwrap());
        assert_eq!(read_principal, Some(owner));
    }

    #[test]
    fn is_never_read_from_the_context_of_a_token() {
        for context in [r#"{"userId":"a","subjectType":"user"}"#, r#"{"payload":{"subjectType":"external"}}"#, "{}"] {
            assert_eq!(Principal::from_context(&Object::parse(context.as_bytes(), 8).unwrap()), None);
        }
    }

    #[test]
    fn meets_requirements_like_a_token() {
        let check =
            |requirements: &Requirements| requirements.check(&owner().subject(), None).map_err(|error| error.code);
        let strings = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect::<Vec<_>>();
        let no_requirements = Requirements { role_claims: strings(&["roles"]), ..Requirements::default() };
        assert_eq!(check(&no_requirements), Ok(()));
        for (scope, expected) in [("read:orders", Ok(())), ("write:orders", Err(ErrorCode::MissingScope))] {
            assert_eq!(check(&Requirements { scopes: strings(&[scope]), ..no_requirements.clone() }), expected);
        }
        for (role, expected) in [("admin", Ok(())), ("owner", Err(ErrorCode::MissingRole))] {
            assert_eq!(check(&Requirements { roles: strings(&[role]), ..no_requirements.clone() }), expected);
        }
        for (organization, expected) in [
            (Organization::Id("org".into()), Ok(())),
            (Organization::Id("other".into()), Err(ErrorCode::WrongOrganization)),
            (Organization::None, Err(ErrorCode::WrongOrganization)),
        ] {
            assert_eq!(check(&Requirements { organization, ..no_requirements.clone() }), expected);
        }
    }

    #[test]
    fn rejects_invalid_members() {
        let fails = |members: &[(&str, Raw)], payload: &Value, message: &str| {
            assert_eq!(parse(members, payload).unwrap_err().message, message);
        };
        let alice = json!({ "sub": "alice" });
        let invalid = |name: &str, rest: &str| format!("Invalid option \"fallback().{name}\": expected {rest}");
        fails(&[], &alice, &invalid("userId", "a user id, got undefined"));
        fails(&[("userId", text(" "))], &alice, &invalid("userId", "a user id, got \" \""));
        fails(&[("userId", Raw::Number(5.0))], &alice, &invalid("userId", "a user id, got 5"));
        let members = |name: &'static str, raw: Raw| [("userId", text("alice")), (name, raw)];
        fails(&members("scopes", text("a")), &alice, &invalid("scopes", "an array of scopes, got \"a\""));
        fails(&members("scopes", list(&["a b"])), &alice, &invalid("scopes", "an array of scopes, got [\"a b\"]"));
        fails(
            &members("organizationId", text("")),
            &alice,
            &invalid("organizationId", "an organization id, or null for none, got an empty string"),
        );
        fails(
            &members("claims", Raw::List(vec![])),
            &alice,
            &invalid("claims", "an object of claims, got an empty array"),
        );
        fails(
            &members("claims", object(&[])),
            &json!({ "sub": "bob" }),
            &invalid("claims", "claims as JSON, whose sub is the userId if present"),
        );
        let unknown_message = parse(&members("scope", text("a")), &alice).unwrap_err().message;
        assert_eq!(unknown_message, "Unknown option \"fallback().scope\": did you mean \"fallback().scopes\"?");
        let message = Principal::parse(text("sk_live_1"), alice.to_string()).unwrap_err().message;
        assert!(message.ends_with("got a string") && !message.contains("sk_live"), "{message}");
    }
}
