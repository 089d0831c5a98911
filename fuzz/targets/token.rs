//! Fuzzes tokens, which must be rejected or decoded into parts that encode to the same token.
#![no_main]

use harness::encode;
use libfuzzer_sys::fuzz_target;
use logto_authkit::token::{MAX_TOKEN_BYTES, Token, check_size};

fuzz_target!(|text: &str| {
    assert_eq!(check_size(text).is_ok(), text.len() <= MAX_TOKEN_BYTES);
    let Ok(token) = Token::decode(text) else { return };
    let parts = [&token.header, &token.payload, &token.signature].map(|part| encode(part));
    assert_eq!(text, parts.join("."));
});
