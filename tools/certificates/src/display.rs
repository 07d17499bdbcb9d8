//! Displays certificates to people.

use x509_parser::x509::X509Name;

/// Writes a distinguished name with the short names that the Brazilian certificate profile uses.
pub fn subject_of(name: &X509Name<'_>) -> String {
    let attributes = name.iter_attributes().map(|attribute| {
        let oid = attribute.attr_type().to_id_string();
        let short = match oid.as_str() {
            "2.5.4.3" => "CN",
            "2.5.4.5" => "serialNumber",
            "2.5.4.6" => "C",
            "2.5.4.7" => "L",
            "2.5.4.8" => "ST",
            "2.5.4.10" => "O",
            "2.5.4.11" => "OU",
            "2.5.4.15" => "businessCategory",
            "2.5.4.97" => "organizationIdentifier",
            "0.9.2342.19200300.100.1.1" => "UID",
            "1.3.6.1.4.1.311.60.2.1.3" => "jurisdictionCountryName",
            other => other,
        };
        format!("{short}={}", attribute.as_str().unwrap_or("?"))
    });
    attributes.collect::<Vec<_>>().join(", ")
}

/// Escapes control characters, which could move a terminal's cursor.
pub fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, c| {
        if c.is_control() {
            shown.extend(c.escape_debug());
        } else {
            shown.push(c);
        }
        shown
    })
}
