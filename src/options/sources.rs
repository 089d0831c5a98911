//! The options of the functions that receive revocations from Logto: `webhook`, `backchannelLogout` and `catchUp`.

use std::time::Duration;

use super::raw::{OptionError, Raw};
use super::reader::{DefaultValue, Reader};
use super::values::{identifier, one_of, one_or_more, text};
use super::verifier::{Options, OptionsVariant};
use crate::token::LOGOUT_TOKEN_TYPE;
use crate::url;

/// The verifier options that `backchannelLogout` also takes.
const VERIFIER_OPTIONS: [&str; 8] =
    ["logtoUrl", "issuer", "jwksUri", "jwks", "jwksCa", "algorithms", "clockTolerance", "currentDate"];

/// Logto Cloud's domain, under which every tenant has a subdomain.
const CLOUD_DOMAIN: &str = ".logto.app";

/// Reads the options of `webhook` and returns the signing keys.
pub(super) fn read_webhook_options(read: &mut Reader) -> Vec<String> {
    const SIGNING_KEY_EXPECTATION: &str = "the webhook's signing key, or a non-empty array of keys";
    let given_key =
        read.take("signingKey", SIGNING_KEY_EXPECTATION, DefaultValue::Derived("required")).unwrap_or(Raw::Undefined);
    let keys = one_or_more(&given_key, identifier);
    if keys.is_none() {
        read.fail(OptionError::invalid_secret("signingKey", SIGNING_KEY_EXPECTATION, &given_key));
    }
    read.function("onEvent");
    keys.unwrap_or_default()
}

/// Parses the options of `webhook`.
///
/// # Errors
///
/// Reports the first option that is invalid, unknown, or required but missing.
pub fn signing_keys(raw: Raw) -> Result<Vec<String>, OptionError> {
    let mut reader = reader(raw)?;
    let keys = read_webhook_options(&mut reader);
    reader.finish()?;
    Ok(keys)
}

/// How a logout token is matched with access tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutMatch {
    /// The `sub` claims must match, or the `sid` claims if the logout token has no `sub`.
    Subject,
    /// The `sid` claims must match, or the `sub` claims if the logout token has no `sid`.
    Session,
}

/// The options of `backchannelLogout`.
#[derive(Clone, Debug)]
pub struct LogoutOptions {
    /// How logout tokens are verified.
    pub verifier: Options,
    /// How logout tokens are matched with access tokens.
    pub logout_match: LogoutMatch,
}

/// Reads the options of `backchannelLogout`.
pub(super) fn read_logout_options(read: &mut Reader) -> Option<LogoutOptions> {
    const LOGOUT_MATCH_NAMES: [(&str, LogoutMatch); 2] =
        [("subject", LogoutMatch::Subject), ("session", LogoutMatch::Session)];
    const CLIENT_ID_EXPECTATION: &str = "an application's id, or a non-empty array of ids";
    if !read.has("logtoUrl") {
        read.reject("logtoUrl", url::URL_EXPECTATION, &Raw::Undefined);
    }
    let mut members = Vec::new();
    let mut entry_reader = Reader::default();
    Options::read(&mut entry_reader, OptionsVariant::Verifier);
    for entry in entry_reader.into_entries().into_iter().filter(|entry| VERIFIER_OPTIONS.contains(&entry.name)) {
        members.extend(read.take(entry.name, entry.expected, entry.default).map(|raw| (entry.name.to_owned(), raw)));
    }
    let client =
        read.take("clientId", CLIENT_ID_EXPECTATION, DefaultValue::Derived("required")).unwrap_or(Raw::Undefined);
    if one_or_more(&client, identifier).is_none() {
        read.reject("clientId", CLIENT_ID_EXPECTATION, &client);
    }
    members.push(("audience".into(), client));
    let mut verifier_reader = Reader::new("", members);
    let options = Options::read(&mut verifier_reader, OptionsVariant::Verifier);
    if let Err(error) = verifier_reader.finish() {
        read.fail(error);
    }
    let default = DefaultValue::Value("subject".into());
    let logout_match =
        read.optional("match", "'subject' or 'session'", default, |raw| one_of(raw, &LOGOUT_MATCH_NAMES));
    Some(LogoutOptions {
        verifier: Options { token_type: Some(LOGOUT_TOKEN_TYPE.into()), token_cache_size: 0, ..options? },
        logout_match: logout_match.unwrap_or(LogoutMatch::Subject),
    })
}

/// Parses the options of `backchannelLogout`.
///
/// # Errors
///
/// Reports the first option that is invalid, unknown, or required but missing.
pub fn logout(raw: Raw) -> Result<LogoutOptions, OptionError> {
    let mut reader = reader(raw)?;
    let options = read_logout_options(&mut reader);
    reader.finish()?;
    options.ok_or_else(|| OptionError::not_an_object(&Raw::Undefined))
}

/// The options of `catchUp`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatchUp {
    /// The endpoint that issues tokens for the Management API.
    pub token_url: String,
    /// The URL of the webhook's delivery log.
    pub log_url: String,
    /// The resource indicator of the Management API.
    pub resource: String,
    /// The application's id.
    pub client_id: String,
    /// The application's secret.
    pub client_secret: String,
    /// The time between two requests for the delivery log.
    pub interval: Duration,
}

/// Reads the options of `catchUp`.
pub(super) fn read_catch_up_options(read: &mut Reader) -> Option<CatchUp> {
    const CLIENT_SECRET_EXPECTATION: &str = "the application's secret";
    let logto_url = read.required_url("logtoUrl");
    let mut required = |name, expected, parse: fn(&Raw) -> Option<String>| {
        let given_value = read.take(name, expected, DefaultValue::Derived("required")).unwrap_or(Raw::Undefined);
        let parsed = parse(&given_value);
        if parsed.is_none() {
            read.reject(name, expected, &given_value);
        }
        parsed
    };
    let client_id = required("clientId", "the id of a machine-to-machine application", identifier);
    let hook_id = required("hookId", "the id of the webhook", |raw| identifier(raw).filter(|id| is_path_segment(id)));
    let given_secret = read
        .take("clientSecret", CLIENT_SECRET_EXPECTATION, DefaultValue::Derived("required"))
        .unwrap_or(Raw::Undefined);
    let client_secret = identifier(&given_secret);
    if client_secret.is_none() {
        read.fail(OptionError::invalid_secret("clientSecret", CLIENT_SECRET_EXPECTATION, &given_secret));
    }
    let default = DefaultValue::Derived("that of logtoUrl");
    let resource = read.optional("resource", "the resource indicator of the Management API", default, |raw| {
        text(raw).filter(|text| url::is_page_url(text))
    });
    let expected = "a finite number of milliseconds, at least 1,000";
    let interval = read.milliseconds_from("everyMs", expected, 60_000, 1_000.0);
    let logto_url = logto_url?;
    let issuer = url::issuer(&logto_url);
    let base_url = issuer.strip_suffix("/oidc").unwrap_or(&issuer);
    Some(CatchUp {
        token_url: format!("{issuer}/token"),
        log_url: format!("{base_url}/api/hooks/{}/recent-logs", hook_id?),
        resource: resource.unwrap_or_else(|| management_api(&logto_url)),
        client_id: client_id?,
        client_secret: client_secret?,
        interval,
    })
}

/// Parses the options of `catchUp`.
///
/// # Errors
///
/// Reports the first option that is invalid, unknown, or required but missing.
pub fn catch_up(raw: Raw) -> Result<CatchUp, OptionError> {
    let mut reader = reader(raw)?;
    let options = read_catch_up_options(&mut reader);
    reader.finish()?;
    options.ok_or_else(|| OptionError::not_an_object(&Raw::Undefined))
}

/// The default resource indicator of the Management API. A tenant with a custom domain must set the `resource` option,
/// because the domain does not reveal the tenant.
fn management_api(logto_url: &::url::Url) -> String {
    let host = logto_url.host_str().filter(|host| host.ends_with(CLOUD_DOMAIN));
    format!("https://{}/api", host.unwrap_or("default.logto.app"))
}

fn is_path_segment(id: &str) -> bool {
    id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn reader(raw: Raw) -> Result<Reader, OptionError> {
    let Raw::Object(members) = raw else { return Err(OptionError::secret_instead_of_object(&raw)) };
    Ok(Reader::new("", members))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{object, text};
    use super::*;

    fn catch_up_of(logto_url: &str) -> CatchUp {
        let options = [
            ("logtoUrl", text(logto_url)),
            ("clientId", text("c")),
            ("clientSecret", text("s")),
            ("hookId", text("h-1_2")),
        ];
        catch_up(object(&options)).unwrap()
    }

    #[test]
    fn derives_the_urls_of_the_management_api() {
        for (logto_url, token_url, log_url, resource) in [
            (
                "https://t.logto.app/",
                "https://t.logto.app/oidc/token",
                "https://t.logto.app/api/hooks/h-1_2/recent-logs",
                "https://t.logto.app/api",
            ),
            (
                "http://localhost:3001/oidc",
                "http://localhost:3001/oidc/token",
                "http://localhost:3001/api/hooks/h-1_2/recent-logs",
                "https://default.logto.app/api",
            ),
            (
                "https://x.test/logto",
                "https://x.test/logto/oidc/token",
                "https://x.test/logto/api/hooks/h-1_2/recent-logs",
                "https://default.logto.app/api",
            ),
        ] {
            let options = catch_up_of(logto_url);
            assert_eq!((&*options.token_url, &*options.log_url, &*options.resource), (token_url, log_url, resource));
            assert_eq!(options.interval, Duration::from_secs(60));
        }
    }

    #[test]
    fn never_prints_secrets() {
        for error in [
            signing_keys(object(&[("signingKey", text("secret key"))])).unwrap_err(),
            catch_up(object(&[
                ("logtoUrl", text("https://t.test")),
                ("clientId", text("c")),
                ("hookId", text("h")),
                ("clientSecret", text("secret key")),
            ]))
            .unwrap_err(),
        ] {
            assert!(
                error.message.ends_with("got a string") && !error.message.contains("secret key"),
                "{}",
                error.message
            );
        }
    }

    #[test]
    fn logout_tokens_are_verified_like_access_tokens_of_the_application() {
        let options = object(&[("logtoUrl", text("https://t.test")), ("clientId", text("app"))]);
        let LogoutOptions { verifier, logout_match } = logout(options).unwrap();
        assert_eq!(logout_match, LogoutMatch::Subject);
        assert_eq!(verifier.issuers, ["https://t.test/oidc"]);
        assert_eq!(verifier.audiences, Some(vec!["app".to_owned()]));
        assert_eq!(verifier.token_type.as_deref(), Some("logout+jwt"));
        assert_eq!(verifier.token_cache_size, 0);
    }
}
