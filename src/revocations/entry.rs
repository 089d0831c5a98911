//! Revocation entries: individual revocations, in the format that stores use.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

use crate::json::StringSeed;

/// The version of the format of revocation entries. An instance skips entries with any other version, so that instances
/// of different releases can share a store.
const ENTRY_VERSION: u32 = 1;

/// Maximum length of a revocation entry, in bytes. Even an entry whose ids have the maximum length ([`MAX_ID_BYTES`])
/// and consist only of escaped characters does not reach this limit.
const MAX_ENTRY_BYTES: usize = 16_384;

/// Maximum length of a user id, session id or other id in a revocation entry, in bytes. A `client_id` may be a URL.
pub const MAX_ID_BYTES: usize = 1_024;

/// How far in the future the time of a revocation may be, in seconds. Stores must keep every revocation entry for the
/// token lifetime plus this time.
pub const MAX_ENTRY_SECONDS_IN_FUTURE: f64 = 3_600.0;

/// A kind of revocation, named after the token property that its revocation entries are matched against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevocationKind {
    /// The `sub` claim of a token.
    Subject,
    /// The `sub` claim of a token that belongs to the revocation's organization.
    Member,
    /// The token's organization.
    Organization,
    /// The `client_id` claim of a token.
    Client,
    /// The `sid` claim of a token.
    Session,
    /// The `grant_id` claim of a token.
    Grant,
    /// The `jti` claim of a token.
    Token,
    /// No property, because the revocation covers every token.
    All,
}

impl RevocationKind {
    /// Every kind of revocation, with its name in revocation entries.
    pub const ALL: [(Self, &'static str); 8] = [
        (Self::Subject, "subject"),
        (Self::Member, "member"),
        (Self::Organization, "organization"),
        (Self::Client, "client"),
        (Self::Session, "session"),
        (Self::Grant, "grant"),
        (Self::Token, "token"),
        (Self::All, "all"),
    ];

    /// The index of this revocation kind in [`Self::ALL`].
    pub(super) const fn index(self) -> usize {
        self as usize
    }

    /// The value of `kind` in the JSON of a revocation entry of this kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.get(self.index()).map_or("", |(_, name)| name)
    }

    /// Whether a revocation of this kind also covers tokens issued after the time of the revocation. A client that
    /// refreshes its token after the session has ended gets a token with a newer `iat` and the same `sid`.
    #[must_use]
    pub const fn covers_later_tokens(self) -> bool {
        matches!(self, Self::Session | Self::Grant | Self::Token)
    }
}

/// A revocation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The token property that determines which tokens the revocation covers.
    pub kind: RevocationKind,
    /// The value of the token property, such as the user id. Empty for [`RevocationKind::All`].
    pub id: String,
    /// The organization for [`RevocationKind::Member`], or an empty string for all other kinds.
    pub organization: String,
    /// The time of the revocation, as Unix time in seconds. The revocation covers tokens issued up to and including
    /// this second and, if [`RevocationKind::covers_later_tokens`], later tokens too.
    pub before: u32,
}

impl Entry {
    /// The revocation entry as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut members = Map::new();
        members.insert("v".into(), ENTRY_VERSION.into());
        members.insert("kind".into(), self.kind.name().into());
        if self.kind != RevocationKind::All {
            members.insert("id".into(), self.id.as_str().into());
        }
        if self.kind == RevocationKind::Member {
            members.insert("organization".into(), self.organization.as_str().into());
        }
        members.insert("before".into(), self.before.into());
        Value::Object(members).to_string()
    }

    /// Parses a revocation entry from JSON. Returns `None` for a revocation entry that this release does not
    /// understand, for example because of an unknown member. An entry with an unknown member must not be applied as if
    /// the member were absent, because the member may restrict which tokens the entry covers.
    #[must_use]
    pub fn parse(json: &str) -> Option<Self> {
        if json.len() > MAX_ENTRY_BYTES {
            return None;
        }
        let Members { version, kind, id, organization, before } = serde_json::from_str(json).ok()?;
        if version != Some(ENTRY_VERSION) {
            return None;
        }
        let name = kind?;
        let kind = RevocationKind::ALL.into_iter().find_map(|(kind, known)| (known == name).then_some(kind))?;
        let text = |member: Option<Cow<str>>, is_required: bool| match member {
            Some(text) if is_required && is_entry_id(&text) => Some(text.into_owned()),
            None if !is_required => Some(String::new()),
            _ => None,
        };
        let id = text(id, kind != RevocationKind::All)?;
        let organization = text(organization, kind == RevocationKind::Member)?;
        Some(Self { kind, id, organization, before: before? })
    }
}

/// The members of a revocation entry. They are deserialized in one pass, because a new instance reads every entry in
/// the store.
#[derive(Default)]
struct Members<'a> {
    version: Option<u32>,
    kind: Option<Cow<'a, str>>,
    id: Option<Cow<'a, str>>,
    organization: Option<Cow<'a, str>>,
    before: Option<u32>,
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an entry")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key_seed(StringSeed)? {
            match &*name {
                "v" => set(&mut members.version, map.next_value()?)?,
                "kind" => set(&mut members.kind, map.next_value_seed(StringSeed)?)?,
                "id" => set(&mut members.id, map.next_value_seed(StringSeed)?)?,
                "organization" => set(&mut members.organization, map.next_value_seed(StringSeed)?)?,
                "before" => set(&mut members.before, map.next_value()?)?,
                _ => return Err(A::Error::custom("unknown member")),
            }
        }
        Ok(members)
    }
}

fn set<T, E: Error>(member: &mut Option<T>, value: T) -> Result<(), E> {
    if member.replace(value).is_some() { Err(E::custom("duplicate member")) } else { Ok(()) }
}

/// Whether a string may be used in a revocation entry as a user id, session id or other id.
#[must_use]
pub fn is_entry_id(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_ID_BYTES
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn entry(kind: RevocationKind, id: &str, before: u32) -> Entry {
        let organization = if kind == RevocationKind::Member { "org".into() } else { String::new() };
        Entry { kind, id: if kind == RevocationKind::All { String::new() } else { id.into() }, organization, before }
    }

    #[test]
    fn the_table_lists_the_kinds_in_declaration_order() {
        for (index, (kind, _)) in RevocationKind::ALL.into_iter().enumerate() {
            assert_eq!(kind.index(), index, "{kind:?}");
        }
    }

    #[test]
    fn every_entry_survives_the_store() {
        for (kind, name) in RevocationKind::ALL {
            for id in ["user", "https://client.test/a?b", "\u{e9}\"\\\n\u{2028}", &"\u{1}".repeat(MAX_ID_BYTES)] {
                let entry = entry(kind, id, 1_800_000_000);
                let json = entry.to_json();
                assert_eq!(Entry::parse(&json), Some(entry), "{name} {json}");
            }
        }
    }

    #[test]
    fn the_format_is_stable() {
        assert_eq!(entry(RevocationKind::Subject, "u", 7).to_json(), r#"{"before":7,"id":"u","kind":"subject","v":1}"#);
        assert_eq!(
            entry(RevocationKind::Member, "u", 7).to_json(),
            r#"{"before":7,"id":"u","kind":"member","organization":"org","v":1}"#
        );
        assert_eq!(entry(RevocationKind::All, "", 7).to_json(), r#"{"before":7,"kind":"all","v":1}"#);
    }

    #[test]
    fn skips_entries_that_it_does_not_understand() {
        for json in [
            "",
            "null",
            "[]",
            "{}",
            r#"{"v":2,"kind":"subject","id":"u","before":7}"#,
            r#"{"v":"1","kind":"subject","id":"u","before":7}"#,
            r#"{"kind":"subject","id":"u","before":7}"#,
            r#"{"v":1,"kind":"device","id":"u","before":7}"#,
            r#"{"v":1,"kind":"subject","before":7}"#,
            r#"{"v":1,"kind":"subject","id":"","before":7}"#,
            r#"{"v":1,"kind":"subject","id":5,"before":7}"#,
            r#"{"v":1,"kind":"subject","id":"u"}"#,
            r#"{"v":1,"kind":"subject","id":"u","before":-1}"#,
            r#"{"v":1,"kind":"subject","id":"u","before":7.5}"#,
            r#"{"v":1,"kind":"subject","id":"u","before":4294967296}"#,
            r#"{"v":1,"kind":"subject","id":"u","before":null}"#,
            r#"{"v":1,"kind":"subject","id":"u","organization":"o","before":7}"#,
            r#"{"v":1,"kind":"member","id":"u","before":7}"#,
            r#"{"v":1,"kind":"all","id":"u","before":7}"#,
            r#"{"v":1,"kind":"subject","id":"u","before":7,"until":9}"#,
            r#"{"v":1,"kind":"subject","id":"u","id":"w","before":7}"#,
            r#"{"v":1,"v":1,"kind":"subject","id":"u","before":7}"#,
            r#"{"v":1,"kind":"subject","id":"u","before":7,"before":9}"#,
            r#"{"v":1,"kind":"all","id":null,"before":7}"#,
            r#"{"v":1,"kind":"subject","id":"u","organization":null,"before":7}"#,
            r#"{"v":1,"kind":null,"id":"u","before":7}"#,
            r#"{"v":1,"kind":"subject","id":{"id":"u"},"before":7}"#,
            r#"[1,"subject","u",null,7]"#,
            r#"{"v":1,"kind":"subject","id":"u","before":7} "x""#,
            &format!(r#"{{"v":1,"kind":"subject","id":"{}","before":7}}"#, "x".repeat(MAX_ID_BYTES + 1)),
            &format!(r#"{{"v":1,"kind":"subject","id":"u","before":7{}}}"#, " ".repeat(MAX_ENTRY_BYTES)),
        ] {
            assert_eq!(Entry::parse(json), None, "{json}");
        }
    }
}
