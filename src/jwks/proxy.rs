//! Selects the proxy for a URL from the environment, as Node.js does.
//!
//! The variables and the `NO_PROXY` syntax are those of `NODE_USE_ENV_PROXY` (`lib/internal/http.js` in Node 24) and of
//! undici's `EnvHttpProxyAgent`: lower-case names win, an empty variable counts as unset, and the entries of `NO_PROXY`
//! are `*`, `host`, `host:port`, `.domain`, `*.domain` and `first-last` for IP addresses. As in curl, `ALL_PROXY` is
//! also accepted, `NO_PROXY` may contain networks such as `10.0.0.0/8`, and a host in `NO_PROXY` includes its
//! subdomains.

use std::net::IpAddr;

use url::{Host, Url};

use crate::url::is_loopback;

/// The proxy for a URL, and the reason why the connection uses or does not use a proxy.
#[derive(Debug, PartialEq, Eq)]
pub enum ProxyChoice {
    /// The connection is direct, because no proxy is configured for the URL.
    Direct,
    /// The connection is direct, because a proxy would connect to its own loopback interface instead of this machine's.
    Loopback,
    /// The first variable names a proxy, but the second excludes the host, so the connection is direct.
    Excluded(&'static str, &'static str),
    /// The connection uses the proxy in this variable.
    Proxy(&'static str, Box<Url>),
    /// The connection is direct, because the value of this variable is not the URL of an HTTP proxy.
    Invalid(&'static str),
}

/// Selects the proxy for a URL. The `variable` function reads an environment variable.
pub fn route(url: &Url, variable: impl Fn(&str) -> Option<String>) -> ProxyChoice {
    let first_variable = |names: &[&'static str]| names.iter().find_map(|name| Some((*name, variable(name)?)));
    let names: &[&'static str] = if url.scheme() == "https" {
        &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]
    } else if variable("REQUEST_METHOD").is_some() {
        // In a CGI process, HTTP_PROXY may come from a request's `Proxy` header (CVE-2016-5385).
        &["http_proxy", "all_proxy", "ALL_PROXY"]
    } else {
        &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]
    };
    if is_loopback(url) {
        return ProxyChoice::Loopback;
    }
    let Some((name, proxy)) = first_variable(names) else { return ProxyChoice::Direct };
    if let Some((no_proxy, list)) = first_variable(&["no_proxy", "NO_PROXY"])
        && list.split([',', ' ', '\t', '\r', '\n']).any(|entry| excludes(&entry.to_ascii_lowercase(), url))
    {
        return ProxyChoice::Excluded(name, no_proxy);
    }
    let proxy_url = if proxy.contains("://") { proxy } else { format!("http://{proxy}") };
    match Url::parse(&proxy_url) {
        Ok(proxy) if matches!(proxy.scheme(), "http" | "https") && proxy.has_host() => {
            ProxyChoice::Proxy(name, Box::new(proxy))
        }
        _ => ProxyChoice::Invalid(name),
    }
}

/// The value of an environment variable, unless the value is empty.
#[must_use]
pub fn environment_variable(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// Whether a lower-case entry of `NO_PROXY` excludes this URL.
fn excludes(entry: &str, url: &Url) -> bool {
    let Some(host) = url.host() else { return false };
    let (entry, port) = split_port(entry);
    if port.is_some_and(|port| url.port_or_known_default() != Some(port)) || entry.is_empty() {
        return false;
    }
    if entry == "*" {
        return true;
    }
    let address = match host {
        Host::Domain(host) => {
            let host = host.strip_suffix('.').unwrap_or(host);
            let domain = entry.strip_suffix('.').unwrap_or(entry);
            let is_subdomain_of = |domain: &str| {
                host.strip_suffix(domain).is_some_and(|start| start.ends_with('.') && !domain.is_empty())
            };
            if let Some(domain) = domain.strip_prefix('*') {
                return domain.strip_prefix('.').is_some_and(is_subdomain_of);
            }
            let domain = domain.strip_prefix('.').unwrap_or(domain);
            return host == domain || is_subdomain_of(domain);
        }
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
    };
    let ip = |text: &str| text.trim_matches(['[', ']']).parse::<IpAddr>().ok();
    if let Some((network, bits)) = entry.split_once('/') {
        return ip(network).zip(bits.parse().ok()).is_some_and(|(network, bits)| contains(network, bits, address));
    }
    if let Some((start, end)) = entry.split_once('-') {
        return ip(start)
            .zip(ip(end))
            .is_some_and(|(start, end)| start.is_ipv4() == address.is_ipv4() && start <= address && address <= end);
    }
    ip(entry) == Some(address)
}

/// Splits `host:port`. An IPv6 address can have a port only if the address is in brackets.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    match entry.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            port.parse().map_or((entry, None), |port| (host, Some(port)))
        }
        _ => (entry, None),
    }
}

fn contains(network: IpAddr, bits: u32, address: IpAddr) -> bool {
    let number = |address: IpAddr| match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    };
    let ((network, length), (address, other)) = (number(network), number(address));
    let has_equal_prefix = |bits: u32| bits == 0 || (network ^ address) >> (128 - bits) == 0;
    length == other && bits <= length && has_equal_prefix(bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route_with(url: &str, variables: &[(&str, &str)]) -> ProxyChoice {
        let value =
            |name: &str| variables.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned());
        route(&Url::parse(url).unwrap(), |name| value(name).filter(|value| !value.is_empty()))
    }

    fn proxy(url: &str, variables: &[(&str, &str)]) -> Option<String> {
        match route_with(url, variables) {
            ProxyChoice::Proxy(_, url) => Some(url.to_string()),
            _ => None,
        }
    }

    #[track_caller]
    fn assert_excludes(list: &str, url: &str, expected: bool) {
        let route = route_with(url, &[("HTTPS_PROXY", "http://proxy.test"), ("NO_PROXY", list)]);
        assert_eq!(route == ProxyChoice::Excluded("HTTPS_PROXY", "NO_PROXY"), expected, "{list} {url}: {route:?}");
    }

    #[test]
    fn a11_no_proxy_has_the_syntax_of_node() {
        for (list, url) in [
            ("*", "https://auth.corp.test"),
            ("other.test, *", "https://10.0.0.1"),
            ("auth.corp.test", "https://auth.corp.test"),
            ("AUTH.Corp.Test", "https://auth.corp.test"),
            ("corp.test", "https://auth.corp.test"),
            ("*.corp.test", "https://auth.corp.test"),
            (".corp.test", "https://auth.corp.test"),
            (".corp.test", "https://corp.test"),
            ("auth.corp.test:3001", "https://auth.corp.test:3001"),
            ("auth.corp.test:443", "https://auth.corp.test"),
            ("*.corp.test:443", "https://auth.corp.test"),
            ("other.test auth.corp.test", "https://auth.corp.test"),
            (" ,\tauth.corp.test\n, ", "https://auth.corp.test"),
            ("auth.corp.test.", "https://auth.corp.test"),
            ("10.0.0.1", "https://10.0.0.1"),
            ("10.0.0.1:8443", "https://10.0.0.1:8443"),
            ("10.0.0.0/8", "https://10.255.255.255"),
            ("0.0.0.0/0", "https://192.0.2.1"),
            ("10.0.0.1-10.0.0.9", "https://10.0.0.5"),
            ("[2001:db8::1]", "https://[2001:db8::1]"),
            ("2001:db8::1", "https://[2001:db8::1]"),
            ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
            ("2001:db8::/32", "https://[2001:db8::1]"),
            ("2001:db8::1-2001:db8::9", "https://[2001:db8::5]"),
        ] {
            assert_excludes(list, url, true);
        }
        for (list, url) in [
            ("", "https://auth.corp.test"),
            (",, ,", "https://auth.corp.test"),
            ("*.corp.test", "https://corp.test"),
            ("orp.test", "https://auth.corp.test"),
            ("*orp.test", "https://auth.corp.test"),
            ("*.", "https://auth.corp.test"),
            ("auth.corp.test:3001", "https://auth.corp.test"),
            ("auth.corp.test:3001x", "https://auth.corp.test:3001"),
            ("x.auth.corp.test", "https://auth.corp.test"),
            ("corp.test", "https://corp.test.evil.test"),
            ("10.0.0.1", "https://10.0.0.10"),
            ("0.0.1", "https://10.0.0.1"),
            ("10.0.0.0/33", "https://10.0.0.1"),
            ("10.0.0.0/24", "https://10.0.1.1"),
            ("10.0.0.1-10.0.0.9", "https://10.0.0.10"),
            ("0.0.0.0/0", "https://[2001:db8::1]"),
            ("2001:db8::1", "https://[2001:db8::2]"),
        ] {
            assert_excludes(list, url, false);
        }
    }

    #[test]
    fn a11_lower_case_wins_and_an_empty_variable_counts_as_unset() {
        let url = "https://auth.test";
        let both_cases = [("https_proxy", "http://lower.test"), ("HTTPS_PROXY", "http://upper.test")];
        assert_eq!(proxy(url, &both_cases).as_deref(), Some("http://lower.test/"));
        let empty_lower_case = [("https_proxy", ""), ("HTTPS_PROXY", "http://upper.test")];
        assert_eq!(proxy(url, &empty_lower_case).as_deref(), Some("http://upper.test/"));
        let no_proxy = [("HTTPS_PROXY", "http://upper.test"), ("no_proxy", "other.test"), ("NO_PROXY", "*")];
        assert_eq!(proxy(url, &no_proxy).as_deref(), Some("http://upper.test/"));
        let no_proxy = [("HTTPS_PROXY", "http://upper.test"), ("no_proxy", ""), ("NO_PROXY", "*")];
        assert_eq!(route_with(url, &no_proxy), ProxyChoice::Excluded("HTTPS_PROXY", "NO_PROXY"));
        assert_eq!(route_with(url, &[("https_proxy", ""), ("HTTPS_PROXY", "")]), ProxyChoice::Direct);
    }

    #[test]
    fn each_scheme_has_its_own_variable_and_all_proxy_is_the_fallback() {
        let variables = [("HTTP_PROXY", "http://plain.test"), ("all_proxy", "any.test:3128")];
        assert_eq!(proxy("http://auth.test", &variables).as_deref(), Some("http://plain.test/"));
        assert_eq!(proxy("https://auth.test", &variables).as_deref(), Some("http://any.test:3128/"));
        let cgi_variables = [("HTTP_PROXY", "http://evil.test"), ("REQUEST_METHOD", "GET")];
        assert_eq!(route_with("http://auth.test", &cgi_variables), ProxyChoice::Direct);
    }

    #[test]
    fn loopback_connections_are_direct() {
        for url in ["http://localhost:3001", "https://127.0.0.1", "https://[::1]", "https://a.localhost"] {
            assert_eq!(route_with(url, &[("ALL_PROXY", "http://proxy.test")]), ProxyChoice::Loopback);
        }
    }

    #[test]
    fn a_value_that_is_not_an_http_url_is_invalid() {
        for value in ["http://", "socks5://proxy.test", "http://pro xy"] {
            assert_eq!(
                route_with("https://auth.test", &[("https_proxy", value)]),
                ProxyChoice::Invalid("https_proxy"),
                "{value}"
            );
        }
    }

    #[test]
    fn a_long_list_is_matched_in_linear_time() {
        let list = format!("{},auth.corp.test", "*.".repeat(500_000));
        assert_excludes(&list, "https://auth.corp.test", true);
        assert_excludes(&"a.".repeat(500_000), "https://auth.corp.test", false);
    }
}
