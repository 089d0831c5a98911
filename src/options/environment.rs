//! The environment variables that are used for omitted options.

/// The values of the environment variables that are used for omitted options. JavaScript passes the values to the core,
/// because each worker thread may have its own `process.env`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    /// The value of `LOGTO_URL`.
    pub logto_url: Option<String>,
    /// The value of `LOGTO_AUDIENCE`, which may contain several audiences.
    pub audience: Option<String>,
}

/// An environment variable that is used if an option is omitted.
pub(super) struct Variable {
    pub name: &'static str,
    /// What the user can set the variable to, with an example.
    pub advice: &'static str,
}

const LOGTO_URL: Variable = Variable {
    name: "LOGTO_URL",
    advice: "Use a URL such as https://your-tenant.logto.app, or http://127.0.0.1:3001 for `npx logto-authkit dev`",
};

const LOGTO_AUDIENCE: Variable =
    Variable { name: "LOGTO_AUDIENCE", advice: "Use an API identifier such as https://api.example.com" };

/// The environment variable that is used if this option is omitted.
pub(super) fn variable(option: &str) -> Option<&'static Variable> {
    match option {
        "logtoUrl" => Some(&LOGTO_URL),
        "audience" => Some(&LOGTO_AUDIENCE),
        _ => None,
    }
}

impl Environment {
    /// The value of the environment variable that is used if this option is omitted, without surrounding white space.
    pub(super) fn get(&self, option: &str) -> Option<&str> {
        let value = match option {
            "logtoUrl" => &self.logto_url,
            "audience" => &self.audience,
            _ => &None,
        };
        value.as_deref().map(str::trim)
    }
}
