//! Accepts principals that the application supplies in place of a token.

use crate::context;
use crate::error::Rejection;
use crate::principal::Principal;
use crate::requirements::Organization;
use crate::verify::Verifier;

impl Verifier {
    /// Accepts a principal that meets the requirements, and returns its context as JSON.
    ///
    /// # Errors
    ///
    /// The rejection for the first unmet requirement.
    pub fn accept_principal(
        &self,
        principal: &Principal,
        organization: Option<&Organization>,
    ) -> Result<String, Rejection> {
        let subject = principal.subject();
        self.options().requirements.check(&subject, organization)?;
        Ok(context::authenticated_context(&subject))
    }
}
