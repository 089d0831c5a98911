//! Tests the option values in `__test__/fixtures/options.json`, which the JavaScript tests use as well.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use logto_authkit::options::{OptionError, Options, Raw, auth_cookie, cookie_attributes};
use serde_json::Value;

fn table() -> Value {
    serde_json::from_str(include_str!("../__test__/fixtures/options.json")).unwrap()
}

/// The value that JavaScript would pass.
fn decode(table: &Value, value: &Value) -> Raw {
    match value {
        Value::Null => Raw::Null,
        Value::Bool(value) => Raw::Bool(*value),
        Value::Number(value) => Raw::Number(value.as_f64().unwrap()),
        Value::String(text) => Raw::String(text.clone()),
        Value::Array(items) => Raw::List(items.iter().map(|item| decode(table, item)).collect()),
        Value::Object(members) => members.get("$").map_or_else(
            || object(members.iter().map(|(name, value)| (name.clone(), decode(table, value)))),
            |kind| special(table, kind.as_str().unwrap()),
        ),
    }
}

/// A value that JSON cannot express, as it arrives from JavaScript.
fn special(table: &Value, kind: &str) -> Raw {
    match kind {
        "undefined" => Raw::Undefined,
        "NaN" => Raw::Number(f64::NAN),
        "Infinity" => Raw::Number(f64::INFINITY),
        "-Infinity" => Raw::Number(f64::NEG_INFINITY),
        "bigint" => Raw::Other("BigInt"),
        "symbol" => Raw::Other("symbol"),
        "function" => Raw::Function,
        "date" => Raw::Date(5.0),
        "invalid date" => Raw::Date(f64::NAN),
        "key" => decode(table, &table["key"]),
        "key set" => object([("keys".into(), Raw::List(vec![decode(table, &table["key"])]))]),
        "RegExp" => Raw::RegExp,
        "Promise" | "Set" | "String" | "URL" => object([]),
        other => panic!("unknown kind of value: {other}"),
    }
}

fn object(members: impl IntoIterator<Item = (String, Raw)>) -> Raw {
    Raw::Object(members.into_iter().collect())
}

/// A function that parses an option set and adds missing required options.
type Parse = fn(Raw) -> Result<(), OptionError>;

const SETS: [(&str, Parse); 2] = [
    ("verifier", |raw| Options::parse(with_required(raw)).map(drop)),
    ("authCookie", |raw| cookie_attributes(raw, auth_cookie()).map(drop)),
];

fn with_required(raw: Raw) -> Raw {
    let Raw::Object(mut members) = raw else { return raw };
    for (name, value) in [("logtoUrl", "https://t.test"), ("audience", "https://api.test")] {
        if !members.iter().any(|(given, _)| given == name) {
            members.push((name.into(), Raw::String(value.into())));
        }
    }
    Raw::Object(members)
}

/// An options object with one option, whose name may have the form `option.member`.
fn with_option(name: &str, value: Raw) -> Raw {
    match name.split_once('.') {
        Some((option, member)) => object([(option.into(), object([(member.into(), value)]))]),
        None => object([(name.into(), value)]),
    }
}

#[track_caller]
fn assert_rejects(parse: Parse, raw: Raw, message: &str) {
    let error = parse(raw).expect_err(message);
    assert_eq!(error.message, message);
    // The error and its message must name the same option.
    let named = message.split('"').nth(1).filter(|_| message.contains(" option \"")).unwrap_or_default();
    assert_eq!(error.option, named);
}

#[test]
fn valid_values_are_accepted() {
    let table = table();
    for (set, parse) in SETS {
        for (name, option) in table["sets"][set]["options"].as_object().unwrap() {
            for value in option["valid"].as_array().unwrap() {
                assert_eq!(parse(with_option(name, decode(&table, value))), Ok(()), "{name}: {value}");
            }
        }
    }
}

#[test]
fn invalid_values_are_rejected_with_the_message_of_the_table() {
    let table = table();
    for (set, parse) in SETS {
        for (name, option) in table["sets"][set]["options"].as_object().unwrap() {
            for entry in option["invalid"].as_array().unwrap() {
                let group = entry.as_str().map(|group| table["groups"][group].as_array().unwrap());
                for row in group.unwrap_or(&vec![entry.clone()]) {
                    let expected = row.get(2).unwrap_or(&option["expected"]).as_str().unwrap();
                    let description = row[1].as_str().unwrap();
                    let message = format!("Invalid option \"{name}\": expected {expected}, got {description}");
                    assert_rejects(parse, with_option(name, decode(&table, &row[0])), &message);
                }
            }
        }
    }
}

#[test]
fn unknown_options_are_rejected_even_if_they_are_undefined() {
    let table = table();
    for (set, parse) in SETS {
        let set = &table["sets"][set];
        let mut names: Vec<&str> = set["options"].as_object().unwrap().keys().map(String::as_str).collect();
        names.retain(|name| !name.contains('.'));
        names.sort_unstable();
        for row in set["unknown"].as_array().unwrap() {
            let message = row[1].as_str().unwrap().replace("<all>", &names.join(", "));
            for value in [Raw::Undefined, Raw::Null, Raw::Number(1.0)] {
                assert_rejects(parse, with_option(row[0].as_str().unwrap(), value), &message);
            }
        }
    }
}

#[test]
fn contradictions_and_values_other_than_objects_are_rejected() {
    let table = table();
    for (set, parse) in SETS {
        for rows in ["combinations", "notObjects"] {
            for row in table["sets"][set][rows].as_array().unwrap() {
                assert_rejects(parse, decode(&table, &row[0]), row[1].as_str().unwrap());
            }
        }
    }
}
