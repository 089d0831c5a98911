//! Tests the option values in `__test__/fixtures/options.json`, which are shared with the JavaScript tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use std::collections::{BTreeMap, VecDeque};

use logto_authkit::contract::contract;
use logto_authkit::options::{
    Environment, OptionError, OptionSet, Options, Raw, auth_cookie, cookie_attributes, csrf_cookie, resource_metadata,
};
use logto_authkit::requirements::Requirements;
use logto_authkit::signature::Algorithm;
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
        "function" | "nothing" => Raw::Function,
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

/// Parses an options object that belongs to the option set `name`, in the same way as the functions that take these
/// options.
fn parse(name: &str, raw: Raw) -> Result<(), OptionError> {
    let set = OptionSet::from_name(name).unwrap();
    match set {
        OptionSet::AuthCookie => cookie_attributes(raw, auth_cookie()).map(drop),
        OptionSet::CsrfCookie => cookie_attributes(raw, csrf_cookie()).map(drop),
        OptionSet::Requirements => Requirements::parse(raw).map(drop),
        OptionSet::ResourceMetadata => resource_metadata(raw, Environment::default()).map(drop),
        OptionSet::BackchannelLogout
        | OptionSet::CatchUp
        | OptionSet::Csrf
        | OptionSet::GuestCookie
        | OptionSet::Mcp
        | OptionSet::Mint
        | OptionSet::ProxyExtra
        | OptionSet::RedisStore
        | OptionSet::Revocations
        | OptionSet::Revoke
        | OptionSet::RevokeSubject
        | OptionSet::RotateKeys
        | OptionSet::TestIssuer
        | OptionSet::Webhook => set.check(raw),
        _ => Options::parse_option_set(set, raw).map(drop),
    }
}

fn with_required(raw: Raw, required: &Value) -> Raw {
    let Raw::Object(mut members) = raw else { return raw };
    for (name, value) in required.as_object().into_iter().flatten() {
        if !members.iter().any(|(given, _)| given == name) {
            members.push((name.clone(), Raw::String(value.as_str().unwrap().into())));
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

/// An option set in the table, including the rows of the sets listed in its `like` member.
struct Table {
    all: Value,
    name: &'static str,
}

impl Table {
    fn each() -> impl Iterator<Item = Self> {
        OptionSet::ALL.into_iter().map(|(_, name)| Self { all: table(), name })
    }

    /// The values of a member in this set, followed by its values in the sets listed in `like`.
    fn members(&self, member: &str) -> Vec<&Value> {
        self.members_of(self.name, member)
    }

    fn members_of<'a>(&'a self, set: &'a str, member: &str) -> Vec<&'a Value> {
        let mut found = Vec::new();
        let mut names = VecDeque::from([set]);
        while let Some(name) = names.pop_front() {
            let set = &self.all["sets"][name];
            found.extend(set.get(member));
            names.extend(set["like"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap()));
        }
        found
    }

    /// Every option with its row. A string in place of a row is the name of the set that contains the row.
    fn options(&self) -> BTreeMap<&String, &Value> {
        self.options_of(self.name)
    }

    fn options_of<'a>(&'a self, set: &'a str) -> BTreeMap<&'a String, &'a Value> {
        let names = |member: &str| self.members_of(set, member).into_iter().flat_map(|names| names.as_array().unwrap());
        let mut options: BTreeMap<_, _> =
            names("rowsOf").flat_map(|name| self.options_of(name.as_str().unwrap())).collect();
        let rows = self.members_of(set, "options").into_iter().rev().flat_map(|rows| rows.as_object().unwrap());
        options.extend(
            rows.map(|(name, row)| (name, row.as_str().map_or(row, |set| &self.all["sets"][set]["options"][name]))),
        );
        let without: Vec<_> = names("without").map(|name| name.as_str().unwrap()).collect();
        options.retain(|name, _| !without.contains(&name.split('.').next().unwrap()));
        options
    }

    /// The decoded values of a list in the table, each with its message.
    fn rows(&self, member: &str) -> Vec<(Raw, String)> {
        let names: Vec<_> = self.options().into_keys().filter(|name| !name.contains('.')).cloned().collect();
        let rows = self.members(member).into_iter().flat_map(|rows| rows.as_array().unwrap());
        rows.map(|row| (self.decode(&row[0]), row[1].as_str().unwrap().replace("<all>", &names.join(", ")))).collect()
    }

    fn decode(&self, value: &Value) -> Raw {
        decode(&self.all, value)
    }

    /// Adds the required options to an options object and parses it.
    fn parse(&self, raw: Raw) -> Result<(), OptionError> {
        let required = self.members("required");
        parse(self.name, with_required(raw, required.first().unwrap_or(&&Value::Null)))
    }

    #[track_caller]
    fn assert_rejects(&self, raw: Raw, message: &str) {
        let error = self.parse(raw).expect_err(message);
        assert_eq!(error.message, message, "{}", self.name);
        // The error and its message must name the same option.
        let named = message.split('"').nth(1).filter(|_| message.contains(" option \"")).unwrap_or_default();
        assert_eq!(error.option, named);
    }
}

#[test]
fn the_table_has_every_set_and_every_option() {
    let contract = contract();
    assert_eq!(table()["sets"].as_object().unwrap().len(), OptionSet::ALL.len());
    for table in Table::each() {
        let rows = contract["options"][table.name].as_array().unwrap();
        let mut known: Vec<_> = rows.iter().map(|row| row["name"].as_str().unwrap()).collect();
        known.sort_unstable();
        let options = table.options();
        let tested: Vec<_> = options.keys().map(|name| name.as_str()).filter(|name| !name.contains('.')).collect();
        assert_eq!(tested, known, "{}", table.name);
    }
}

#[test]
fn valid_values_are_accepted() {
    for table in Table::each() {
        for (name, option) in table.options() {
            for value in option["valid"].as_array().unwrap() {
                let raw = with_option(name, table.decode(value));
                assert_eq!(table.parse(raw), Ok(()), "{} {name}: {value}", table.name);
            }
        }
    }
}

#[test]
fn invalid_values_are_rejected_with_the_message_of_the_table() {
    let algorithms = Algorithm::ALL.map(|(name, _)| name).join(", ");
    for table in Table::each() {
        for (name, option) in table.options() {
            for entry in option["invalid"].as_array().unwrap() {
                let group = entry.as_str().map(|group| table.all["groups"][group].as_array().unwrap());
                for row in group.unwrap_or(&vec![entry.clone()]) {
                    let expected = row.get(2).unwrap_or(&option["expected"]).as_str().unwrap();
                    let description = row[1].as_str().unwrap();
                    let message = format!("Invalid option \"{name}\": expected {expected}, got {description}")
                        .replace("<algorithms>", &algorithms);
                    table.assert_rejects(with_option(name, table.decode(&row[0])), &message);
                }
            }
        }
    }
}

#[test]
fn unknown_options_are_rejected_even_if_they_are_undefined() {
    for table in Table::each() {
        for (name, message) in table.rows("unknown") {
            let Raw::String(name) = name else { panic!("{name:?}") };
            for value in [Raw::Undefined, Raw::Null, Raw::Number(1.0)] {
                table.assert_rejects(with_option(&name, value), &message);
            }
        }
    }
}

#[test]
fn contradictions_and_values_other_than_objects_are_rejected() {
    for table in Table::each() {
        for (value, message) in [table.rows("combinations"), table.rows("notObjects")].concat() {
            table.assert_rejects(value, &message);
        }
    }
}
