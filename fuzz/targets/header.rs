//! Any bytes as a JOSE header: what is taken is a JSON object that says the same to another parser.
#![no_main]

use harness::encode;
use libfuzzer_sys::fuzz_target;
use logto_authkit::token::{Token, media_type};
use serde_json::Value;

fuzz_target!(|header: &[u8]| {
    let text = format!("{}.e30.AAAA", encode(header));
    let Ok(token) = Token::parse(&text) else { return };
    // Numbers beyond f64 are no JSON to this parser; nobody looks at them in a header.
    let Ok(json) = serde_json::from_slice::<Value>(header) else { return };
    let header = token.header;
    assert_eq!(json["alg"], header.alg);
    assert_eq!(json.get("kid").and_then(Value::as_str), header.kid.as_deref());
    assert_eq!(json.get("typ").and_then(Value::as_str).map(media_type), header.typ);
    assert_eq!(json.get("crit").is_some() || json.get("b64").is_some(), header.extended);
});
