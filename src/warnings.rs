//! Warnings in the server's log about rejections caused by a wrong configuration or an outage.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::clock::Timestamp;
use crate::error::{ErrorCode, Rejection, to_printable};
use crate::lock::lock;
use crate::options::{KeySource, Options};
use crate::url;

/// Maximum number of warnings from all verifiers per [`WARNING_LIMIT_PERIOD`]. Without a maximum, outsiders could flood
/// the log of an application that creates a verifier for every request.
pub(crate) const MAX_WARNINGS: u32 = 100;

/// The period after which the warning count is reset. Without a reset, verifiers created after the limit was reached
/// would never warn.
const WARNING_LIMIT_PERIOD: Duration = Duration::from_secs(3_600);

static PROCESS_WARNING_LIMIT: WarningLimit = WarningLimit::new();

/// Maximum length of a value in a warning, in characters.
const MAX_VALUE_CHARS: usize = 200;

/// Maximum length, in characters, of the cause that a warning gives for a failed fetch. The core's own descriptions of
/// fetch errors are never that long, so only text from the server is ever truncated.
const MAX_CAUSE_CHARS: usize = 1_000;

/// The start of the current period, and the number of warnings since then, including warnings beyond the maximum.
struct WarningLimit(Mutex<Option<(Timestamp, u32)>>);

impl WarningLimit {
    const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// Counts a warning. Returns `false` if the maximum number of warnings in the current period is exceeded.
    fn count_warning(&self, now: Timestamp) -> bool {
        let mut period = lock(&self.0);
        let (start, count) =
            period.filter(|(start, _)| now.duration_since(*start) < WARNING_LIMIT_PERIOD).unwrap_or((now, 0));
        *period = Some((start, count.saturating_add(1)));
        count < MAX_WARNINGS
    }
}

/// The error codes that a verifier has already warned about.
#[derive(Debug, Default)]
pub struct WarnedCodes(AtomicU8);

impl WarnedCodes {
    /// The warning about a rejection, unless the verifier has already warned about the same code, or the process has
    /// reached its limit of warnings. Only tokens with a valid signature can cause a warning about the issuer or the
    /// audience, because claims are checked after the signature.
    #[must_use]
    pub fn create_warning(&self, rejection: &Rejection, options: &Options) -> Option<String> {
        self.create_warning_within_limit(&PROCESS_WARNING_LIMIT, rejection, options, Timestamp::now)
    }

    fn create_warning_within_limit(
        &self,
        limit: &WarningLimit,
        rejection: &Rejection,
        options: &Options,
        now: impl FnOnce() -> Timestamp,
    ) -> Option<String> {
        let (bit, text): (u8, fn(&Rejection, &Options) -> String) = match rejection.code {
            // During a cooldown, anyone can cause this warning with a forged token even though the key server works, so
            // this warning must not replace the one about an outage.
            ErrorCode::JwksUnavailable if rejection.details.contains_key("reason") => (8, cooldown_warning),
            ErrorCode::JwksUnavailable => (1, keys_warning),
            // With several Logto servers, the issuer is compared before the signature is checked. A rejection from
            // this early comparison lacks the details `iss` and `reason`, and must not cause a warning.
            ErrorCode::InvalidIssuer if ["iss", "reason"].iter().any(|name| rejection.details.contains_key(*name)) => {
                (2, issuer_warning)
            }
            ErrorCode::InvalidAudience => (4, audience_warning),
            ErrorCode::UnknownKey if is_from_local_issuer(rejection, options) => (16, local_keys_warning),
            _ => return None,
        };
        // Reading the flags first avoids a write to shared memory for every rejection.
        if self.0.load(Ordering::Relaxed) & bit != 0 || self.0.fetch_or(bit, Ordering::Relaxed) & bit != 0 {
            return None;
        }
        if limit.count_warning(now()) {
            return Some(text(rejection, options));
        }
        // The flag is cleared, so that the verifier can emit this warning after the limit has been reset.
        self.0.fetch_and(!bit, Ordering::Relaxed);
        None
    }
}

fn keys_warning(rejection: &Rejection, options: &Options) -> String {
    let (url, command) = url_and_doctor_command(rejection, options);
    let cause = to_printable(rejection.cause.as_deref().unwrap_or("no response"), MAX_CAUSE_CHARS);
    let is_refused = rejection.cause_code == Some("ECONNREFUSED");
    let is_local = is_refused && url::parse(&url).is_ok_and(|url| url::is_loopback(&url));
    let advice = if is_local { " During development, start `npx logto-authkit dev`." } else { "" };
    format!("The signing keys could not be fetched from {url}: {cause}.{advice} To find the cause, run: {command}")
}

fn cooldown_warning(rejection: &Rejection, options: &Options) -> String {
    let (url, command) = url_and_doctor_command(rejection, options);
    format!(
        "A token could not be verified, because its key is not in the key set from {url}, which was fetched less than jwksCooldownMs ago. After a key rotation, this is temporary. If it affects every token, check the options logtoUrl and jwksUri, for example with: {command}"
    )
}

/// The JWKS URL in a rejection, and the command that checks this URL.
fn url_and_doctor_command(rejection: &Rejection, options: &Options) -> (String, String) {
    let url = rejection.details.get("jwksUri").and_then(Value::as_str).unwrap_or_default();
    let default = options.issuers.first().map(|issuer| url::jwks_uri(issuer)).unwrap_or_default();
    let flag = if url == default { String::new() } else { format!(" --jwks-uri {url}") };
    (to_printable(url, MAX_VALUE_CHARS), format!("npx logto-authkit doctor{}{flag}", url_flag(options)))
}

fn issuer_warning(rejection: &Rejection, options: &Options) -> String {
    format!(
        "A token with a valid signature was rejected, because its issuer is {}, but the options accept {}.{} To see every check, run: npx logto-authkit explain{}",
        format_detail(rejection.details.get("iss")),
        format_detail(rejection.details.get("expected")),
        issuer_advice(rejection, options).unwrap_or_default(),
        url_flag(options),
    )
}

/// Suggests options that would accept the token's issuer, if the issuer is a URL. The key set contains the token's key,
/// so the issuer is probably another URL of the same Logto server.
fn issuer_advice(rejection: &Rejection, options: &Options) -> Option<String> {
    let iss = rejection.details.get("iss").and_then(Value::as_str).filter(|iss| url::is_identifier(iss))?;
    let both = Value::from([options.issuers.as_slice(), &[iss.to_owned()]].concat());
    let advice = match (&options.keys, options.issuers.as_slice(), url::logto_url(iss)) {
        // If the JWKS URL belongs to the issuer, both were probably derived from `logtoUrl`.
        (KeySource::Url { source, .. }, [issuer], Some(logto_url)) if source.url == url::jwks_uri(issuer) => format!(
            "If this is the public URL of your Logto, set logtoUrl (LOGTO_URL) to \"{logto_url}\", and jwksUri to \"{}\" if only that URL can be reached from here. To accept both issuers, set",
            source.url
        ),
        _ => "If this is another URL of your Logto, set".into(),
    };
    Some(format!(" {advice} issuer to {both}."))
}

fn audience_warning(rejection: &Rejection, options: &Options) -> String {
    let audience = options.audiences.iter().flatten().next().map(|audience| format!(" --audience {audience}"));
    format!(
        "A token with a valid signature was rejected, because its audience is {}, but the options accept {}. If the token is meant for this API, change the audience option (LOGTO_AUDIENCE), or in mcpAuth the resource option; otherwise, the client must request a token for the accepted audience. To see every check, run: npx logto-authkit explain{}{}",
        format_detail(rejection.details.get("aud")),
        format_detail(rejection.details.get("expected")),
        url_flag(options),
        audience.unwrap_or_default(),
    )
}

/// Whether a token with an unknown key may come from an earlier run of `logto-authkit dev`: it names no other issuer, and
/// the keys are fetched from this machine. With any other key server, outsiders could cause the warning.
fn is_from_local_issuer(rejection: &Rejection, options: &Options) -> bool {
    let is_local = |url: &str| url::parse(url).is_ok_and(|url| url::is_loopback(&url));
    !rejection.details.contains_key("unverifiedIss")
        && matches!(&options.keys, KeySource::Url { source, .. } if is_local(&source.url))
}

fn local_keys_warning(_: &Rejection, options: &Options) -> String {
    let issuer = options.issuers.first().map(String::as_str).unwrap_or_default();
    format!(
        "A token of {issuer} was rejected, because its key is not in the key set. The keys have probably changed, as they do whenever `npx logto-authkit dev` starts: get a new token."
    )
}

/// The command-line flag for the URL of the Logto server. If the issuer does not have the form of a Logto server's
/// issuer, the flag contains the issuer itself, which `--url` accepts too.
fn url_flag(options: &Options) -> String {
    let base_url = |issuer: &String| {
        let url =
            issuer.strip_suffix("/oidc").filter(|url| url::parse(url).is_ok_and(|url| url::issuer(&url) == *issuer));
        url.unwrap_or(issuer).to_owned()
    };
    options.issuers.first().map(|issuer| format!(" --url {}", base_url(issuer))).unwrap_or_default()
}

/// Formats a rejection detail whose strings are already safe for a log line.
fn format_detail(detail: Option<&Value>) -> String {
    match detail {
        None => "missing or malformed".into(),
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(|item| format_detail(Some(item))).collect();
            if items.is_empty() { "an empty list".into() } else { items.join(" or ") }
        }
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::Raw;
    use crate::options::tests::{options, text};
    use crate::reason::Reason;

    fn rejection(code: ErrorCode) -> Rejection {
        Rejection::from(code).detail("iss", "https://other.test/oidc").detail("expected", vec!["https://api.test"])
    }

    fn take(warned: &WarnedCodes, rejection: &Rejection, options: &Options) -> Option<String> {
        warned.create_warning_within_limit(&WarningLimit::new(), rejection, options, Timestamp::now)
    }

    #[test]
    fn d1_warns_once_per_code_and_verifier() {
        let (warned, options) = (WarnedCodes::default(), options(&[]));
        for code in [ErrorCode::InvalidIssuer, ErrorCode::InvalidAudience, ErrorCode::JwksUnavailable] {
            assert!(take(&warned, &rejection(code), &options).is_some());
            assert!(take(&warned, &rejection(code), &options).is_none());
        }
        let cooldown = Rejection::from(ErrorCode::JwksUnavailable).reason(Reason::Cooldown);
        assert!(take(&warned, &cooldown, &options).is_some_and(|text| text.contains("jwksCooldownMs")));
        assert!(take(&warned, &cooldown, &options).is_none());
        let unverified_rejection =
            Rejection::from(ErrorCode::InvalidIssuer).detail("expected", vec!["https://t.test/oidc"]);
        assert!(take(&WarnedCodes::default(), &unverified_rejection, &options).is_none());
        for code in
            [ErrorCode::MissingToken, ErrorCode::TokenExpired, ErrorCode::InvalidSignature, ErrorCode::Overloaded]
        {
            assert!(take(&warned, &rejection(code), &options).is_none());
        }
    }

    #[test]
    fn d1_names_the_values_and_the_command_in_one_line() {
        let options = options(&[]);
        let hostile_audience = format!("https://a\n\u{1b}[31m{}", "x".repeat(999));
        let audience = rejection(ErrorCode::InvalidAudience).detail("aud", vec![hostile_audience, "b".into()]);
        let text = take(&WarnedCodes::default(), &audience, &options).unwrap();
        assert!(text.contains("but the options accept \"https://api.test\""), "{text}");
        assert!(text.ends_with("npx logto-authkit explain --url https://t.test --audience https://api.test"), "{text}");
        assert!(!text.contains(['\n', '\u{1b}']) && text.len() < 1_000, "{text}");

        let cause = Some("the server responded with status 500".into());
        let keys =
            Rejection { cause, ..ErrorCode::JwksUnavailable.into() }.detail("jwksUri", "https://t.test/oidc/jwks");
        assert_eq!(
            take(&WarnedCodes::default(), &keys, &options).unwrap(),
            "The signing keys could not be fetched from https://t.test/oidc/jwks: the server responded with status 500. To find the cause, run: npx logto-authkit doctor --url https://t.test"
        );
    }

    #[test]
    fn d1_prints_the_whole_advice_on_a_certificate_but_limits_foreign_text() {
        let warning = |cause: &str| {
            let rejection = Rejection { cause: Some(cause.into()), ..ErrorCode::JwksUnavailable.into() };
            take(&WarnedCodes::default(), &rejection, &options(&[])).unwrap()
        };
        let advice = format!("the server's certificate {}", "is not accepted. ".repeat(30));
        assert!(warning(&advice).contains(&advice));
        assert!(warning(&"x".repeat(9_999)).len() < 1_200);
    }

    #[test]
    fn d1_says_which_option_accepts_the_issuer_of_a_valid_token() {
        let warning = |iss: &str, members: &[(&str, Raw)]| {
            let rejection = Rejection::from(ErrorCode::InvalidIssuer).detail("iss", iss);
            take(&WarnedCodes::default(), &rejection, &options(members)).unwrap()
        };
        let (public, key_set) = ("https://login.test/logto/oidc", "https://t.test/oidc/jwks");
        let both = "issuer to [\"https://t.test/oidc\",\"https://login.test/logto/oidc\"]. To see";
        let advice = format!(
            "set logtoUrl (LOGTO_URL) to \"https://login.test/logto\", and jwksUri to \"{key_set}\" if only that URL can be reached from here. To accept both issuers, set {both}"
        );
        for members in [&[][..], &[("jwksUri", text(key_set))]] {
            let text = warning(public, members);
            assert!(text.contains(&advice), "{text}");
        }
        let text = warning(public, &[("jwksUri", text("http://logto:3001/oidc/jwks"))]);
        assert!(text.contains(both) && !text.contains("logtoUrl"), "{text}");
        let text = warning("https://login.test", &[]);
        assert!(text.contains("\"https://login.test\"].") && !text.contains("logtoUrl"), "{text}");
        for other in ["app", "https://t.test/oidc\\u{a}", "https://t.test/oidc…"] {
            assert!(!warning(other, &[]).contains(" set "), "{other}");
        }
    }

    #[test]
    fn the_limit_per_process_neither_floods_the_log_nor_silences_verifiers_forever() {
        let (limit, options, start) = (WarningLimit::new(), options(&[]), Timestamp::now());
        let refusal = rejection(ErrorCode::InvalidAudience);
        let warns = |verifier: &WarnedCodes, now| {
            verifier.create_warning_within_limit(&limit, &refusal, &options, || now).is_some()
        };
        let count = |now| (0..1_000).filter(|_| warns(&WarnedCodes::default(), now)).count();
        assert_eq!(count(start), 100);

        let silenced_codes = WarnedCodes::default();
        let (half_period, next_period) = (start.plus(WARNING_LIMIT_PERIOD / 2), start.plus(WARNING_LIMIT_PERIOD));
        assert!(!warns(&silenced_codes, half_period));
        assert!(warns(&silenced_codes, next_period) && !warns(&silenced_codes, next_period));
        assert_eq!(count(next_period), 99);
    }

    #[test]
    fn says_that_the_keys_of_the_local_issuer_change() {
        let unknown_key = Rejection::from(ErrorCode::UnknownKey).detail("kid", "a");
        let local = options(&[("logtoUrl", text("http://127.0.0.1:3001"))]);
        let warned = WarnedCodes::default();
        let text = take(&warned, &unknown_key, &local).unwrap();
        assert!(
            text.starts_with("A token of http://127.0.0.1:3001/oidc was rejected") && text.contains("get a new token")
        );
        assert!(take(&warned, &unknown_key, &local).is_none());
        let other_issuer = unknown_key.clone().detail("unverifiedIss", "https://other.test/oidc");
        assert!(take(&WarnedCodes::default(), &other_issuer, &local).is_none());
        assert!(take(&WarnedCodes::default(), &unknown_key, &options(&[])).is_none());
    }

    #[test]
    fn names_the_local_issuer_if_it_does_not_run() {
        let warning = |url: &str, cause_code| {
            let rejection = Rejection { cause_code, ..ErrorCode::JwksUnavailable.into() }.detail("jwksUri", url);
            take(&WarnedCodes::default(), &rejection, &options(&[])).unwrap()
        };
        let (local, remote) = ("http://127.0.0.1:3001/oidc/jwks", "https://t.test/oidc/jwks");
        assert!(warning(local, Some("ECONNREFUSED")).contains("start `npx logto-authkit dev`."));
        assert!(!warning(remote, Some("ECONNREFUSED")).contains("logto-authkit dev"));
        assert!(!warning(local, Some("ECONNRESET")).contains("logto-authkit dev"));
    }
}
