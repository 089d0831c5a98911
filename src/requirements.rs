//! What an API or a route requires of a valid token: organization, scopes, roles, kind of subject.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::claims::{DEEPEST_PAYLOAD, Subject, SubjectType};
use crate::error::{Code, Refusal};
use crate::json::Object;

/// What a verification may demand of a token beyond being valid.
#[derive(Clone, Debug, Default)]
pub struct Requirements {
    /// Scopes, compared whole; empty: none.
    pub scopes: Vec<String>,
    /// One of the scopes will do, instead of all.
    pub any_scope: bool,
    /// Roles, all of them; empty: none.
    pub roles: Vec<String>,
    /// The claims that hold roles; default `roles` and `role`.
    pub role_claims: Vec<String>,
    /// The organization.
    pub organization: Organization,
    /// A user or a machine; default either.
    pub subject_type: Option<SubjectType>,
}

/// Which organization a token must be of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Organization {
    /// Any or none: not checked.
    #[default]
    Unchecked,
    /// None.
    None,
    /// This one.
    Id(String),
}

impl Requirements {
    /// Checks the organization, the scopes, the roles and the kind of subject, in that order. An organization that
    /// depends on the request replaces the configured one.
    ///
    /// # Errors
    ///
    /// [`Code::WrongOrganization`], [`Code::MissingScope`] or [`Code::MissingRole`], the last also for the wrong kind of
    /// subject.
    pub fn check(&self, subject: &Subject, organization: Option<&Organization>) -> Result<(), Refusal> {
        self.check_organization(subject, organization)?;
        self.check_scopes(subject)?;
        self.check_roles(subject)?;
        self.check_subject_type(subject)
    }

    fn check_organization(&self, subject: &Subject, organization: Option<&Organization>) -> Result<(), Refusal> {
        let required = organization.unwrap_or(&self.organization);
        let holds = match required {
            Organization::Unchecked => true,
            Organization::None => subject.organizations.is_empty(),
            Organization::Id(id) => subject.organizations == [id],
        };
        if holds {
            return Ok(());
        }
        let expected = if let Organization::Id(id) = required { Value::from(id.as_str()) } else { Value::Null };
        Err(Refusal::from(Code::WrongOrganization)
            .detail("organization", subject.organizations.as_slice())
            .detail("expected", expected))
    }

    fn check_scopes(&self, subject: &Subject) -> Result<(), Refusal> {
        let missing: Vec<&str> =
            self.scopes.iter().filter(|scope| !subject.scopes.contains(scope)).map(String::as_str).collect();
        if missing.is_empty() || self.any_scope && missing.len() < self.scopes.len() {
            return Ok(());
        }
        Err(Refusal {
            subject: Some(missing.join(", ")),
            scope: Some(self.scopes.join(" ")),
            ..Refusal::from(Code::MissingScope).detail("scopes", subject.scopes)
        })
    }

    fn check_roles(&self, subject: &Subject) -> Result<(), Refusal> {
        if self.roles.is_empty() {
            return Ok(());
        }
        let payload = Object::parse(subject.payload.as_bytes(), DEEPEST_PAYLOAD).map_err(Refusal::malformed)?;
        let held: BTreeSet<String> = self.role_claims.iter().flat_map(|claim| roles(payload.get(claim))).collect();
        let missing: Vec<&str> = self.roles.iter().filter(|role| !held.contains(*role)).map(String::as_str).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let refused = Refusal { subject: Some(missing.join(", ")), ..Code::MissingRole.into() };
        Err(refused.detail("roles", held.into_iter().collect::<Vec<_>>()))
    }

    fn check_subject_type(&self, subject: &Subject) -> Result<(), Refusal> {
        match self.subject_type {
            Some(kind) if kind != subject.kind() => {
                Err(Refusal { subject: Some(kind.name().into()), ..Code::MissingRole.into() })
            }
            _ => Ok(()),
        }
    }
}

/// A role claim is one role or a list of roles; a role is compared whole and never split, and what is no
/// string is no role.
fn roles(claim: Option<&RawValue>) -> Vec<String> {
    match claim.map(|raw| serde_json::from_str(raw.get())) {
        Some(Ok(Value::String(role))) => vec![role],
        Some(Ok(Value::Array(roles))) => {
            roles.into_iter().filter_map(|role| role.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::claims::tests::{ABSENT, claims, fails, passes, strings};

    fn check(members: Value, required: &Requirements) -> Result<(), Refusal> {
        required.check(&claims(members).check_types()?, None)
    }

    fn scopes(scopes: &[&str], any_scope: bool) -> Requirements {
        Requirements { scopes: strings(scopes), any_scope, ..Requirements::default() }
    }

    fn roles(roles: &[&str]) -> Requirements {
        Requirements { roles: strings(roles), role_claims: strings(&["roles", "role"]), ..Requirements::default() }
    }

    fn of(organization: Organization) -> Requirements {
        Requirements { organization, ..Requirements::default() }
    }

    #[test]
    fn all_scopes_are_required() {
        passes(check(json!({}), &scopes(&["write:orders", "read:orders"], false)));
        let refusal = fails(check(json!({}), &scopes(&["read:orders", "x", "y"], false)), Code::MissingScope);
        assert_eq!(refusal.message(), "Missing required scope: x, y");
        assert_eq!(refusal.scope.as_deref(), Some("read:orders x y"));
    }

    #[test]
    fn any_scope_will_do() {
        passes(check(json!({}), &scopes(&["x", "read:orders"], true)));
        let refusal = fails(check(json!({}), &scopes(&["x", "y"], true)), Code::MissingScope);
        assert_eq!(refusal.message(), "Missing required scope: x, y");
        assert_eq!(refusal.scope.as_deref(), Some("x y"));
    }

    #[test]
    fn without_required_scopes_any_token_will_do() {
        passes(check(json!({ "scope": ABSENT }), &scopes(&[], false)));
        passes(check(json!({ "scope": ABSENT }), &scopes(&[], true)));
    }

    #[test]
    fn scopes_are_compared_whole() {
        for scope in ["read:orders2", "xread:orders", "READ:ORDERS", "read", "read:orders,write:orders", ABSENT] {
            fails(check(json!({ "scope": scope }), &scopes(&["read:orders"], false)), Code::MissingScope);
        }
    }

    #[test]
    fn all_roles_are_required() {
        let held = json!({ "roles": ["admin", "editor"] });
        passes(check(held.clone(), &roles(&["editor", "admin"])));
        let refusal = fails(check(held, &roles(&["admin", "owner", "root"])), Code::MissingRole);
        assert_eq!(refusal.message(), "Missing required role: owner, root");
        assert_eq!(refusal.scope, None);
    }

    #[test]
    fn roles_come_from_every_role_claim() {
        passes(check(json!({ "role": "admin" }), &roles(&["admin"])));
        passes(check(json!({ "role": "admin", "roles": ["editor"] }), &roles(&["admin", "editor"])));
        let custom = Requirements { role_claims: strings(&["https://x.test/roles"]), ..roles(&["admin"]) };
        passes(check(json!({ "https://x.test/roles": ["admin"] }), &custom));
        fails(check(json!({ "roles": ["admin"] }), &custom), Code::MissingRole);
    }

    #[test]
    fn roles_are_compared_whole_and_never_split() {
        for held in [
            json!("admin editor"),
            json!("admin,editor"),
            json!("administrator"),
            json!("Admin"),
            json!(["admin editor"]),
            json!([["admin"]]),
            json!([{ "admin": true }, 1, null]),
            json!({ "admin": true }),
            json!(null),
            json!(true),
            json!([]),
        ] {
            fails(check(json!({ "roles": held }), &roles(&["admin"])), Code::MissingRole);
        }
        passes(check(json!({ "roles": ["order admin", 1, null] }), &roles(&["order admin"])));
    }

    #[test]
    fn roles_are_only_looked_at_when_required() {
        passes(check(json!({ "roles": 1 }), &roles(&[])));
    }

    #[test]
    fn the_organization_is_the_one_required() {
        let a = of(Organization::Id("a".into()));
        passes(check(json!({ "organization_id": "a" }), &a));
        passes(check(json!({ "aud": "urn:logto:organization:a" }), &a));
        for members in [
            json!({}),
            json!({ "organization_id": "b" }),
            json!({ "organization_id": "A" }),
            json!({ "organization_id": "" }),
            json!({ "organization_id": "aa" }),
            json!({ "organization_id": "b", "aud": "urn:logto:organization:a" }),
            json!({ "aud": ["urn:logto:organization:a", "urn:logto:organization:b"] }),
        ] {
            let refusal = fails(check(members, &a), Code::WrongOrganization);
            assert_eq!(refusal.message(), "Token belongs to another organization");
            assert_eq!(refusal.details["expected"], json!("a"));
        }
    }

    #[test]
    fn no_organization_is_required() {
        passes(check(json!({}), &of(Organization::None)));
        for members in [
            json!({ "organization_id": "a" }),
            json!({ "organization_id": "" }),
            json!({ "aud": "urn:logto:organization:a" }),
            json!({ "aud": ["urn:logto:organization:a", "urn:logto:organization:b"] }),
        ] {
            fails(check(members, &of(Organization::None)), Code::WrongOrganization);
        }
    }

    #[test]
    fn no_organization_is_checked_by_default() {
        passes(check(json!({ "organization_id": "a" }), &of(Organization::Unchecked)));
        passes(check(json!({}), &Requirements::default()));
    }

    #[test]
    fn organization_scope_and_role_are_checked_in_that_order() {
        let all = Requirements { organization: Organization::Id("a".into()), ..roles(&["admin"]) };
        let all = Requirements { scopes: strings(&["x"]), ..all };
        fails(check(json!({}), &all), Code::WrongOrganization);
        fails(check(json!({ "organization_id": "a" }), &all), Code::MissingScope);
        fails(check(json!({ "organization_id": "a", "scope": "x" }), &all), Code::MissingRole);
        passes(check(json!({ "organization_id": "a", "scope": "x", "role": "admin" }), &all));
    }
}
