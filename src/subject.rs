//! A token's subject and permissions.

/// The type of subject that a token was issued to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectType {
    /// A person.
    User,
    /// An application acting on its own behalf (`sub` equals `client_id`).
    Machine,
    /// A principal that the application supplied in place of a token.
    External,
}

impl SubjectType {
    /// The name of the subject type in the public contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Machine => "machine",
            Self::External => "external",
        }
    }
}

/// A token's subject and permissions.
#[derive(Debug)]
pub struct Subject<'a> {
    /// The `sub` claim, which contains at least one visible character.
    pub user: &'a str,
    /// The scopes in the `scope` claim.
    pub scopes: &'a [String],
    /// The `client_id` claim.
    pub client: Option<&'a str>,
    /// The organizations to which the token belongs. Only a token with several audiences can belong to several
    /// organizations.
    pub organizations: Vec<&'a str>,
    /// The signed payload, or the claims of a principal, as JSON.
    pub payload: &'a str,
    /// Whether the subject comes from the application (its `fallback`) rather than from a token.
    pub is_external: bool,
}

impl Subject<'_> {
    /// The type of the subject. `sub` equals `client_id` only in tokens that Logto issues to machines.
    #[must_use]
    pub fn subject_type(&self) -> SubjectType {
        match self.client {
            _ if self.is_external => SubjectType::External,
            Some(client) if client == self.user => SubjectType::Machine,
            _ => SubjectType::User,
        }
    }
}
