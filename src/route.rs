//! Selects one of several verifiers by the issuer in a token. Each verifier belongs to a different Logto server.

use crate::claims::unverified_issuer;
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
        let position = tokens.into_iter().position(|token| self.has_accepted_issuer(token) == Some(true));
        position.map_or(Route::Foreign, Route::Own)
    }

    /// Whether a token is a JWT whose issuer is missing or not accepted.
    pub(crate) fn has_unaccepted_issuer(&self, token: &str) -> bool {
        self.has_accepted_issuer(token) == Some(false)
    }

    /// Whether a token's `iss`, which has not been verified yet, is an accepted issuer. Returns `None` if the token is
    /// not a JWT.
    fn has_accepted_issuer(&self, token: &str) -> Option<bool> {
        check_size(token).ok()?;
        let token = Token::decode(token).ok()?;
        Some(unverified_issuer(&token.payload).is_some_and(|issuer| self.options().issuers.contains(&issuer)))
    }
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
