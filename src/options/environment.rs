//! The environment variables that replace missing options.

/// The values of the environment variables. JavaScript passes the values, because worker threads may have their own
/// environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// The value of `LOGTO_URL`.
    pub logto_url: Option<String>,
    /// The value of `LOGTO_AUDIENCE`, which may contain several audiences.
    pub audience: Option<String>,
}

/// The name of the environment variable that replaces an option.
pub(super) fn variable(option: &str) -> Option<&'static str> {
    match option {
        "logtoUrl" => Some("LOGTO_URL"),
        "audience" => Some("LOGTO_AUDIENCE"),
        _ => None,
    }
}

impl Environment {
    /// The value of the environment variable that replaces an option, without surrounding white space.
    pub(super) fn get(&self, option: &str) -> Option<&str> {
        let value = match option {
            "logtoUrl" => &self.logto_url,
            "audience" => &self.audience,
            _ => &None,
        };
        value.as_deref().map(str::trim)
    }
}
