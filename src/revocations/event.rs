//! Logto's webhook events, and the revocations that they cause.

use super::entry::{Entry, MAX_ENTRY_SECONDS_IN_FUTURE, RevocationKind, is_entry_id};
use crate::json::Object;

/// The Management API route for changing a user's password. Other changes to a user cause the same event as a password
/// change.
const PASSWORD_ROUTE: &str = "/users/:userId/password";

/// Which tokens an event revokes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RevocationRule {
    /// Revokes the user's tokens if the user is now suspended. Logto also sends this event when a suspension ends.
    Suspension,
    /// Revokes the user's tokens.
    User,
    /// Revokes the user's tokens if the password was changed.
    Password,
    /// Revokes the tokens that the removed users and applications have for the organization.
    Membership,
    /// Revokes all tokens for the organization.
    Organization,
    /// Revokes the tokens of the grants that Logto has revoked.
    Grants,
}

/// Every event that revokes tokens.
const REVOCATION_RULES: [(&str, RevocationRule); 6] = [
    ("User.SuspensionStatus.Updated", RevocationRule::Suspension),
    ("User.Deleted", RevocationRule::User),
    ("User.Data.Updated", RevocationRule::Password),
    ("Organization.Membership.Updated", RevocationRule::Membership),
    ("Organization.Deleted", RevocationRule::Organization),
    ("Grant.LimitExceeded", RevocationRule::Grants),
];

/// The names of the events that revoke tokens.
pub fn revoking_events() -> impl Iterator<Item = &'static str> {
    REVOCATION_RULES.into_iter().map(|(name, _)| name)
}

/// An event that Logto reports to a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// The name of the event.
    pub name: String,
    /// Whether an administrator sent the event to test the webhook.
    pub is_test: bool,
    /// The revocations that the event causes.
    pub entries: Vec<Entry>,
}

impl Event {
    /// Parses the body of a webhook request. The caller must have verified the signature. `now` is the current Unix
    /// time in seconds. Only the members that determine the revocations are checked, so that users cannot make an event
    /// invalid by editing other members, such as their custom data.
    ///
    /// # Errors
    ///
    /// The name of the missing or malformed member.
    pub fn parse(body: &[u8], now: f64) -> Result<Self, String> {
        let object = Object::parse_top_level(body).map_err(str::to_owned)?;
        let name: String = required(&object, "event")?;
        let is_test = is_test_event(&object);
        let rule = REVOCATION_RULES.into_iter().find_map(|(known, rule)| (known == name).then_some(rule));
        let entries = match rule.filter(|_| !is_test) {
            Some(rule) => rule.entries(&object, now)?,
            None => Vec::new(),
        };
        Ok(Self { name, is_test, entries })
    }
}

impl RevocationRule {
    fn entries(self, event: &Object, now: f64) -> Result<Vec<Entry>, String> {
        let created_at: String = required(event, "createdAt")?;
        let time =
            parse_iso_date(&created_at).ok_or_else(|| "createdAt".to_owned())?.min(now + MAX_ENTRY_SECONDS_IN_FUTURE);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates in 2106")]
        let before = time as u32;
        let entry =
            |kind, id: String, organization: &str| Entry { kind, id, organization: organization.into(), before };
        let user_entries = || Ok(vec![entry(RevocationKind::Subject, subject_id(event, "userId")?, "")]);
        match self {
            Self::Suspension => {
                let data: Object = required(event, "data")?;
                if required(&data, "isSuspended").map_err(|name| format!("data.{name}"))? {
                    user_entries()
                } else {
                    Ok(Vec::new())
                }
            }
            Self::User => user_entries(),
            Self::Password => {
                let route = event.get_as::<String>("matchedRoute").map_err(|_| "matchedRoute".to_owned())?;
                if route.as_deref() == Some(PASSWORD_ROUTE) { user_entries() } else { Ok(Vec::new()) }
            }
            Self::Membership => {
                let organization: String = required_id(event, "organizationId")?;
                let mut removed_ids = ids(event, "removedUserIds")?;
                // In a machine-to-machine token, `sub` is the application's id.
                removed_ids.extend(ids(event, "removedApplicationIds")?);
                Ok(removed_ids.into_iter().map(|id| entry(RevocationKind::Member, id, &organization)).collect())
            }
            Self::Organization => Ok(vec![entry(RevocationKind::Organization, subject_id(event, "id")?, "")]),
            Self::Grants => {
                let grant_ids = ids(event, "revokedGrantIds")?;
                Ok(grant_ids.into_iter().map(|id| entry(RevocationKind::Grant, id, "")).collect())
            }
        }
    }
}

/// Whether an administrator sent the event with the "Send test payload" button in Logto's console. The ids in a test
/// event are made up.
fn is_test_event(event: &Object) -> bool {
    let has_value = |outer: &str, inner: &str, expected: &str| {
        let outer = event.get_as::<Object>(outer).ok().flatten();
        outer.is_some_and(|outer| outer.get_as::<String>(inner).is_ok_and(|text| text.as_deref() == Some(expected)))
    };
    has_value("params", "id", "fake-id") && has_value("data", "result", "success")
}

/// The id of the user or organization that the event is about: `data.id`, or else a parameter of the Management API
/// request.
fn subject_id(event: &Object, parameter: &str) -> Result<String, String> {
    let data_id =
        event.get_as::<Object>("data").ok().flatten().and_then(|data| data.get_as::<String>("id").ok().flatten());
    let parameter_id = || {
        let params = event.get_as::<Object>("params").ok().flatten();
        params.and_then(|params| params.get_as::<String>(parameter).ok().flatten())
    };
    data_id.or_else(parameter_id).filter(|id| is_entry_id(id)).ok_or_else(|| "data.id".to_owned())
}

fn ids(event: &Object, name: &str) -> Result<Vec<String>, String> {
    let ids: Vec<String> = event.get_as(name).map_err(|_| name.to_owned())?.unwrap_or_default();
    if ids.iter().all(|id| is_entry_id(id)) { Ok(ids) } else { Err(name.to_owned()) }
}

fn required<'a, T: serde::Deserialize<'a>>(object: &Object<'a>, name: &str) -> Result<T, String> {
    object.get_as(name).ok().flatten().ok_or_else(|| name.to_owned())
}

fn required_id(object: &Object, name: &str) -> Result<String, String> {
    required(object, name).and_then(|id: String| if is_entry_id(&id) { Ok(id) } else { Err(name.to_owned()) })
}

/// Parses a date in the format of `Date.prototype.toISOString` into Unix time in seconds.
fn parse_iso_date(date: &str) -> Option<f64> {
    let bytes = date.as_bytes();
    let separators = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
    if bytes.len() != 24 || separators.iter().any(|(index, char)| bytes.get(*index) != Some(char)) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| {
        let digits = date.get(range)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u32>().ok())?
    };
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second, millisecond) = (number(11..13)?, number(14..16)?, number(17..19)?, number(20..23)?);
    if year < 1970 || !(1..=12).contains(&month) || !(1..=31).contains(&day) || hour > 23 || minute > 59 || second > 59
    {
        return None;
    }
    // Counts the days since 1970 in the Gregorian calendar, with years that begin in March (Howard Hinnant,
    // "chrono-compatible algorithms").
    let (year, shifted_month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * shifted_month + 2) / 5 + day - 1 - 719_468;
    Some(f64::from(days) * 86_400.0 + f64::from(hour * 3_600 + minute * 60 + second) + f64::from(millisecond) / 1_000.0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const NOW: f64 = 1_800_000_000.0;
    /// 2026-11-25T22:36:45.679Z
    const CREATED_AT: u32 = 1_795_646_205;

    fn parse(body: &Value) -> Result<Event, String> {
        Event::parse(body.to_string().as_bytes(), NOW)
    }

    fn event(name: &str, members: Value) -> Value {
        let mut event = json!({ "event": name, "createdAt": "2026-11-25T22:36:45.679Z" });
        let Value::Object(members) = members else { panic!("members") };
        for (name, value) in members {
            event[name] = value;
        }
        event
    }

    #[track_caller]
    fn entries_of(name: &str, members: Value) -> Vec<(RevocationKind, String, String)> {
        let event = parse(&event(name, members)).unwrap();
        event
            .entries
            .into_iter()
            .map(|entry| {
                assert_eq!(entry.before, CREATED_AT);
                (entry.kind, entry.id, entry.organization)
            })
            .collect()
    }

    fn one_entry(kind: RevocationKind, id: &str, organization: &str) -> Vec<(RevocationKind, String, String)> {
        vec![(kind, id.into(), organization.into())]
    }

    #[test]
    fn custom_data_that_users_can_edit_does_not_prevent_a_revocation() {
        let nested = format!("{}1{}", r#"{"a":["#.repeat(5_000), "]}".repeat(5_000));
        let body = format!(
            r#"{{"event":"User.Deleted","createdAt":"2026-11-25T22:36:45.679Z","data":{{"id":"u","customData":{nested}}}}}"#
        );
        let event = Event::parse(body.as_bytes(), NOW).unwrap();
        assert_eq!(event.entries.len(), 1);
    }

    #[test]
    fn the_events_in_the_contract_revoke_tokens() {
        let user = json!({ "params": { "userId": "u" }, "data": { "id": "u", "isSuspended": true } });
        assert_eq!(
            entries_of("User.SuspensionStatus.Updated", user.clone()),
            one_entry(RevocationKind::Subject, "u", "")
        );
        assert_eq!(entries_of("User.Deleted", user), one_entry(RevocationKind::Subject, "u", ""));
        let password = json!({ "matchedRoute": "/users/:userId/password", "params": { "userId": "u" } });
        assert_eq!(entries_of("User.Data.Updated", password), one_entry(RevocationKind::Subject, "u", ""));
        let membership = json!({ "organizationId": "o", "removedUserIds": ["u", "w"], "addedUserIds": ["x"] });
        assert_eq!(
            entries_of("Organization.Membership.Updated", membership),
            [one_entry(RevocationKind::Member, "u", "o"), one_entry(RevocationKind::Member, "w", "o")].concat()
        );
        let machines = json!({ "organizationId": "o", "removedApplicationIds": ["app"] });
        assert_eq!(
            entries_of("Organization.Membership.Updated", machines),
            one_entry(RevocationKind::Member, "app", "o")
        );
        let organization = json!({ "params": { "id": "o" } });
        assert_eq!(entries_of("Organization.Deleted", organization), one_entry(RevocationKind::Organization, "o", ""));
        let grants = json!({ "userId": "u", "applicationId": "a", "revokedGrantIds": ["g", "h"] });
        assert_eq!(
            entries_of("Grant.LimitExceeded", grants),
            [one_entry(RevocationKind::Grant, "g", ""), one_entry(RevocationKind::Grant, "h", "")].concat()
        );
    }

    #[test]
    fn other_events_revoke_nothing() {
        let user =
            |is_suspended| json!({ "params": { "userId": "u" }, "data": { "id": "u", "isSuspended": is_suspended } });
        assert_eq!(entries_of("User.SuspensionStatus.Updated", user(false)), []);
        for (name, members) in [
            ("User.Data.Updated", json!({ "matchedRoute": "/users/:userId", "data": { "id": "u" } })),
            ("User.Data.Updated", json!({ "data": { "id": "u" } })),
            ("User.Created", user(true)),
            ("Organization.Membership.Updated", json!({ "organizationId": "o", "addedUserIds": ["u"] })),
            ("Role.Scopes.Updated", json!({ "params": { "id": "r" } })),
            ("PostSignIn", json!({ "userId": "u", "sessionId": "s" })),
            ("Some.Future.Event", json!({ "createdAt": 5 })),
        ] {
            assert_eq!(entries_of(name, members), [], "{name}");
        }
    }

    #[test]
    fn a_test_event_revokes_nothing() {
        for name in revoking_events() {
            let test_event = event(name, json!({ "params": { "id": "fake-id" }, "data": { "result": "success" } }));
            assert_eq!(parse(&test_event), Ok(Event { name: name.into(), is_test: true, entries: vec![] }), "{name}");
        }
    }

    #[test]
    fn rejects_revoking_events_that_it_does_not_understand() {
        for (name, members, reason) in [
            ("User.SuspensionStatus.Updated", json!({ "params": { "userId": "u" } }), "data"),
            ("User.SuspensionStatus.Updated", json!({ "data": { "id": "u" } }), "data.isSuspended"),
            (
                "User.SuspensionStatus.Updated",
                json!({ "data": { "id": "u", "isSuspended": "true" } }),
                "data.isSuspended",
            ),
            ("User.SuspensionStatus.Updated", json!({ "data": { "isSuspended": true } }), "data.id"),
            ("User.Deleted", json!({ "data": { "id": "" } }), "data.id"),
            ("User.Deleted", json!({ "data": { "id": "u" }, "createdAt": 1_795_646_205_000_u64 }), "createdAt"),
            ("User.Deleted", json!({ "data": { "id": "u" }, "createdAt": "25 Nov 2026" }), "createdAt"),
            ("Organization.Membership.Updated", json!({ "removedUserIds": ["u"] }), "organizationId"),
            (
                "Organization.Membership.Updated",
                json!({ "organizationId": "o", "removedUserIds": [5] }),
                "removedUserIds",
            ),
            (
                "Organization.Membership.Updated",
                json!({ "organizationId": "o", "removedUserIds": [""] }),
                "removedUserIds",
            ),
            ("Organization.Deleted", json!({}), "data.id"),
            ("Grant.LimitExceeded", json!({ "revokedGrantIds": "g" }), "revokedGrantIds"),
        ] {
            assert_eq!(parse(&event(name, members.clone())), Err(reason.into()), "{name} {members}");
        }
        for body in ["", "null", "[]", "{}", r#"{"event":5}"#, r#"{"event":"a","event":"b"}"#, "\u{feff}{}"] {
            assert!(Event::parse(body.as_bytes(), NOW).is_err(), "{body}");
        }
        assert!(Event::parse(b"{\"event\":\"\xff\"}", NOW).is_err());
    }

    #[test]
    fn a_time_in_the_distant_future_is_limited() {
        let body = event("User.Deleted", json!({ "data": { "id": "u" }, "createdAt": "2999-01-01T00:00:00.000Z" }));
        let before = parse(&body).unwrap().entries[0].before;
        assert!((f64::from(before) - (NOW + MAX_ENTRY_SECONDS_IN_FUTURE)).abs() < 1.0);
    }

    #[test]
    fn reads_dates_as_javascript_writes_them() {
        for (date, expected) in [
            ("1970-01-01T00:00:00.000Z", 0.0),
            ("2000-02-29T12:34:56.789Z", 951_827_696.789),
            ("2026-11-25T22:36:45.679Z", 1_795_646_205.679),
            ("2100-03-01T00:00:00.000Z", 4_107_542_400.0),
        ] {
            assert!((parse_iso_date(date).unwrap() - expected).abs() < 1e-3, "{date}");
        }
        for date in [
            "",
            "2026-11-25",
            "2026-11-25T22:36:45Z",
            "2026-11-25T22:36:45.679",
            "2026-11-25T22:36:45.679+",
            "2026-13-25T22:36:45.679Z",
            "2026-11-25T24:36:45.679Z",
            "1969-12-31T23:59:59.999Z",
            "2026-11-25T22:36:4\u{e9}679Z",
            "+026-11-25T22:36:45.679Z",
        ] {
            assert_eq!(parse_iso_date(date), None, "{date}");
        }
    }
}
