//! Option values as they came from JavaScript, not yet believed, and the words to describe them.

use serde_json::Value;

/// A JavaScript value.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    /// `undefined`: the same as left out.
    Undefined,
    /// `null`: a switched-off check, where a check can be switched off.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number, which may be NaN or infinite.
    Number(f64),
    /// A string.
    String(String),
    /// A `Date`, in milliseconds since 1970, NaN if it is an invalid one.
    Date(f64),
    /// An array.
    List(Vec<Raw>),
    /// Any other object: its own enumerable members.
    Object(Vec<(String, Raw)>),
    /// A function. It stays in JavaScript; here it only counts that it is one.
    Function,
    /// Anything else, by the name of its type.
    Other(&'static str),
}

/// A wrong option: it becomes a `TypeError` that names the option, what was given and what is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionError {
    /// The option's name; empty if the options as a whole are wrong.
    pub option: String,
    /// The sentence.
    pub message: String,
}

impl OptionError {
    /// For an option that is not what is wanted.
    #[must_use]
    pub fn wanted(option: &str, wanted: &str, given: &Raw) -> Self {
        let given = given.describe();
        Self { option: option.into(), message: format!("Invalid option \"{option}\": expected {wanted}, got {given}") }
    }
}

impl Raw {
    /// What was given, in words that fit one line.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Undefined => "undefined".into(),
            Self::Null => "null".into(),
            Self::Bool(value) => format!("{value}"),
            Self::Number(value) if value.is_infinite() => {
                if *value > 0.0 {
                    "Infinity".into()
                } else {
                    "-Infinity".into()
                }
            }
            Self::Number(value) => format!("{value}"),
            Self::String(text) if text.is_empty() => "an empty string".into(),
            Self::String(text) => {
                let cut = if text.chars().count() > 60 { "…" } else { "" };
                format!("{:?}", text.chars().take(60).collect::<String>() + cut)
            }
            Self::Date(time) if time.is_nan() => "an invalid Date".into(),
            Self::Date(_) => "a Date".into(),
            Self::List(items) if items.is_empty() => "an empty array".into(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().take(4).map(Self::describe).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Object(_) => "an object".into(),
            Self::Function => "a function".into(),
            Self::Other(kind) => format!("a {kind}"),
        }
    }

    /// The same as JSON, as far as JSON goes.
    #[must_use]
    pub fn to_json(&self) -> Value {
        match self {
            Self::Bool(value) => Value::Bool(*value),
            Self::Number(value) => Value::from(*value),
            Self::String(text) => Value::String(text.clone()),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Object(members) => {
                let defined = members.iter().filter(|(_, value)| *value != Self::Undefined);
                Value::Object(defined.map(|(name, value)| (name.clone(), value.to_json())).collect())
            }
            _ => Value::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn describes(raw: &Raw, words: &str) {
        assert_eq!(raw.describe(), words);
    }

    #[test]
    fn what_was_given_is_described_in_one_line() {
        describes(&Raw::Undefined, "undefined");
        describes(&Raw::Null, "null");
        describes(&Raw::Bool(false), "false");
        describes(&Raw::Number(0.5), "0.5");
        describes(&Raw::Number(-3.0), "-3");
        describes(&Raw::Number(f64::NAN), "NaN");
        describes(&Raw::Number(f64::INFINITY), "Infinity");
        describes(&Raw::Number(f64::NEG_INFINITY), "-Infinity");
        describes(&Raw::String(String::new()), "an empty string");
        describes(&Raw::String("a\n\"b\"".into()), r#""a\n\"b\"""#);
        describes(&Raw::Date(0.0), "a Date");
        describes(&Raw::Date(f64::NAN), "an invalid Date");
        describes(&Raw::List(vec![]), "an empty array");
        describes(&Raw::List(vec![Raw::Null, Raw::Number(1.0)]), "[null, 1]");
        describes(&Raw::Object(vec![]), "an object");
        describes(&Raw::Function, "a function");
        describes(&Raw::Other("symbol"), "a symbol");
    }

    #[test]
    fn what_is_long_is_cut() {
        describes(&Raw::String("x".repeat(61)), &format!("\"{}…\"", "x".repeat(60)));
        describes(&Raw::String("\u{e4}".repeat(60)), &format!("\"{}\"", "\u{e4}".repeat(60)));
    }

    #[test]
    fn values_become_json_as_far_as_json_goes() {
        let raw = Raw::Object(vec![
            ("a".into(), Raw::List(vec![Raw::Bool(true), Raw::String("b".into()), Raw::Number(1.5)])),
            ("f".into(), Raw::Function),
            ("n".into(), Raw::Number(f64::NAN)),
        ]);
        assert_eq!(raw.to_json(), json!({ "a": [true, "b", 1.5], "f": null, "n": null }));
    }
}
