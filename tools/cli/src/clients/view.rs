//! What is shown of a registration.

use convention::directory::Registration;
use serde_json::{Value, json};
use terminal::{Align, Table};

/// Whether a client is notified, with the words of the API: `enabled`, `disabled` or `suspended`.
pub(super) fn webhook(registration: &Registration) -> &'static str {
    match (&registration.base_uri, registration.suspension) {
        (_, Some(_)) => "suspended",
        (Some(_), None) => "enabled",
        (None, None) => "disabled",
    }
}

/// The fields of `GET /v1/clients/{clientId}` that the row has.
pub(super) fn to_json(registration: &Registration) -> Value {
    let origin = registration.origin.as_ref();
    let software = origin.and_then(|origin| origin.software.as_ref());
    let settings = &registration.settings;
    json!({
        "client_id": registration.client_id,
        "authorisation_server": registration.authorisation_server,
        "webhook": webhook(registration),
        "base_uri": registration.base_uri,
        "webhook_uris": registration.webhook_uris,
        "webhook_version": settings.webhook_version,
        "success_statuses": settings.success_statuses,
        "notify_optional": settings.notify_optional,
        "also_send_x_authorisation_server_id": settings.also_send_x_authorisation_server_id,
        "operation": origin.map(|origin| origin.operation),
        "called_at": origin.map(|origin| origin.called_at.to_string()),
        "software_id": software.map(|software| &software.software_id),
        "organisation_id": software.map(|software| &software.organisation_id),
        "suspension": registration.suspension.map(convention::directory::Suspension::code),
        "registered_at": registration.registered_at.to_string(),
        "notifies_since": registration.notifies_since.map(|since| since.to_string()),
        "warnings": registration.warnings.iter().map(|warning| warning.code()).collect::<Vec<_>>(),
    })
}

/// A registration for people: the same fields, those that are set.
pub(crate) fn fields(registration: &Registration) -> Vec<(String, String)> {
    let shown = to_json(registration);
    let shown = shown.as_object().into_iter().flatten().filter_map(|(name, value)| {
        let text = match value {
            Value::Null => return None,
            Value::Array(values) if values.is_empty() => return None,
            Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
            other => text(other),
        };
        Some((name.clone(), text))
    });
    shown.collect()
}

/// The fields as a table.
pub(super) fn table(registration: &Registration) -> Table<2> {
    let mut table = Table::new([Align::Left; 2]);
    for (name, text) in fields(registration) {
        table.row([name, text]);
    }
    table
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
