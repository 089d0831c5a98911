//! The options that only adapters accept.

use super::raw::Raw;
use super::reader::{DefaultValue, Reader};
use super::values::text;
use crate::{paths, url};

/// Reads the `onError` option, a function that replaces the error response.
pub fn read_error_handler(read: &mut Reader) {
    read.function("onError");
}

/// Reads the `property` option, the name under which an adapter stores the context.
pub fn read_property_option(read: &mut Reader) {
    let expected = "the name of a property, such as 'user'";
    read.with_default("property", expected, "auth", |raw| {
        let is_name = |name: &str| {
            !name.starts_with(|char: char| char.is_ascii_digit())
                && name.chars().all(|char| char.is_ascii_alphanumeric() || matches!(char, '_' | '$'))
                && !matches!(name, "__proto__" | "constructor" | "prototype")
        };
        text(raw).filter(|name| is_name(name)).map(|_| "auth")
    });
}

/// Reads the `allowPreflight` option, which allows CORS preflights without a token.
pub fn read_preflight_option(read: &mut Reader) {
    read.bool("allowPreflight", false);
}

/// The name of the cookie that records redirects to the sign-in page.
pub const SIGN_IN_COOKIE: &str = "logto_authkit_sign_in";

/// Reads the options of `authProxy`: the paths that need no session, the URL where visitors sign in, and the function
/// that continues with another proxy.
pub fn read_proxy_options(read: &mut Reader) {
    let expected = "an array of paths such as '/docs', each with everything below it, and RegExps";
    read.optional("publicPaths", expected, DefaultValue::None, |raw| match raw {
        Raw::List(items) => items.iter().all(is_public_path).then_some(()),
        _ => None,
    });
    let expected = "a path such as '/sign-in', an absolute http or https URL, or a function that returns either";
    read.optional("signInUrl", expected, DefaultValue::None, |raw| {
        (*raw == Raw::Function || text(raw).is_some_and(|url| is_sign_in_url(&url))).then_some(())
    });
    read.function("next");
}

/// Reads the `allowedOrigins` option: the origins whose pages may open a WebSocket (RFC 6455 section 10.2).
pub fn read_upgrade_options(read: &mut Reader) {
    let expected = "an array of origins such as 'https://app.example.com', without a path or trailing slash";
    read.restriction("allowedOrigins", expected, DefaultValue::None, |raw| match raw {
        Raw::List(items) => items.iter().all(|item| text(item).is_some_and(|text| url::is_origin(&text))).then_some(()),
        _ => None,
    });
}

/// Returns `true` for a valid public path. Paths with placeholders or wildcards are rejected, because paths are
/// compared literally, and such a path would match nothing.
fn is_public_path(raw: &Raw) -> bool {
    match raw {
        Raw::RegExp => true,
        other => text(other).is_some_and(|path| {
            path.starts_with('/')
                && !path.contains(['*', '(', ')', '[', ']', '?', '#'])
                && !path.contains("/:")
                && paths::normalize(&path).is_some()
        }),
    }
}

fn is_sign_in_url(text: &str) -> bool {
    let scheme = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    if scheme.starts_with("http://") || scheme.starts_with("https://") {
        return ::url::Url::parse(text).is_ok();
    }
    // `//host` and `/\host` are URLs on a different host.
    let Ok(base) = ::url::Url::parse("http://localhost") else { return false };
    let resolved_url = base.join(text);
    text.starts_with('/')
        && resolved_url.is_ok_and(|url| url.origin() == base.origin() && paths::normalize(url.path()).is_some())
}
