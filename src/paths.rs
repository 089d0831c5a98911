//! Normalizes request paths, so that they can be compared with the paths in options.

/// Decodes a request path and removes trailing slashes. Returns `None` for paths that other parsers could interpret
/// differently: those with empty segments, dot segments, backslashes, encoded slashes, percent-encoded unreserved
/// characters (RFC 3986 section 2.3), or semicolons. Some servers remove everything after a semicolon from a path
/// segment, which turns `..;` into `..`.
///
/// ```
/// use logto_authkit::paths::normalize;
/// assert_eq!(normalize("/caf%C3%A9/").as_deref(), Some("/café"));
/// assert_eq!(normalize("/docs/../admin"), None);
/// assert_eq!(normalize("/%61dmin"), None);
/// assert_eq!(normalize("/docs/..;/admin"), None);
/// ```
#[must_use]
pub fn normalize(path: &str) -> Option<String> {
    if path.contains(['\\', ';']) || path.contains("//") {
        return None;
    }
    let decoded = decode(path)?;
    // Some servers remove the white space around a path segment.
    if decoded.split('/').skip(1).any(|segment| matches!(segment.trim(), "." | "..")) {
        return None;
    }
    let trimmed_path = decoded.trim_end_matches('/');
    Some(if trimmed_path.is_empty() { decoded.chars().take(1).collect() } else { trimmed_path.to_owned() })
}

/// Decodes a path the way `decodeURI` does: reserved characters (RFC 3986 section 2.2) stay encoded.
fn decode(path: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let digits = [bytes.next()?, bytes.next()?];
        let text = std::str::from_utf8(&digits).ok()?;
        let value = u8::from_str_radix(text, 16).ok().filter(|_| digits.iter().all(u8::is_ascii_hexdigit))?;
        if value.is_ascii_control() || value.is_ascii_alphanumeric() || b"%-._~/\\;".contains(&value) {
            return None;
        }
        if b"?:@&=+$,#".contains(&value) {
            decoded.push(b'%');
            decoded.extend(digits);
        } else {
            decoded.push(value);
        }
    }
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_a_path_and_removes_trailing_slashes() {
        for (path, normal) in [
            ("/", "/"),
            ("/docs", "/docs"),
            ("/docs/", "/docs"),
            ("/a b", "/a b"),
            ("/sign%20in", "/sign in"),
            ("/th%C3%A9", "/th\u{e9}"),
            ("/th\u{e9}", "/th\u{e9}"),
            ("/a%3Fb%23", "/a%3Fb%23"),
            ("/.well-known/a..b/...", "/.well-known/a..b/..."),
            ("/%22", "/\""),
        ] {
            assert_eq!(normalize(path).as_deref(), Some(normal), "{path}");
        }
    }

    #[test]
    fn rejects_a_path_that_parsers_could_interpret_differently() {
        for path in [
            "//a",
            "/a//b",
            "/a/.",
            "/a/./b",
            "/..",
            "/a\\b",
            "/a/..;/b",
            "/a;v=1/b",
            "/a/..%3B/b",
            "/a%3b",
            "/a/..%20/b",
            "/a/. /b",
            "/%2e%2e/a",
            "/a%2Fb",
            "/a%5cb",
            "/%61",
            "/%41",
            "/%30",
            "/%25",
            "/%2d",
            "/%5F",
            "/%7e",
            "/%00",
            "/%7F",
            "/%0a",
            "/%",
            "/%1",
            "/%zz",
            "/%+1",
            "/%ff",
            "/%c3",
            "/%C3%28",
        ] {
            assert_eq!(normalize(path), None, "{path}");
        }
    }
}
