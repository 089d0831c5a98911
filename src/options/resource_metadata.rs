//! The options for protected resource metadata, and the document that they describe (RFC 9728 section 2).

use serde_json::{Map, Value};

use super::environment::Environment;
use super::raw::{OptionError, Raw};
use super::reader::{DefaultValue, Reader};
use super::requirements::is_scope;
use super::values::{items, one_of, text};
use crate::url;

/// Creates the metadata document of a protected resource. If `logtoUrl` is omitted, its value comes from the
/// environment variable `LOGTO_URL`.
///
/// # Errors
///
/// Reports the first option that is invalid, unknown, or required but missing.
pub fn resource_metadata(raw: Raw, environment: Environment) -> Result<Value, OptionError> {
    let Raw::Object(members) = raw else { return Err(OptionError::not_an_object(&raw)) };
    let mut reader = Reader::new("", members).with_environment(Some(environment));
    let document = read(&mut reader);
    reader.finish()?;
    Ok(document)
}

/// Reads the options for protected resource metadata, and returns the document.
pub fn read(read: &mut Reader) -> Value {
    read_metadata_document(read, true)
}

/// Reads the options for protected resource metadata, except `logtoUrl`, which is also a verifier option.
pub fn read_resource_options(read: &mut Reader) {
    read_metadata_document(read, false);
}

fn read_metadata_document(read: &mut Reader, reads_logto_url: bool) -> Value {
    const IDENTIFIER_EXPECTATION: &str =
        "an absolute http or https URL in its normal form, without user name, query and fragment";
    const BEARER_METHODS: [(&str, &str); 3] = [("header", "header"), ("body", "body"), ("query", "query")];
    let mut document = Map::new();
    let mut add = |name: &str, value: Option<Value>| drop(value.map(|value| document.insert(name.into(), value)));
    let identifier = |raw: &Raw| text(raw).filter(|text| url::is_identifier(text));
    let strings = |strings: Vec<String>| strings.into_iter().collect::<Value>();

    let is_missing = !read.has("resource");
    let resource = read.optional("resource", IDENTIFIER_EXPECTATION, DefaultValue::Derived("required"), identifier);
    if is_missing {
        read.reject("resource", IDENTIFIER_EXPECTATION, &Raw::Undefined);
    }
    add("resource", resource.map(Value::from));

    let has_servers = read.has("authorizationServers");
    let expected = format!("a non-empty array, each {IDENTIFIER_EXPECTATION}");
    let servers = read.optional("authorizationServers", expected, DefaultValue::Derived("that of logtoUrl"), |raw| {
        items(raw, identifier)
    });
    let logto_url = match (reads_logto_url, has_servers) {
        (false, _) => None,
        (true, true) => read.url("logtoUrl", DefaultValue::None),
        (true, false) => read.required_url("logtoUrl"),
    };
    let servers = servers.or_else(|| logto_url.map(|url| vec![url::issuer(&url)]));
    add("authorization_servers", servers.map(strings));

    let expected = "a non-empty array of 'header', 'body' and 'query'";
    let default = Value::from(vec!["header"]);
    let methods = read.optional("bearerMethodsSupported", expected, DefaultValue::Value(default.clone()), |raw| {
        items(raw, |item| one_of(item, &BEARER_METHODS))
    });
    add("bearer_methods_supported", Some(methods.map_or(default, Value::from)));

    let scope = |raw: &Raw| text(raw).filter(|scope| is_scope(scope));
    let scopes =
        read.optional("scopesSupported", "a non-empty array of scopes", DefaultValue::None, |raw| items(raw, scope));
    add("scopes_supported", scopes.map(strings));

    add(
        "resource_name",
        read.optional("resourceName", "a non-empty string", DefaultValue::None, text).map(Value::from),
    );
    for (name, member) in [
        ("resourceDocumentation", "resource_documentation"),
        ("resourcePolicyUri", "resource_policy_uri"),
        ("resourceTosUri", "resource_tos_uri"),
    ] {
        let page = |raw: &Raw| text(raw).filter(|text| url::is_page_url(text));
        add(member, read.optional(name, url::URL_EXPECTATION, DefaultValue::None, page).map(Value::from));
    }
    Value::Object(document)
}
