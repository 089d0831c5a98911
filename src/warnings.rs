//! Warnings about rejections that a wrong configuration or an outage causes, for the log of the server.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use serde_json::Value;

use crate::error::{Code, Rejection, printable};
use crate::options::Options;

/// Maximum number of warnings per process. An application that creates a verifier for every request would otherwise let outsiders
/// flood its log.
const MAX_WARNINGS: u32 = 100;

/// Maximum number of characters of a value in a warning.
const MAX_CHARS: usize = 200;

/// The codes that a verifier has warned about.
#[derive(Debug, Default)]
pub struct WarnedCodes(AtomicU8);

impl WarnedCodes {
    /// The warning about a rejection, unless this verifier has already warned about its code. Only clients with a valid signature can
    /// cause the warnings about an issuer or audience, because claims are checked after the signature.
    #[must_use]
    pub fn take(&self, rejection: &Rejection, options: &Options) -> Option<String> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let (bit, text): (u8, fn(&Rejection, &Options) -> String) = match rejection.code {
            Code::JwksUnavailable => (1, keys_unavailable),
            // With several Logto servers, the issuer is compared before the signature is checked. Such a rejection
            // lacks these details and must not cause a warning.
            Code::InvalidIssuer if ["iss", "reason"].iter().any(|name| rejection.details.contains_key(*name)) => {
                (2, other_issuer)
            }
            Code::InvalidAudience => (4, other_audience),
            _ => return None,
        };
        // Reading the flags first avoids a write to shared memory for every rejection.
        if self.0.load(Ordering::Relaxed) & bit != 0 || self.0.fetch_or(bit, Ordering::Relaxed) & bit != 0 {
            return None;
        }
        (COUNT.fetch_add(1, Ordering::Relaxed) < MAX_WARNINGS).then(|| text(rejection, options))
    }
}

fn keys_unavailable(rejection: &Rejection, options: &Options) -> String {
    let url = rejection.details.get("jwksUri").and_then(Value::as_str).unwrap_or_default();
    let cause = printable(rejection.cause.as_deref().unwrap_or("no response"), MAX_CHARS);
    let default = options.issuers.first().map(|issuer| crate::url::jwks_uri(issuer)).unwrap_or_default();
    let flag = if url == default { String::new() } else { format!(" --jwks-uri {url}") };
    let url = printable(url, MAX_CHARS);
    format!(
        "The signing keys could not be fetched from {url}: {cause}. To find the cause, run: npx logto-authkit doctor{}{flag}",
        url_flag(options)
    )
}

fn other_issuer(rejection: &Rejection, options: &Options) -> String {
    format!(
        "A token with a valid signature was rejected, because its issuer is {}, but the options accept {}. To see every check, run: npx logto-authkit explain{}",
        format_detail(rejection.details.get("iss")),
        format_detail(rejection.details.get("expected")),
        url_flag(options),
    )
}

fn other_audience(rejection: &Rejection, options: &Options) -> String {
    let audience = options.audiences.iter().flatten().next().map(|audience| format!(" --audience {audience}"));
    format!(
        "A token with a valid signature was rejected, because its audience is {}, but the options accept {}. To see every check, run: npx logto-authkit explain{}{}",
        format_detail(rejection.details.get("aud")),
        format_detail(rejection.details.get("expected")),
        url_flag(options),
        audience.unwrap_or_default(),
    )
}

/// The flag for the URL of the Logto server. The issuer is a valid value for it.
fn url_flag(options: &Options) -> String {
    options.issuers.first().map(|issuer| format!(" --url {issuer}")).unwrap_or_default()
}

/// A detail of a rejection, which is already safe for a log line.
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
    use crate::options::tests::options;

    fn rejection(code: Code) -> Rejection {
        Rejection::from(code).detail("iss", "https://other.test/oidc").detail("expected", vec!["https://api.test"])
    }

    #[test]
    fn d1_warns_once_per_code_and_verifier() {
        let (warned, options) = (WarnedCodes::default(), options(&[]));
        for code in [Code::InvalidIssuer, Code::InvalidAudience, Code::JwksUnavailable] {
            assert!(warned.take(&rejection(code), &options).is_some());
            assert!(warned.take(&rejection(code), &options).is_none());
        }
        let unverified = Rejection::from(Code::InvalidIssuer).detail("expected", vec!["https://t.test/oidc"]);
        assert!(WarnedCodes::default().take(&unverified, &options).is_none());
        for code in [Code::MissingToken, Code::TokenExpired, Code::InvalidSignature, Code::Overloaded] {
            assert!(warned.take(&rejection(code), &options).is_none());
        }
    }

    #[test]
    fn d1_names_the_values_and_the_command_in_one_line() {
        let options = options(&[]);
        let hostile = format!("https://a\n\u{1b}[31m{}", "x".repeat(999));
        let audience = rejection(Code::InvalidAudience).detail("aud", vec![hostile, "b".into()]);
        let text = WarnedCodes::default().take(&audience, &options).unwrap();
        assert!(text.contains("but the options accept \"https://api.test\""), "{text}");
        assert!(
            text.ends_with("npx logto-authkit explain --url https://t.test/oidc --audience https://api.test"),
            "{text}"
        );
        assert!(!text.contains(['\n', '\u{1b}']) && text.len() < 1_000, "{text}");

        let cause = Some("the server responded with status 500".into());
        let keys = Rejection { cause, ..Code::JwksUnavailable.into() }.detail("jwksUri", "https://t.test/oidc/jwks");
        assert_eq!(
            WarnedCodes::default().take(&keys, &options).unwrap(),
            "The signing keys could not be fetched from https://t.test/oidc/jwks: the server responded with status 500. To find the cause, run: npx logto-authkit doctor --url https://t.test/oidc"
        );
    }
}
