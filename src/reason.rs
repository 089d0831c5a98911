//! One-word reasons for rejections, which operators find in an error's `details.reason`.

/// Declares [`Reason`] with the word and the meaning of each reason.
macro_rules! reasons {
    ($($reason:ident => $word:literal, $meaning:literal;)*) => {
        /// The reason for a rejection, which only operators see.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason { $(#[doc = $meaning] $reason,)* }

        impl Reason {
            /// All reasons in the order of the documentation, each with its value of `details.reason` and its meaning.
            pub const ALL: &'static [(Self, &'static str, &'static str)] = &[$((Self::$reason, $word, $meaning)),*];

            /// The value of `details.reason` in a rejection for this reason.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$reason => $word,)* }
            }
        }
    };
}

reasons! {
    NoBearerScheme => "no_bearer_scheme", "The `Authorization` header has a scheme other than `Bearer`, or contains only a token.";
    EmptyBearer => "empty_bearer", "The `Authorization` header contains `Bearer` but no token, often because a variable such as `$TOKEN` is not set.";
    OtherSource => "other_source", "The request has a token only in a source that `tokenSources` excludes.";
    OtherCookie => "other_cookie", "A cookie other than `cookieName` contains a JWT; `details.cookie` is its name.";
    TwoAuthorizationValues => "two_authorization_values", "The request has two `Authorization` values.";
    TwoCookies => "two_cookies", "The request has two different cookies of that name.";
    LiteralUndefined => "literal_undefined", "The client had no token, and sent the text `undefined`, `null`, `false` or `[object Object]`.";
    BearerPrefix => "bearer_prefix", "The token starts with the word `Bearer`, which belongs only in the header.";
    Json => "json", "The token is JSON, for example the whole response of the token endpoint.";
    Placeholder => "placeholder", "The token is a placeholder such as `<token>` or `${TOKEN}`, which nothing has replaced.";
    Quotes => "quotes", "The token contains quotes.";
    PercentEncoded => "percent_encoded", "The token is percent-encoded.";
    Whitespace => "whitespace", "The token contains white space, often a line break at its end.";
    PersonalAccessToken => "personal_access_token", "The token is a personal access token (`pat_…`), which must be exchanged for an access token first.";
    Truncated => "truncated", "The end of the token is missing.";
    Encrypted => "encrypted", "The token has five parts: it is encrypted (JWE).";
    TooLong => "too_long", "The token is larger than 16 KiB.";
    NotThreeParts => "not_three_parts", "The token does not have three parts separated by dots.";
    NotBase64url => "not_base64url", "A part of the token is empty, or not strict base64url.";
    InvalidHeader => "invalid_header", "The header cannot be read; `details.problem` says why.";
    HeaderExtensions => "header_extensions", "The header contains `crit` or `b64`.";
    InvalidPayload => "invalid_payload", "The payload cannot be read; `details.problem` says why.";
    LogoutToken => "logout_token", "The token is a logout token, which ends a session and never authenticates anyone.";
    SeveralKeys => "several_keys", "Several keys of the key set fit the token.";
    KeyForOtherAlgorithm => "key_for_other_algorithm", "The key with this `kid` does not support the token's `alg`.";
    Cooldown => "cooldown", "The token may be signed with a key that is newer than the cached key set, which was fetched less than `jwksCooldownMs` ago.";
    NoIssuer => "no_issuer", "The token has no `iss` claim, or it is not a string.";
    NoAudience => "no_audience", "The token has no `aud` claim, or it is neither a string nor an array of strings.";
    ClientDisconnected => "client_disconnected", "The client has closed its connection, often because a handler has responded without awaiting the verification.";
    StoreUnreachable => "store_unreachable", "The store of the revocations is unreachable.";
    RevocationsNotLoaded => "revocations_not_loaded", "The revocations have not been loaded yet.";
    NoOrganization => "no_organization", "The request names no organization: the `organizationId` function returned `undefined` or an empty string.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_one_word_per_reason() {
        for (index, (reason, word, meaning)) in Reason::ALL.iter().enumerate() {
            assert_eq!(reason.word(), *word);
            assert!(word.bytes().all(|byte| byte.is_ascii_lowercase() || b"_0123456789".contains(&byte)), "{word}");
            assert!(meaning.ends_with('.'), "{meaning}");
            assert!(Reason::ALL.iter().skip(index + 1).all(|(_, other, _)| other != word), "{word}");
        }
    }
}
