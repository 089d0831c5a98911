//! A strict JSON parser for JOSE headers and payloads.
//!
//! The parser rejects duplicate members, as RFC 7515 section 4 and RFC 7519 section 4 allow. Parsers disagree about
//! which of two duplicate members counts, so two systems could interpret a token differently (RFC 8725 section 2.4).

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a JSON object with their values as raw JSON, in their original order and without duplicates.
#[derive(Debug)]
pub struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// The error for a member of a JSON object that has the wrong type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

impl<'a> Object<'a> {
    /// Parses a JSON object whose nesting depth is at most `depth`. Callers should choose a low limit for unsigned
    /// input, because the parsing time grows with the depth.
    ///
    /// # Errors
    ///
    /// A description of the problem, if the input is not a JSON object of at most this depth, or has duplicate members.
    ///
    /// ```
    /// use logto_authkit::json::Object;
    /// assert!(Object::parse(br#"{"alg":"ES384","kid":"k"}"#, 1).is_ok());
    /// assert!(Object::parse(br#"{"alg":"ES384","alg":"none"}"#, 1).is_err());
    /// ```
    pub fn parse(bytes: &'a [u8], depth: usize) -> Result<Self, &'static str> {
        let object = Self::parse_top_level(bytes)?;
        object.0.iter().try_for_each(|(_, value)| check_nested_value(value, depth.saturating_sub(1)))?;
        Ok(object)
    }

    /// Parses a JSON object, but not the values of its members. Nested values are skipped without recursion, so the
    /// input may come from anyone.
    ///
    /// # Errors
    ///
    /// A description of the problem, if the input is not an object or has duplicate members.
    pub fn parse_top_level(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
        serde_json::from_str(text).map_err(|_| "not a JSON object without duplicate members")
    }

    /// The raw JSON of the value of the member with this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find_map(|(key, value)| (key == name).then_some(*value))
    }

    /// The member with this name, decoded as `T`.
    ///
    /// # Errors
    ///
    /// [`WrongType`] if the member exists but cannot be decoded as `T`, for example because it is `null`.
    pub fn get_as<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, WrongType> {
        self.get(name).map(|raw| serde_json::from_str(raw.get()).map_err(|_| WrongType)).transpose()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor;
        impl<'de> Visitor<'de> for ObjectVisitor {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::with_capacity(12);
                while let Some(name) = map.next_key_seed(StringSeed)? {
                    // A linear scan of ten members, the usual number, is faster than a hash set. A linear scan of the
                    // 3,000 members that fit into the largest accepted token would take milliseconds.
                    if members.len() < 32 && members.iter().any(|(other, _)| *other == name) {
                        return Err(A::Error::custom("duplicate member"));
                    }
                    members.push((name, map.next_value()?));
                }
                let are_distinct = members.len() <= 32
                    || members.iter().map(|(name, _)| name).collect::<HashSet<_>>().len() == members.len();
                are_distinct.then_some(Object(members)).ok_or_else(|| A::Error::custom("duplicate member"))
            }
        }
        deserializer.deserialize_map(ObjectVisitor)
    }
}

/// Checks that a JSON value contains no duplicate members and does not exceed the nesting depth. Strings and numbers in
/// the value are not decoded.
fn check_nested_value(value: &RawValue, depth: usize) -> Result<(), &'static str> {
    const INVALID_NESTED_VALUE: &str = "duplicate members or nesting too deep";
    let text = value.get();
    let nested_values: Vec<&RawValue> = if text.starts_with('{') {
        serde_json::from_str::<Object>(text)
            .map_err(|_| INVALID_NESTED_VALUE)?
            .0
            .into_iter()
            .map(|(_, value)| value)
            .collect()
    } else if text.starts_with('[') {
        serde_json::from_str(text).map_err(|_| INVALID_NESTED_VALUE)?
    } else {
        return Ok(());
    };
    if depth == 0 {
        return Err(INVALID_NESTED_VALUE);
    }
    nested_values.into_iter().try_for_each(|value| check_nested_value(value, depth - 1))
}

/// Deserializes a string, which is borrowed from the input unless it contains escape sequences.
pub(crate) struct StringSeed;

impl<'de> DeserializeSeed<'de> for StringSeed {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for StringSeed {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_rejects(text: impl AsRef<[u8]>) {
        assert!(Object::parse(text.as_ref(), 128).is_err());
    }

    #[test]
    fn rejects_everything_that_is_not_an_object() {
        for text in ["", "null", "1", "\"a\"", "[]", "[{}]", "{}x", "{", "{} {}", "\u{feff}{}", "{'a':1}", "{\"a\":01}"]
        {
            assert_rejects(text);
        }
        assert_rejects(b"{\"a\":\"\xff\"}");
    }

    #[test]
    fn rejects_duplicate_members_at_any_depth_and_in_any_spelling() {
        assert_rejects(r#"{"a":1,"a":1}"#);
        assert_rejects(r#"{"exp":1,"\u0065xp":2}"#);
        assert_rejects(r#"{"a":{"b":1,"b":2}}"#);
        assert_rejects(r#"{"a":[{"b":1,"b":2}]}"#);
        let members: Vec<String> = (0..100).map(|n| format!("\"m{n}\":{n}")).collect();
        assert!(Object::parse(format!("{{{}}}", members.join(",")).as_bytes(), 128).is_ok());
        assert_rejects(format!("{{{},\"m77\":0}}", members.join(",")));
        assert_rejects(format!("{{{},\"m1\":0}}", members[..32].join(",")));
    }

    #[test]
    fn rejects_deep_nesting() {
        assert!(Object::parse(format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100)).as_bytes(), 128).is_ok());
        assert_rejects(format!("{{\"a\":{}{}}}", "[".repeat(6000), "]".repeat(6000)));
        assert_rejects(format!("{{\"a\":{}1{}}}", "{\"b\":".repeat(2000), "}".repeat(2000)));
    }

    /// `JSON.stringify` writes lone surrogates as escapes such as `\ud83d`, for example if an emoji was cut in half.
    #[test]
    fn accepts_any_json_in_members_that_are_not_decoded() {
        for value in ["\"\\ud83d\"", "1e400", "-0", "123456789012345678901234567890", "\"\\u0000\""] {
            assert!(Object::parse(format!("{{\"bio\":{value}}}").as_bytes(), 128).is_ok(), "{value}");
            assert!(
                Object::parse(format!("{{\"custom\":{{\"bio\":{value}}}}}").as_bytes(), 128).is_ok(),
                "nested {value}"
            );
            assert!(Object::parse(format!("{{\"custom\":[{value}]}}").as_bytes(), 128).is_ok(), "listed {value}");
        }
    }

    #[test]
    fn decodes_members_by_type() {
        let object = Object::parse(br#"{"s":"x","n":1.5,"null":null}"#, 1).unwrap_or(Object(vec![]));
        assert_eq!(object.get_as::<String>("s"), Ok(Some("x".into())));
        assert_eq!(object.get_as::<f64>("n"), Ok(Some(1.5)));
        assert_eq!(object.get_as::<String>("n"), Err(WrongType));
        assert_eq!(object.get_as::<String>("null"), Err(WrongType));
        assert_eq!(object.get_as::<String>("absent"), Ok(None));
    }
}
