//! Any text as a token: taken apart or refused, and what is taken apart has no other spelling.
#![no_main]

use harness::encode;
use libfuzzer_sys::fuzz_target;
use logto_authkit::token::{LONGEST_TOKEN, Token};

fuzz_target!(|text: &str| {
    let Ok(token) = Token::parse(text) else { return };
    assert!(text.len() <= LONGEST_TOKEN);
    let header = token.signed.split('.').next().unwrap_or_default();
    assert_eq!(text, format!("{header}.{}.{}", encode(&token.payload), encode(&token.signature)));
});
