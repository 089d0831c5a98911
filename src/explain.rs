//! A report on every check of a token, which explains why the token is rejected. The pipeline in [`crate::verify`]
//! performs the checks, with [`Report`] as its [`Verdicts`].

use serde_json::{Map, Value, json};

use crate::base64url::decode;
use crate::check::{Check, Verdicts};
use crate::claims::{Claims, MAX_PAYLOAD_DEPTH};
use crate::clock::Timestamp;
use crate::error::Rejection;
use crate::json::Object;
use crate::options::{KeySource, Options};
use crate::requirements::Organization;
use crate::revocations::RevocationState;
use crate::source::{self, Credentials};
use crate::token::{MAX_HEADER_DEPTH, check_size};
use crate::verify::{ParsedToken, Verifier};

/// Why a check was not performed: an earlier check has failed.
pub(crate) const CHECK_NOT_REACHED: &str = "not reached";

/// Why a check does not apply: the claim that it needs is malformed, which another check reports.
pub(crate) const MALFORMED_CLAIM: &str = "its claim is malformed";

impl Verifier {
    /// Reports on every check of a token, including those after the first failure. The report does not use the token
    /// cache.
    pub async fn explain(&self, token: &str, now: Timestamp) -> Report {
        self.explain_token(token, None, now).await
    }

    /// Reports on the token that [`Self::verify_request`] accepts. If no token is accepted, reports on the first token.
    pub async fn explain_request(&self, request: &Credentials, now: Timestamp) -> Report {
        let organization = request.organization.as_ref();
        let no_token = |rejection: Rejection| {
            let mut report = Report::new(None, self.options(), organization);
            let _ = report.record::<()>(Check::Present, Err(rejection));
            report
        };
        let tokens = match source::tokens(request, self.options()) {
            Ok(tokens) => tokens,
            Err(rejection) => return no_token(rejection),
        };
        let mut first_report = None;
        for token in tokens {
            let report = self.explain_token(token, organization, now).await;
            match report.rejection().map(|rejection| rejection.code.status()) {
                None => return report,
                Some(401) => drop(first_report.get_or_insert(report)),
                Some(_) => return first_report.unwrap_or(report),
            }
        }
        first_report.unwrap_or_else(|| no_token(source::missing_token(request, self.options())))
    }

    async fn explain_token(&self, text: &str, organization: Option<&Organization>, now: Timestamp) -> Report {
        let mut report = Report::new(Some(text), self.options(), organization);
        let _ = report.record(Check::Present, Ok(()));
        if let Ok(Some(ParsedToken { claims, .. })) = self.check_token(text, now, false, &mut report).await {
            report.mark_malformed_claim_checks(&claims);
            let current_time = now.max(Timestamp::now());
            let times = (self.date(None, now, current_time), current_time);
            let _ = self.check_claims(&claims, &RevocationState::default(), organization, times, &mut report);
        }
        report
    }
}

/// The verdicts of all checks on one token.
#[derive(Clone, Debug)]
pub struct Report {
    verdicts: [Verdict; Check::ALL.len()],
    /// The token as passed by the caller.
    token: String,
}

#[derive(Clone, Debug)]
enum Verdict {
    Passed,
    Failed(Box<Rejection>),
    NotChecked(&'static str),
    /// The check is reported as not performed, even if the pipeline performs it.
    NotApplicable(&'static str),
}

impl Report {
    /// Creates an empty report on a token, or on a request without a token. The checks that the options turn off are
    /// marked as not applicable.
    fn new(token: Option<&str>, options: &Options, organization: Option<&Organization>) -> Self {
        let mut report = Self {
            verdicts: [const { Verdict::NotChecked(CHECK_NOT_REACHED) }; Check::ALL.len()],
            token: token.unwrap_or_default().to_owned(),
        };
        let requirements = &options.requirements;
        let no_keys = matches!(options.keys, KeySource::None);
        let any_organization = *organization.unwrap_or(&requirements.organization) == Organization::Unchecked;
        for (check, is_turned_off, reason) in [
            (Check::Typ, options.token_type.is_none(), "any type is accepted"),
            (Check::Key, no_keys, "no keys"),
            (Check::Signature, no_keys, "no keys"),
            (Check::Iss, options.issuers.is_empty(), "no issuer"),
            (Check::Aud, options.audiences.is_none(), "any audience is accepted"),
            (Check::Age, options.max_token_age.is_none(), "not limited"),
            (Check::Revocations, options.revocations.is_none(), "not configured"),
            (Check::Organization, any_organization, "not required"),
            (Check::Scope, requirements.scopes.is_empty(), "not required"),
            (Check::Role, requirements.roles.is_empty() && requirements.subject_type.is_none(), "not required"),
            (Check::Revocation, true, "left to the application"),
        ] {
            if is_turned_off {
                report.mark_not_applicable(check, reason);
            }
        }
        report
    }

    /// Marks the checks of malformed claims as not applicable, because [`Check::Types`] already reports those claims. A
    /// malformed `iss` is reported by [`Check::Iss`], even if no issuers are configured.
    fn mark_malformed_claim_checks(&mut self, claims: &Claims) {
        for (check, is_readable) in [
            (Check::Age, claims.has_well_formed_issue_time()),
            (Check::Scope, claims.has_readable_scope()),
            (Check::Organization, claims.has_well_formed_organization()),
        ] {
            if !is_readable && !matches!(self.get(check), Some(Verdict::NotApplicable(_))) {
                self.mark_not_applicable(check, MALFORMED_CLAIM);
            }
        }
        if !claims.has_readable_issuer() {
            self.set(Check::Iss, Verdict::NotChecked(CHECK_NOT_REACHED));
        }
    }

    fn mark_not_applicable(&mut self, check: Check, reason: &'static str) {
        self.set(check, Verdict::NotApplicable(reason));
    }

    fn set(&mut self, check: Check, verdict: Verdict) {
        if let Some(slot) = self.verdicts.get_mut(check.index()) {
            *slot = verdict;
        }
    }

    fn get(&self, check: Check) -> Option<&Verdict> {
        self.verdicts.get(check.index())
    }

    /// The rejection from the first failed check, which [`Verifier::verify`] also returns for the token.
    #[must_use]
    pub fn rejection(&self) -> Option<&Rejection> {
        self.verdicts
            .iter()
            .find_map(|verdict| if let Verdict::Failed(rejection) = verdict { Some(&**rejection) } else { None })
    }

    /// Whether the signature of the token is valid. Without a valid signature, anyone could have written the claims.
    #[must_use]
    pub fn is_verified(&self) -> bool {
        matches!(self.get(Check::Signature), Some(Verdict::Passed))
    }

    /// Converts the report to a JSON object.
    #[must_use]
    pub fn to_json(&self) -> String {
        let verdict = match self.rejection() {
            Some(_) => "rejected",
            None if self.is_verified() => "accepted",
            None => "unverified",
        };
        let checks: Vec<Value> = Check::ALL
            .into_iter()
            .zip(&self.verdicts)
            .map(|((_, id, title), verdict)| {
                let (verdict, rejection, reason) = match verdict {
                    Verdict::Passed => ("pass", None, None),
                    Verdict::Failed(rejection) => ("fail", Some(&**rejection), None),
                    Verdict::NotChecked(reason) | Verdict::NotApplicable(reason) => {
                        ("not_checked", None, Some(*reason))
                    }
                };
                let mut row = rejection.map_or_else(Map::new, rejection_to_json);
                let members =
                    [("id", Some(id)), ("title", Some(title)), ("verdict", Some(verdict)), ("reason", reason)];
                row.extend(members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.into()))));
                Value::Object(row)
            })
            .collect();
        // The header and the claims are inserted verbatim, so that numbers are not rounded.
        let [header, claims] = self.decoded_parts().map(|object| object.unwrap_or_else(|| "null".into()));
        format!(
            r#"{{"verdict":"{verdict}","verified":{},"token":{},"header":{header},"claims":{claims},"rejection":{},"checks":{}}}"#,
            self.is_verified(),
            json!(self.token),
            self.rejection().map_or(Value::Null, |rejection| Value::Object(rejection_to_json(rejection))),
            Value::Array(checks),
        )
    }

    /// The header and the payload as JSON, or `None` for a part that cannot be decoded. The header and the payload can
    /// be decoded even if the signature is damaged.
    fn decoded_parts(&self) -> [Option<String>; 2] {
        let parts: Vec<&str> = self.token.split('.').collect();
        let [header, payload, _] = parts.as_slice() else { return [None, None] };
        if check_size(&self.token).is_err() {
            return [None, None];
        }
        let object = |part: &str, depth| {
            let bytes = decode(part)?;
            Object::parse(&bytes, depth).ok()?;
            String::from_utf8(bytes).ok()
        };
        [object(header, MAX_HEADER_DEPTH), object(payload, MAX_PAYLOAD_DEPTH)]
    }
}

impl Verdicts for Report {
    fn record<T>(&mut self, check: Check, outcome: Result<T, Rejection>) -> Result<Option<T>, Rejection> {
        if matches!(self.get(check), Some(Verdict::NotApplicable(_))) {
            return Ok(outcome.ok());
        }
        Ok(match outcome {
            Ok(result) => {
                self.set(check, Verdict::Passed);
                Some(result)
            }
            Err(rejection) => {
                self.set(check, Verdict::Failed(Box::new(rejection)));
                None
            }
        })
    }
}

fn rejection_to_json(rejection: &Rejection) -> Map<String, Value> {
    let members = [
        ("code", json!(rejection.code.name())),
        ("status", json!(rejection.code.status())),
        ("message", json!(rejection.message())),
        ("details", Value::Object(rejection.details.clone())),
        ("cause", json!(rejection.cause)),
    ];
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
