//! Describes failed fetches to operators.

use std::error::Error;
use std::io::{self, ErrorKind};

use super::tls;

/// The error from a failed fetch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    /// The description of the error, without the URL.
    pub message: String,
    /// Node's code for the error, such as `ECONNREFUSED`, or `None` if Node has no code for it.
    pub code: Option<&'static str>,
    /// Whether the connection failed before a complete response arrived, so that an immediate retry may succeed.
    pub lost_connection: bool,
}

/// Parts of `hyper`'s error messages for connections that the server closed early. `hyper` has no public error type for
/// closed connections.
const CONNECTION_CLOSED_MESSAGES: [&str; 3] =
    ["closed before message completed", "before message length reached", "unexpected EOF"];

impl From<String> for FetchError {
    fn from(message: String) -> Self {
        Self { message, code: None, lost_connection: false }
    }
}

impl From<&str> for FetchError {
    fn from(message: &str) -> Self {
        message.to_owned().into()
    }
}

impl FetchError {
    /// The error for a fetch that exceeds its timeout.
    #[must_use]
    pub fn timeout() -> Self {
        Self { code: Some("ETIMEDOUT"), ..Self::from("no complete response within the timeout") }
    }

    /// Describes an error from the HTTP client, including its causes, in one line. The error must not contain the
    /// request's URL.
    #[must_use]
    pub fn describe(error: &(dyn Error + 'static)) -> Self {
        let chain: Vec<_> = std::iter::successors(Some(error), |&error| error.source()).collect();
        if let Some((message, code)) = chain.iter().find_map(|error| tls_error(*error)).and_then(tls::describe) {
            return Self { message, code, lost_connection: false };
        }
        let message = chain.iter().map(ToString::to_string).collect::<Vec<_>>().join(": ");
        let kind = chain.iter().rev().find_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind);
        let code = match kind {
            _ if message.contains("dns error") || message.contains("lookup address") => Some(dns_error_code(&message)),
            Some(ErrorKind::ConnectionRefused) => Some("ECONNREFUSED"),
            Some(ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => Some("ECONNRESET"),
            Some(ErrorKind::ConnectionAborted) => Some("ECONNABORTED"),
            Some(ErrorKind::BrokenPipe) => Some("EPIPE"),
            Some(ErrorKind::TimedOut) => Some("ETIMEDOUT"),
            Some(ErrorKind::HostUnreachable) => Some("EHOSTUNREACH"),
            Some(ErrorKind::NetworkUnreachable) => Some("ENETUNREACH"),
            _ if CONNECTION_CLOSED_MESSAGES.iter().any(|closed| message.contains(closed)) => Some("ECONNRESET"),
            _ => None,
        };
        let message = match code {
            Some("ENOTFOUND" | "EAI_AGAIN") => format!("the hostname cannot be resolved ({message})"),
            _ => message,
        };
        Self { message, code, lost_connection: code.is_some() }
    }
}

/// Node's code for a hostname that could not be resolved. The message determines the code, because the standard library
/// does not expose the error code of `getaddrinfo`.
fn dns_error_code(message: &str) -> &'static str {
    if message.contains("emporary failure") { "EAI_AGAIN" } else { "ENOTFOUND" }
}

/// Finds the TLS error inside an error from the HTTP client.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    error.downcast_ref().or_else(|| tls_error(inner?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_code(error: &io::Error, code: Option<&str>) {
        let failure = FetchError::describe(error);
        assert_eq!((failure.code, failure.lost_connection), (code, code.is_some()), "{failure:?}");
    }

    #[test]
    fn a12_connection_errors_have_the_codes_of_node() {
        for (kind, code) in [
            (ErrorKind::ConnectionRefused, "ECONNREFUSED"),
            (ErrorKind::ConnectionReset, "ECONNRESET"),
            (ErrorKind::BrokenPipe, "EPIPE"),
            (ErrorKind::HostUnreachable, "EHOSTUNREACH"),
            (ErrorKind::NetworkUnreachable, "ENETUNREACH"),
            (ErrorKind::TimedOut, "ETIMEDOUT"),
        ] {
            assert_code(&kind.into(), Some(code));
        }
        let dns_error = "failed to lookup address information";
        assert_code(&io::Error::other(format!("{dns_error}: Name or service not known")), Some("ENOTFOUND"));
        assert_code(&io::Error::other(format!("{dns_error}: Temporary failure in name resolution")), Some("EAI_AGAIN"));
        let failure = FetchError::describe(&io::Error::other(format!("{dns_error}: Name or service not known")));
        assert_eq!(
            failure.message,
            "the hostname cannot be resolved (failed to lookup address information: Name or service not known)"
        );
        assert_code(&io::Error::other("connection closed before message completed"), Some("ECONNRESET"));
        assert_code(&io::Error::other("unsuccessful tunnel"), None);
    }

    #[test]
    fn describes_a_tls_error_inside_other_errors() {
        let alert = rustls::Error::AlertReceived(rustls::AlertDescription::HandshakeFailure);
        let failure = FetchError::describe(&io::Error::other(io::Error::other(alert)));
        assert_eq!((failure.code, failure.lost_connection), (Some("EPROTO"), false));
        assert!(failure.message.contains("cipher suite"), "{failure:?}");
    }
}
