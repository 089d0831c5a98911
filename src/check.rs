//! The pipeline's checks, and the ways to record their outcomes.

use crate::error::Rejection;

/// The checks of a token, in the order in which the pipeline performs them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The request contains a token.
    Present,
    /// The token does not exceed the maximum length.
    Size,
    /// The token has three base64url parts.
    Parts,
    /// The token header is a JSON object.
    Header,
    /// `alg` is on the allow-list.
    Alg,
    /// `typ` is the required type.
    Typ,
    /// The token header has neither `crit` nor `b64`.
    Extensions,
    /// The key set contains the token's key.
    Key,
    /// The signature is valid.
    Signature,
    /// The payload is a JSON object.
    Payload,
    /// The token is not a logout token.
    Logout,
    /// `iss` is one of the accepted issuers.
    Iss,
    /// `aud` contains one of the accepted audiences.
    Aud,
    /// `exp` is in the future.
    Exp,
    /// `nbf` is not in the future.
    Nbf,
    /// All other claims have the right types.
    Types,
    /// The token is not older than the maximum age.
    Age,
    /// None of the configured revocations covers the token.
    Revocations,
    /// The token belongs to the required organization.
    Organization,
    /// The token has the required scopes.
    Scope,
    /// The token has the required roles.
    Role,
    /// The application has not revoked the token.
    Revocation,
}

impl Check {
    /// Every check with its id and title, in execution order.
    pub const ALL: [(Self, &'static str, &'static str); 22] = [
        (Self::Present, "present", "the request carries a token"),
        (Self::Size, "size", "the token is at most 16 KiB long"),
        (Self::Parts, "parts", "the token has three base64url parts"),
        (Self::Header, "header", "the header is a JSON object"),
        (Self::Alg, "alg", "alg is accepted"),
        (Self::Typ, "typ", "typ is accepted"),
        (Self::Extensions, "extensions", "the header has no crit and no b64"),
        (Self::Key, "key", "the key set has the token's key"),
        (Self::Signature, "signature", "the signature is valid"),
        (Self::Payload, "payload", "the payload is a JSON object"),
        (Self::Logout, "logout", "the token is not a logout token"),
        (Self::Iss, "iss", "iss is the issuer"),
        (Self::Aud, "aud", "aud contains the audience"),
        (Self::Exp, "exp", "exp is in the future"),
        (Self::Nbf, "nbf", "nbf is not in the future"),
        (Self::Types, "types", "iat, sub, scope, client_id and organization_id have the right types"),
        (Self::Age, "age", "the token is not too old"),
        (Self::Revocations, "revocations", "no revocation covers the token"),
        (Self::Organization, "organization", "the token belongs to the organization"),
        (Self::Scope, "scope", "the token has the required scopes"),
        (Self::Role, "role", "the token has the required roles"),
        (Self::Revocation, "revocation", "the token is not revoked"),
    ];

    /// The index of the check in [`Self::ALL`].
    pub(crate) const fn index(self) -> usize {
        self as usize
    }
}

/// Records the outcome of every check and decides whether the pipeline continues.
pub trait Verdicts {
    /// Records the outcome of a check. Returns `Ok(None)` if the check has failed but the pipeline continues without
    /// its result.
    ///
    /// # Errors
    ///
    /// The rejection, if the pipeline must stop.
    fn record<T>(&mut self, check: Check, outcome: Result<T, Rejection>) -> Result<Option<T>, Rejection>;
}

/// Stops the pipeline at the first failed check, as `verify` does.
#[derive(Clone, Copy, Debug)]
pub struct StopAtFirstFailure;

impl Verdicts for StopAtFirstFailure {
    #[inline]
    fn record<T>(&mut self, _: Check, outcome: Result<T, Rejection>) -> Result<Option<T>, Rejection> {
        outcome.map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_lists_the_checks_in_declaration_order() {
        for (index, (check, ..)) in Check::ALL.into_iter().enumerate() {
            assert_eq!(check.index(), index, "{check:?}");
        }
    }
}
