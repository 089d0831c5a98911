//! Fuzzes requests. The first input line is the `Cookie` header, and the following lines are `Authorization` headers.
#![no_main]

use std::sync::LazyLock;

use harness::{key_set, options};
use libfuzzer_sys::fuzz_target;
use logto_authkit::guest::{Guest, is_guest_id};
use logto_authkit::options::Options;
use logto_authkit::source::{Credentials, tokens};

static OPTIONS: LazyLock<Options> = LazyLock::new(|| options([("jwks", key_set())]));

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n').map(str::to_owned);
    let request =
        Credentials { cookies: lines.next(), authorization: lines.take(4).collect(), ..Credentials::default() };
    assert!(is_guest_id(&Guest::identify(&request, &OPTIONS).id));
    let Ok(tokens) = tokens(&request, &OPTIONS) else { return };
    assert!(tokens.len() <= 2);
    for token in tokens {
        assert!(!token.is_empty() && text.contains(token));
        // A semicolon ends a cookie, and a comma ends an `Authorization` value.
        assert!(!(token.contains(';') && token.contains(',')));
        assert!(text.contains("logto_authtoken") || text.to_ascii_lowercase().contains("bearer"));
    }
});
