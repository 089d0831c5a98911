//! The organization, scopes, roles and subject type that an API or a route requires.

use std::collections::BTreeSet;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::claims::{MAX_PAYLOAD_DEPTH, Subject, SubjectType};
use crate::error::{ErrorCode, Rejection};
use crate::json::Object;
use crate::reason::Reason;

/// The requirements that a valid token must meet.
#[derive(Clone, Debug, Default)]
pub struct Requirements {
    /// The required scopes.
    pub scopes: Vec<String>,
    /// Whether one of the scopes is sufficient.
    pub any_scope: bool,
    /// The required roles.
    pub roles: Vec<String>,
    /// Whether one of the roles is sufficient.
    pub any_role: bool,
    /// The names of the claims that contain roles.
    pub role_claims: Vec<String>,
    /// The required organization.
    pub organization: Organization,
    /// The required subject type, or `None` to accept any type.
    pub subject_type: Option<SubjectType>,
}

/// The organization that a token must belong to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Organization {
    /// The organization of the token is not checked.
    #[default]
    Unchecked,
    /// The token must not belong to any organization.
    None,
    /// The request must name an organization but names none, so every token is rejected.
    Missing,
    /// The token must belong to this organization.
    Id(String),
}

impl Requirements {
    /// Checks the organization, the scopes, the roles and the subject type, in this order. If the `organization`
    /// argument is given, it overrides the configured organization.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::WrongOrganization`], [`ErrorCode::MissingScope`] or [`ErrorCode::MissingRole`]. A token with the
    /// wrong subject type is rejected with [`ErrorCode::MissingRole`].
    pub fn check(&self, subject: &Subject, organization: Option<&Organization>) -> Result<(), Rejection> {
        self.check_organization(subject, organization)?;
        self.check_scopes(subject)?;
        self.check_roles(subject)?;
        self.check_subject_type(subject)
    }

    pub(crate) fn check_organization(
        &self,
        subject: &Subject,
        organization: Option<&Organization>,
    ) -> Result<(), Rejection> {
        let required = organization.unwrap_or(&self.organization);
        let is_met = match required {
            Organization::Unchecked => true,
            Organization::None => subject.organizations.is_empty(),
            Organization::Missing => false,
            Organization::Id(id) => subject.organizations == [id],
        };
        if is_met {
            return Ok(());
        }
        let rejection = Rejection::from(ErrorCode::WrongOrganization);
        if *required == Organization::Missing {
            return Err(rejection.reason(Reason::NoOrganization));
        }
        let expected = if let Organization::Id(id) = required { Value::from(id.as_str()) } else { Value::Null };
        Err(rejection.detail("organization", subject.organizations.as_slice()).detail("expected", expected))
    }

    pub(crate) fn check_scopes(&self, subject: &Subject) -> Result<(), Rejection> {
        let missing = missing_scopes(&self.scopes, subject.scopes);
        if missing.is_empty() || self.any_scope && missing.len() < self.scopes.len() {
            return Ok(());
        }
        Err(Rejection {
            subject: Some(missing.join(", ")),
            scope: Some(self.scopes.join(" ").into()),
            ..Rejection::from(ErrorCode::MissingScope).detail("scopes", subject.scopes)
        })
    }

    pub(crate) fn check_roles(&self, subject: &Subject) -> Result<(), Rejection> {
        if self.roles.is_empty() {
            return Ok(());
        }
        let payload = Object::parse(subject.payload.as_bytes(), MAX_PAYLOAD_DEPTH)
            .map_err(|problem| Rejection::unreadable_part(Reason::InvalidPayload, problem))?;
        let token_roles: BTreeSet<String> =
            self.role_claims.iter().flat_map(|claim| roles(payload.get(claim))).collect();
        let missing: Vec<&str> =
            self.roles.iter().filter(|role| !token_roles.contains(*role)).map(String::as_str).collect();
        if missing.is_empty() || self.any_role && missing.len() < self.roles.len() {
            return Ok(());
        }
        let rejection = Rejection { subject: Some(missing.join(", ")), ..ErrorCode::MissingRole.into() };
        Err(rejection.detail("roles", token_roles.into_iter().collect::<Vec<_>>()))
    }

    pub(crate) fn check_subject_type(&self, subject: &Subject) -> Result<(), Rejection> {
        match self.subject_type {
            Some(kind) if kind != subject.subject_type() => {
                let rejection = Rejection { subject: Some(kind.name().into()), ..ErrorCode::MissingRole.into() };
                Err(rejection.detail("subjectType", subject.subject_type().name()))
            }
            _ => Ok(()),
        }
    }
}

/// The required scopes that were not granted.
pub(crate) fn missing_scopes<'a, T: PartialEq<String>>(required: &'a [String], granted: &[T]) -> Vec<&'a str> {
    required.iter().filter(|scope| !granted.iter().any(|granted| granted == *scope)).map(String::as_str).collect()
}

/// The roles in a claim, which may be a string or an array. A string is a single role and is never split. Claims of
/// other types are ignored.
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
    use crate::claims::tests::{NO_CLAIM, assert_fails, assert_passes, claims, strings};

    fn check(members: Value, required: &Requirements) -> Result<(), Rejection> {
        required.check(&claims(members).check_types()?, None)
    }

    fn scopes(scopes: &[&str], any_scope: bool) -> Requirements {
        Requirements { scopes: strings(scopes), any_scope, ..Requirements::default() }
    }

    fn roles(roles: &[&str]) -> Requirements {
        Requirements { roles: strings(roles), role_claims: strings(&["roles", "role"]), ..Requirements::default() }
    }

    fn requiring(organization: Organization) -> Requirements {
        Requirements { organization, ..Requirements::default() }
    }

    #[test]
    fn requires_all_scopes() {
        assert_passes(check(json!({}), &scopes(&["write:orders", "read:orders"], false)));
        let rejection =
            assert_fails(check(json!({}), &scopes(&["read:orders", "x", "y"], false)), ErrorCode::MissingScope);
        assert_eq!(rejection.message(), "Missing required scope: x, y");
        assert_eq!(rejection.scope.as_deref(), Some("read:orders x y"));
    }

    #[test]
    fn accepts_any_scope() {
        assert_passes(check(json!({}), &scopes(&["x", "read:orders"], true)));
        let rejection = assert_fails(check(json!({}), &scopes(&["x", "y"], true)), ErrorCode::MissingScope);
        assert_eq!(rejection.message(), "Missing required scope: x, y");
        assert_eq!(rejection.scope.as_deref(), Some("x y"));
    }

    #[test]
    fn accepts_every_token_without_required_scopes() {
        assert_passes(check(json!({ "scope": NO_CLAIM }), &scopes(&[], false)));
        assert_passes(check(json!({ "scope": NO_CLAIM }), &scopes(&[], true)));
    }

    #[test]
    fn compares_whole_scopes() {
        for scope in ["read:orders2", "xread:orders", "READ:ORDERS", "read", "read:orders,write:orders", NO_CLAIM] {
            assert_fails(check(json!({ "scope": scope }), &scopes(&["read:orders"], false)), ErrorCode::MissingScope);
        }
    }

    #[test]
    fn requires_all_roles() {
        let members = json!({ "roles": ["admin", "editor"] });
        assert_passes(check(members.clone(), &roles(&["editor", "admin"])));
        let rejection = assert_fails(check(members, &roles(&["admin", "owner", "root"])), ErrorCode::MissingRole);
        assert_eq!(rejection.message(), "Missing required role: owner, root");
        assert_eq!(rejection.scope, None);
    }

    #[test]
    fn accepts_any_role() {
        let any_role = |required| Requirements { any_role: true, ..roles(required) };
        assert_passes(check(json!({ "roles": ["editor"] }), &any_role(&["admin", "editor"])));
        let rejection = assert_fails(
            check(json!({ "roles": ["viewer"] }), &any_role(&["admin", "editor"])),
            ErrorCode::MissingRole,
        );
        assert_eq!(rejection.message(), "Missing required role: admin, editor");
        assert_passes(check(json!({}), &any_role(&[])));
    }

    #[test]
    fn reads_roles_from_every_role_claim() {
        assert_passes(check(json!({ "role": "admin" }), &roles(&["admin"])));
        assert_passes(check(json!({ "role": "admin", "roles": ["editor"] }), &roles(&["admin", "editor"])));
        let custom = Requirements { role_claims: strings(&["https://x.test/roles"]), ..roles(&["admin"]) };
        assert_passes(check(json!({ "https://x.test/roles": ["admin"] }), &custom));
        assert_fails(check(json!({ "roles": ["admin"] }), &custom), ErrorCode::MissingRole);
    }

    #[test]
    fn compares_whole_roles_and_never_splits_them() {
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
            assert_fails(check(json!({ "roles": held }), &roles(&["admin"])), ErrorCode::MissingRole);
        }
        assert_passes(check(json!({ "roles": ["order admin", 1, null] }), &roles(&["order admin"])));
    }

    #[test]
    fn ignores_roles_that_are_not_required() {
        assert_passes(check(json!({ "roles": 1 }), &roles(&[])));
    }

    #[test]
    fn requires_the_organization() {
        let requirement = requiring(Organization::Id("a".into()));
        assert_passes(check(json!({ "organization_id": "a" }), &requirement));
        assert_passes(check(json!({ "aud": "urn:logto:organization:a" }), &requirement));
        for members in [
            json!({}),
            json!({ "organization_id": "b" }),
            json!({ "organization_id": "A" }),
            json!({ "organization_id": "" }),
            json!({ "organization_id": "aa" }),
            json!({ "organization_id": "b", "aud": "urn:logto:organization:a" }),
            json!({ "aud": ["urn:logto:organization:a", "urn:logto:organization:b"] }),
        ] {
            let rejection = assert_fails(check(members, &requirement), ErrorCode::WrongOrganization);
            assert_eq!(rejection.message(), "Token belongs to another organization");
            assert_eq!(rejection.details["expected"], json!("a"));
        }
    }

    #[test]
    fn requires_no_organization() {
        assert_passes(check(json!({}), &requiring(Organization::None)));
        for members in [
            json!({ "organization_id": "a" }),
            json!({ "organization_id": "" }),
            json!({ "aud": "urn:logto:organization:a" }),
            json!({ "aud": ["urn:logto:organization:a", "urn:logto:organization:b"] }),
        ] {
            assert_fails(check(members, &requiring(Organization::None)), ErrorCode::WrongOrganization);
        }
    }

    #[test]
    fn does_not_check_the_organization_by_default() {
        assert_passes(check(json!({ "organization_id": "a" }), &requiring(Organization::Unchecked)));
        assert_passes(check(json!({}), &Requirements::default()));
    }

    #[test]
    fn checks_organization_scope_and_role_in_this_order() {
        let all_requirements = Requirements { organization: Organization::Id("a".into()), ..roles(&["admin"]) };
        let all_requirements = Requirements { scopes: strings(&["x"]), ..all_requirements };
        assert_fails(check(json!({}), &all_requirements), ErrorCode::WrongOrganization);
        assert_fails(check(json!({ "organization_id": "a" }), &all_requirements), ErrorCode::MissingScope);
        assert_fails(check(json!({ "organization_id": "a", "scope": "x" }), &all_requirements), ErrorCode::MissingRole);
        assert_passes(check(json!({ "organization_id": "a", "scope": "x", "role": "admin" }), &all_requirements));
    }
}
