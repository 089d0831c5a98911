//! Unparsed option values from JavaScript, and the errors for invalid values.

use std::borrow::Cow;

use serde_json::Value;

use crate::url;

/// An unparsed JavaScript value.
#[derive(Clone, Debug, PartialEq)]
pub enum Raw {
    /// `undefined`, which means that the option is omitted.
    Undefined,
    /// `null`, which turns off an optional check.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number, which may be NaN or infinite.
    Number(f64),
    /// A string.
    String(String),
    /// A `Date` as Unix time in milliseconds, or NaN for an invalid date.
    Date(f64),
    /// An array.
    List(Vec<Raw>),
    /// Any other object, represented by its own enumerable properties.
    Object(Vec<(String, Raw)>),
    /// A function, which only JavaScript can call.
    Function,
    /// A regular expression, which only JavaScript can match.
    RegExp,
    /// A value of any other type, represented by the name of the type.
    Other(&'static str),
}

/// The error for an invalid option, which JavaScript throws as a `TypeError`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionError {
    /// The name of the option, or an empty string if the options as a whole are invalid.
    pub option: String,
    /// The error message.
    pub message: String,
}

impl OptionError {
    /// The error for an option with an invalid value. The message describes the value.
    #[must_use]
    pub fn invalid(option: &str, expected: &str, given: &Raw) -> Self {
        let error = Self::new("Invalid", option, &format!("expected {expected}, got {}", given.describe()));
        error.with_scheme(expected, given)
    }

    /// Appends to the message the code or value that the developer should write instead of the invalid one.
    #[must_use]
    pub fn with_fix(self, fix: &str) -> Self {
        Self { message: format!("{}: write {fix}", self.message), ..self }
    }

    /// If the option takes a URL and the value lacks only the scheme, appends the complete URL to the message.
    fn with_scheme(self, expected: &str, given: &Raw) -> Self {
        let Raw::String(text) = given else { return self };
        let url = url::with_scheme(text).filter(|url| expected == url::URL_EXPECTATION && is_short(url));
        match url {
            Some(url) => self.with_fix(&url),
            None => self,
        }
    }

    /// The error for an option with an invalid value that may be a secret. The message contains only the type of the
    /// value.
    #[must_use]
    pub fn invalid_secret(option: &str, expected: &str, given: &Raw) -> Self {
        Self::new("Invalid", option, &format!("expected {expected}, got {}", given.kind()))
    }

    /// The error for an option with an invalid value that is probably a secret, such as a token. The message reveals
    /// nothing about the value.
    #[must_use]
    pub fn secret_value(option: &str, expected: &str) -> Self {
        Self::new("Invalid", option, &format!("expected {expected}"))
    }

    /// The error for an omitted option whose environment variable has an invalid value.
    #[must_use]
    pub fn invalid_variable(option: &str, variable: &str, expected: &str, given: &str) -> Self {
        let given = Raw::String(given.to_owned());
        let message = format!("Invalid environment variable {variable}: expected {expected}, got {}", given.describe());
        Self { option: option.into(), message }.with_scheme(expected, &given)
    }

    /// The error for an unknown option.
    #[must_use]
    pub fn unknown_option(option: &str, hint: &str) -> Self {
        Self::new("Unknown", option, hint)
    }

    /// The error for an option that the options object inherits. Only own members are read, and an inherited option is
    /// reported rather than silently ignored, because it is probably a mistake.
    #[must_use]
    pub fn inherited_option(option: &str) -> Self {
        Self::new("Invalid", option, "expected a member of the options object itself, got an inherited one")
    }

    /// The error for options that are not an object.
    #[must_use]
    pub fn not_an_object(given: &Raw) -> Self {
        Self::expected_object(&given.describe())
    }

    /// The error for a value that was passed in place of the options object. The message contains only the type of the
    /// value, because the value itself may be a secret.
    #[must_use]
    pub fn secret_instead_of_object(given: &Raw) -> Self {
        Self::expected_object(&given.kind())
    }

    fn expected_object(given: &str) -> Self {
        Self { option: String::new(), message: format!("Invalid options: expected an object, got {given}") }
    }

    /// Creates an error for an option. The option name may be arbitrary input, so the name is truncated and its control
    /// characters are escaped.
    fn new(problem: &str, option: &str, explanation: &str) -> Self {
        let option: String = option.chars().take(MAX_SHOWN_CHARS).collect();
        Self { message: format!("{problem} option {option:?}: {explanation}"), option }
    }
}

/// Maximum number of characters of a name or value that an error message shows.
const MAX_SHOWN_CHARS: usize = 60;

/// Whether a name or value is short enough to be shown in full in an error message.
fn is_short(text: &str) -> bool {
    text.chars().count() <= MAX_SHOWN_CHARS
}

impl Raw {
    /// Describes the value of an option on one line, for an error message. Control and bidirectional characters are
    /// escaped, long strings are truncated, and the properties of objects are omitted.
    #[must_use]
    pub fn describe(&self) -> String {
        self.describe_at_depth(0)
    }

    fn describe_at_depth(&self, depth: usize) -> String {
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
                let text = without_password(text);
                let ellipsis = if text.chars().count() > MAX_SHOWN_CHARS { "…" } else { "" };
                format!("{:?}", text.chars().take(MAX_SHOWN_CHARS).collect::<String>() + ellipsis)
            }
            Self::Date(time) if time.is_nan() => "an invalid Date".into(),
            Self::Date(_) => "a Date".into(),
            Self::List(items) if items.is_empty() => "an empty array".into(),
            Self::List(_) if depth > 1 => "an array".into(),
            Self::List(items) => {
                let items: Vec<String> = items.iter().take(4).map(|item| item.describe_at_depth(depth + 1)).collect();
                format!("[{}]", items.join(", "))
            }
            Self::Object(_) => "an object".into(),
            Self::Function => "a function".into(),
            Self::RegExp => "a regular expression".into(),
            Self::Other(kind) => format!("a {kind}"),
        }
    }

    /// Describes a value that may be a secret, naming only its type.
    #[must_use]
    pub fn kind(&self) -> String {
        match self {
            Self::Number(_) => "a number".into(),
            Self::String(text) if !text.is_empty() => "a string".into(),
            Self::List(_) => "an array".into(),
            other => other.describe(),
        }
    }

    /// Converts a value to JSON. Values without an equivalent in JSON become `null`.
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

/// Replaces the password in a string that contains a URL, even if the URL is invalid.
fn without_password(text: &str) -> Cow<'_, str> {
    let start = text.find("://").map_or(0, |scheme| scheme + 3);
    let password = text.rfind('@').and_then(|at| Some((start + text.get(start..at)?.find(':')? + 1, at)));
    password.map_or(text.into(), |(from, at)| format!("{}…{}", &text[..from], &text[at..]).into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn assert_describes(raw: &Raw, description: &str) {
        assert_eq!(raw.describe(), description);
    }

    #[test]
    fn describes_a_value_in_one_line() {
        assert_describes(&Raw::Undefined, "undefined");
        assert_describes(&Raw::Null, "null");
        assert_describes(&Raw::Bool(false), "false");
        assert_describes(&Raw::Number(0.5), "0.5");
        assert_describes(&Raw::Number(-3.0), "-3");
        assert_describes(&Raw::Number(f64::NAN), "NaN");
        assert_describes(&Raw::Number(f64::INFINITY), "Infinity");
        assert_describes(&Raw::Number(f64::NEG_INFINITY), "-Infinity");
        assert_describes(&Raw::String(String::new()), "an empty string");
        assert_describes(&Raw::String("a\n\"b\"".into()), r#""a\n\"b\"""#);
        assert_describes(&Raw::Date(0.0), "a Date");
        assert_describes(&Raw::Date(f64::NAN), "an invalid Date");
        assert_describes(&Raw::List(vec![]), "an empty array");
        assert_describes(&Raw::List(vec![Raw::Null, Raw::Number(1.0)]), "[null, 1]");
        let nested = |raw| Raw::List(vec![raw]);
        assert_describes(&nested(nested(nested(nested(Raw::Null)))), "[[an array]]");
        assert_describes(&Raw::Object(vec![]), "an object");
        assert_describes(&Raw::Function, "a function");
        assert_describes(&Raw::RegExp, "a regular expression");
        assert_describes(&Raw::Other("symbol"), "a symbol");
    }

    #[test]
    fn never_describes_a_password_in_a_url() {
        let password = "hunter2".repeat(10);
        for start in ["https://user:", "https://:", "user:"] {
            let url = Raw::String(format!("{start}{password}@auth.test/oidc"));
            assert_describes(&url, &format!("\"{start}…@auth.test/oidc\""));
        }
        let description = Raw::List(vec![Raw::String("https://user:hun/ter2@auth.test".into())]).describe();
        assert!(!description.contains("hun") && !description.contains("ter2"), "{description}");
        assert_describes(&Raw::String("https://auth.test:8443/a".into()), "\"https://auth.test:8443/a\"");
    }

    #[test]
    fn truncates_long_strings_and_escapes_control_characters() {
        assert_describes(&Raw::String("x".repeat(61)), &format!("\"{}…\"", "x".repeat(60)));
        assert_describes(&Raw::String("\u{e4}".repeat(60)), &format!("\"{}\"", "\u{e4}".repeat(60)));
        assert_describes(&Raw::String("a\u{202e}b\u{1b}\u{2066}".into()), r#""a\u{202e}b\u{1b}\u{2066}""#);
    }

    #[test]
    fn never_shows_a_secret() {
        for (value, kind) in [
            (Raw::String("eyJ.eyJ.sig".into()), "a string"),
            (Raw::List(vec![Raw::String("eyJ.eyJ.sig".into())]), "an array"),
            (Raw::Number(1234.0), "a number"),
            (Raw::Object(vec![("token".into(), Raw::Null)]), "an object"),
            (Raw::String(String::new()), "an empty string"),
        ] {
            assert_eq!(value.kind(), kind);
            let error = OptionError::invalid_secret("getToken", "a token", &value);
            assert_eq!(error.message, format!("Invalid option \"getToken\": expected a token, got {kind}"));
        }
    }

    #[test]
    fn keeps_the_name_of_an_option_on_one_line() {
        let error = OptionError::inherited_option(&format!("a\n\u{202e}{}", "x".repeat(99)));
        assert!(error.message.starts_with("Invalid option \"a\\n\\u{202e}xxx"), "{}", error.message);
        assert!(error.message.chars().count() < 200);
    }

    #[test]
    fn converts_values_to_json() {
        let raw = Raw::Object(vec![
            ("a".into(), Raw::List(vec![Raw::Bool(true), Raw::String("b".into()), Raw::Number(1.5)])),
            ("f".into(), Raw::Function),
            ("n".into(), Raw::Number(f64::NAN)),
        ]);
        assert_eq!(raw.to_json(), json!({ "a": [true, "b", 1.5], "f": null, "n": null }));
    }
}
