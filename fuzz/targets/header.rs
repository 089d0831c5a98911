//! Fuzzes the JOSE header, which must be rejected or yield the same values as another JSON parser.
#![no_main]

use harness::encode;
use libfuzzer_sys::fuzz_target;
use logto_authkit::token::{Header, Token, media_type};
use serde_json::Value;

fuzz_target!(|header: &[u8]| {
    let text = format!("{}.e30.AAAA", encode(header));
    let Ok(token) = Token::decode(&text) else { return };
    let Ok(parsed) = Header::parse(&token.header) else { return };
    // This parser rejects numbers outside the range of f64, which are irrelevant in a header.
    let Ok(json) = serde_json::from_slice::<Value>(header) else { return };
    assert_eq!(json["alg"], parsed.alg);
    assert_eq!(json.get("kid").and_then(Value::as_str), parsed.kid.as_deref());
    assert_eq!(json.get("typ").and_then(Value::as_str).map(media_type), parsed.typ);
    assert_eq!(json.get("crit").is_some() || json.get("b64").is_some(), parsed.has_extensions);
});
