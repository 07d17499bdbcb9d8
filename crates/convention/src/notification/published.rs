//! Changes of what an authorisation server publishes: the server that one names must be ours.

use super::authorisation_servers::AuthorisationServers;
use super::change::{StateChange, Subject};
use super::endpoint::Scope;
use crate::fields::FieldError;

impl AuthorisationServers {
    /// Refuses a change, at `pointer`, of what an authorisation server publishes that is not the one of the change's brand.
    ///
    /// A stack without authorisation servers cannot tell, and believes its caller.
    pub fn check(&self, change: &StateChange, pointer: &str) -> Result<(), Vec<FieldError>> {
        let Subject::Resource(resource) = &change.subject else { return Ok(()) };
        let is_ours = || {
            let ours = self.of_brand(change.brand.as_deref());
            // Exactly, since path, id and partition take what is posted as it stands.
            ours.is_ok_and(|ours| ours == resource.id.as_str())
        };
        if resource.endpoint.row().scope == Scope::Resource || self.ids().next().is_none() || is_ours() {
            return Ok(());
        }
        let detail = "Not the authorisation server of this brand.".to_owned();
        Err(vec![FieldError { pointer: format!("{pointer}/resource_id"), code: "other_server", detail }])
    }
}
