//! Selects one of several verifiers by the issuer in a token. Each verifier belongs to a different Logto server.

use crate::claims::unverified_issuer;
use crate::error::{ErrorCode, Rejection};
use crate::source::{self, Credentials};
use crate::token::{Token, check_size};
use crate::verify::Verifier;

/// How the issuers in a request's tokens compare with the accepted issuers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// The index of the first token whose `iss` is an accepted issuer.
    Own(usize),
    /// The request contains no token whose `iss` is an accepted issuer, or one source contains two tokens.
    Foreign,
    /// The request contains no token.
    NoToken,
}

impl Verifier {
    /// Finds the first token in a request whose `iss` is an accepted issuer, so that the application can select one of
    /// several verifiers.
    #[must_use]
    pub fn route(&self, request: &Credentials) -> Route {
        let Ok(tokens) = source::tokens(request, self.options()) else { return Route::Foreign };
        if tokens.is_empty() {
            return Route::NoToken;
        }
        let position =
            tokens.into_iter().position(|token| payload(token).is_some_and(|payload| self.accepts_issuer_of(&payload)));
        position.map_or(Route::Foreign, Route::Own)
    }

    /// Returns a rejection if a token is a JWT whose issuer is missing or not accepted.
    pub(crate) fn unaccepted_issuer(&self, token: &str) -> Option<Rejection> {
        let payload = payload(token).filter(|payload| !self.accepts_issuer_of(payload))?;
        let rejection = Rejection::from(ErrorCode::InvalidIssuer).detail("expected", self.options().issuers.as_slice());
        Some(self.with_unaccepted_issuer(rejection, &payload))
    }

    /// Adds the token's issuer to a rejection if the issuer is not accepted, because the token then probably comes from
    /// another server. The name of the detail says that the issuer is not verified.
    pub(crate) fn with_unaccepted_issuer(&self, rejection: Rejection, payload: &[u8]) -> Rejection {
        match unverified_issuer(payload) {
            Some(issuer) if !self.options().issuers.contains(&issuer) => {
                rejection.detail("unverifiedIss", issuer).detail("expected", self.options().issuers.as_slice())
            }
            _ => rejection,
        }
    }

    /// Whether the `iss` in a payload, which has not been verified yet, is an accepted issuer.
    fn accepts_issuer_of(&self, payload: &[u8]) -> bool {
        unverified_issuer(payload).is_some_and(|issuer| self.options().issuers.contains(&issuer))
    }
}

/// The payload of a token whose signature has not been checked, or `None` if the token is not a JWT.
fn payload(token: &str) -> Option<Vec<u8>> {
    check_size(token).ok()?;
    Some(Token::decode(token).ok()?.payload)
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::json;

    use super::*;
    use crate::options::tests::options;

    fn token(issuer: &str) -> String {
        let [header, payload] = [json!({ "alg": "ES384" }), json!({ "iss": issuer, "nested": [[[[[[[[[[]]]]]]]]]] })]
            .map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
        format!("{header}.{payload}.AAAA")
    }

    fn route(cookie: Option<String>, header: Option<String>) -> Route {
        let request = Credentials {
            authorization: header.map(|token| format!("Bearer {token}")).into_iter().collect(),
            cookies: cookie.map(|token| format!("logto_authtoken={token}")),
            ..Credentials::default()
        };
        Verifier::new(options(&[])).route(&request)
    }

    #[test]
    fn finds_the_first_token_of_the_issuer() {
        let (own_token, other_token) =
            (|| Some(token("https://t.test/oidc")), || Some(token("https://other.test/oidc")));
        assert_eq!(route(None, None), Route::NoToken);
        assert_eq!(route(None, own_token()), Route::Own(0));
        assert_eq!(route(own_token(), own_token()), Route::Own(0));
        assert_eq!(route(other_token(), own_token()), Route::Own(1));
        assert_eq!(route(other_token(), None), Route::Foreign);
        for near in ["https://t.test/oidc/", "https://T.test/oidc", "https://t.test"] {
            assert_eq!(route(None, Some(token(near))), Route::Foreign, "{near}");
        }
        for unreadable in ["opaque", "a.b.c", "a.b"] {
            assert_eq!(route(None, Some(unreadable.into())), Route::Foreign, "{unreadable}");
        }
    }
}
