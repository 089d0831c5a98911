//! Tests the mistakes in `__test__/fixtures/reasons.json`, which are shared with the JavaScript tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use logto_authkit::options::Raw;
use logto_authkit::source::Credentials;
use serde_json::Value;

use support::{Key, at, verifier, wait};

fn text(value: &Value) -> Raw {
    Raw::String(value.as_str().unwrap().into())
}

#[test]
fn c3_names_the_reason_for_common_mistakes() {
    let table: Value = serde_json::from_str(include_str!("../__test__/fixtures/reasons.json")).unwrap();
    let key = Key::p384("k");
    for row in table["rows"].as_array().unwrap() {
        let mut members = Vec::new();
        if let Some(sources) = row["tokenSources"].as_array() {
            members.push(("tokenSources", Raw::List(sources.iter().map(text).collect())));
        }
        let mut value = row["value"].as_str().unwrap().replace('§', &key.token());
        value.truncate(value.len() - usize::try_from(row["cut"].as_u64().unwrap_or(0)).unwrap());
        let request = match row["in"].as_str().unwrap() {
            "token" => Credentials { token: Some(value), ..Credentials::default() },
            "authorization" => Credentials { authorization: vec![value], ..Credentials::default() },
            "cookie" => Credentials { cookies: Some(format!("logto_authtoken={value}")), ..Credentials::default() },
            "cookies" => Credentials { cookies: Some(value), ..Credentials::default() },
            other => panic!("{other}"),
        };
        let rejection = wait(verifier(&[&key], &members).verify_request(&request, at(0.0))).unwrap_err();
        let reason = rejection.details.get("reason").unwrap_or(&Value::Null);
        assert_eq!((rejection.code.name(), reason), (row["code"].as_str().unwrap(), &row["reason"]), "{row}");
    }
}
