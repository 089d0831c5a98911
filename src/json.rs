//! Strict JSON objects, the one parser for JOSE headers and claims.
//!
//! RFC 7515 section 4 and RFC 7519 section 4 let a parser reject duplicate members, and a parser that keeps
//! one of them instead can be made to see another token than the next one (RFC 8725 section 2.4).

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The members of a JSON object, undecoded, in their order. No two have the same name, at any depth.
#[derive(Debug)]
pub struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// A member is there, but not of the type asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongType;

impl<'a> Object<'a> {
    /// Parses UTF-8 text that is one JSON object, nested at most that deep. The time that takes grows with the depth, so
    /// what nobody has signed for is not to be given much.
    ///
    /// # Errors
    ///
    /// In words, if it is something else or has duplicate members.
    ///
    /// ```
    /// use logto_authkit::json::Object;
    /// assert!(Object::parse(br#"{"alg":"ES384","kid":"k"}"#, 1).is_ok());
    /// assert!(Object::parse(br#"{"alg":"ES384","alg":"none"}"#, 1).is_err());
    /// ```
    pub fn parse(bytes: &'a [u8], depth: usize) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(bytes).map_err(|_| "not UTF-8")?;
        let object: Self = serde_json::from_str(text).map_err(|_| "not a JSON object without duplicate members")?;
        object.0.iter().try_for_each(|(_, value)| check(value, depth.saturating_sub(1)))?;
        Ok(object)
    }

    /// The member of that name, undecoded.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().find_map(|(key, value)| (key == name).then_some(*value))
    }

    /// The member of that name as a string, a number, a list …
    ///
    /// # Errors
    ///
    /// [`WrongType`] if it is there and something else; `null` is something else.
    pub fn typed<T: Deserialize<'a>>(&self, name: &str) -> Result<Option<T>, WrongType> {
        self.get(name).map(|raw| serde_json::from_str(raw.get()).map_err(|_| WrongType)).transpose()
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut members: Vec<(Cow<'de, str>, &'de RawValue)> = Vec::with_capacity(12);
                while let Some(name) = map.next_key_seed(Name)? {
                    // Tokens have about ten members: a scan beats a hash set. A token of the largest size
                    // has some 3,000; the scan then takes milliseconds, so the set takes over.
                    if members.len() < 32 && members.iter().any(|(other, _)| *other == name) {
                        return Err(A::Error::custom("duplicate member"));
                    }
                    members.push((name, map.next_value()?));
                }
                let distinct = members.len() <= 32
                    || members.iter().map(|(name, _)| name).collect::<HashSet<_>>().len() == members.len();
                distinct.then_some(Object(members)).ok_or_else(|| A::Error::custom("duplicate member"))
            }
        }
        deserializer.deserialize_map(Members)
    }
}

/// Whether a value has objects without duplicate members only, and is not nested deeper than that. What strings and numbers
/// say is looked at by those who ask for them.
fn check(value: &RawValue, depth: usize) -> Result<(), &'static str> {
    const WHY: &str = "duplicate members or nesting too deep";
    let text = value.get();
    let inner: Vec<&RawValue> = if text.starts_with('{') {
        serde_json::from_str::<Object>(text).map_err(|_| WHY)?.0.into_iter().map(|(_, value)| value).collect()
    } else if text.starts_with('[') {
        serde_json::from_str(text).map_err(|_| WHY)?
    } else {
        return Ok(());
    };
    if depth == 0 {
        return Err(WHY);
    }
    inner.into_iter().try_for_each(|value| check(value, depth - 1))
}

/// A member name: borrowed unless it has escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a member name")
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
    fn refuses(text: impl AsRef<[u8]>) {
        assert!(Object::parse(text.as_ref(), 128).is_err());
    }

    #[test]
    fn what_is_not_an_object_is_refused() {
        for text in ["", "null", "1", "\"a\"", "[]", "[{}]", "{}x", "{", "{} {}", "\u{feff}{}", "{'a':1}", "{\"a\":01}"]
        {
            refuses(text);
        }
        refuses(b"{\"a\":\"\xff\"}");
    }

    #[test]
    fn duplicate_members_are_refused_at_any_depth_and_however_spelt() {
        refuses(r#"{"a":1,"a":1}"#);
        refuses(r#"{"exp":1,"\u0065xp":2}"#);
        refuses(r#"{"a":{"b":1,"b":2}}"#);
        refuses(r#"{"a":[{"b":1,"b":2}]}"#);
        let many: Vec<String> = (0..100).map(|n| format!("\"m{n}\":{n}")).collect();
        assert!(Object::parse(format!("{{{}}}", many.join(",")).as_bytes(), 128).is_ok());
        refuses(format!("{{{},\"m77\":0}}", many.join(",")));
        refuses(format!("{{{},\"m1\":0}}", many[..32].join(",")));
    }

    #[test]
    fn deep_nesting_is_refused() {
        assert!(Object::parse(format!("{{\"a\":{}{}}}", "[".repeat(100), "]".repeat(100)).as_bytes(), 128).is_ok());
        refuses(format!("{{\"a\":{}{}}}", "[".repeat(6000), "]".repeat(6000)));
        refuses(format!("{{\"a\":{}1{}}}", "{\"b\":".repeat(2000), "}".repeat(2000)));
    }

    /// `JSON.stringify` writes half a character, as a text cut in the middle of an emoji has it, as such an escape.
    #[test]
    fn what_is_not_looked_at_may_be_any_json_at_any_depth() {
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
    fn a_member_is_typed_or_wrong_or_absent() {
        let object = Object::parse(br#"{"s":"x","n":1.5,"null":null}"#, 1).unwrap_or(Object(vec![]));
        assert_eq!(object.typed::<String>("s"), Ok(Some("x".into())));
        assert_eq!(object.typed::<f64>("n"), Ok(Some(1.5)));
        assert_eq!(object.typed::<String>("n"), Err(WrongType));
        assert_eq!(object.typed::<String>("null"), Err(WrongType));
        assert_eq!(object.typed::<String>("absent"), Ok(None));
    }
}
