//! Parses the fields of a request so that authorities accept them.

use mtls::is_server_id;

/// The states of Brazil, and its federal district (ISO 3166-2:BR).
const STATES: [&str; 27] = [
    "AC", "AL", "AM", "AP", "BA", "CE", "DF", "ES", "GO", "MA", "MG", "MS", "MT", "PA", "PB", "PE", "PI",
    "PR", "RJ", "RN", "RO", "RR", "RS", "SC", "SE", "SP", "TO",
];
/// Maximum length of a common name and of an organisation's name, in characters (RFC 5280, appendix A.1).
const MAX_OF_NAME: usize = 64;
/// Maximum length of a locality's name, in characters (same source).
const MAX_OF_LOCALITY: usize = 128;
/// What a name may have besides letters without accents and digits ("Padrão de Certificados" 2.1, section 5.2, "Restrição de
/// nomes", after item 7.1.5 of DOC-ICP-04).
const SPECIALS: &str = r##" !"#$%&'()*+,-./:;=?@\"##;

/// Parses a state.
pub(super) fn state(text: &str) -> Result<String, String> {
    let known = STATES.contains(&text);
    known
        .then(|| text.to_owned())
        .ok_or_else(|| "expected a state by its two letters, for example SP".to_owned())
}

/// Parses an id of the Directory, which is in lower case.
pub(super) fn directory_id(text: &str) -> Result<String, String> {
    is_server_id(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "expected an id of the Directory, a UUID in lower case with hyphens".to_owned())
}

/// Parses the host name of a software.
pub(super) fn host(text: &str) -> Result<String, String> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_host = text.contains('.') && text.len() <= MAX_OF_NAME && text.split('.').all(label);
    let is_address = text.parse::<std::net::IpAddr>().is_ok();
    (is_host && !is_address).then(|| text.to_owned()).ok_or_else(|| {
        format!("expected a full host name in lower case of at most {MAX_OF_NAME} characters, for example webhook.bank.com.br")
    })
}

/// Parses the name of an organisation.
pub(super) fn organization_name(text: &str) -> Result<String, String> {
    named(text, MAX_OF_NAME)
}

/// Parses the name of a city.
pub(super) fn locality(text: &str) -> Result<String, String> {
    named(text, MAX_OF_LOCALITY)
}

fn named(text: &str, most: usize) -> Result<String, String> {
    let fits = !text.trim().is_empty() && text.trim() == text && text.len() <= most;
    let plain = |c: char| c.is_ascii_alphanumeric() || SPECIALS.contains(c);
    (fits && text.chars().all(plain)).then(|| text.to_owned()).ok_or_else(|| {
        format!(
            "expected 1 to {most} letters without accents, digits, spaces inside, and these signs: {SPECIALS}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_takes_what_an_authority_takes() {
        assert!(state("SP").is_ok() && state("sp").is_err() && state("XX").is_err());
        assert!(directory_id("b7a1c0de-0000-4000-8000-0000000000a1").is_ok());
        for text in
            ["B7A1C0DE-0000-4000-8000-0000000000A1", "b7a1c0de000040008000000000000000a1", "b7a1c0de", ""]
        {
            assert!(directory_id(text).is_err(), "{text}");
        }
        assert!(host("webhook.bancoex.example").is_ok());
        let long = format!("{}.example", "a".repeat(60));
        for text in [
            "bancoex",
            "Webhook.bank.com",
            "a..b",
            "-a.b",
            "a-.b",
            "10.0.0.1",
            "https://a.b",
            "ação.br",
            &long,
        ] {
            assert!(host(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_has_the_characters_that_icp_brasil_allows() {
        for text in ["Banco Exemplo S.A.", "SAO PAULO", "C&A (1/2); \"X\"", &"a".repeat(64)] {
            assert_eq!(organization_name(text).as_deref(), Ok(text));
        }
        for text in [
            "",
            " ",
            " Banco",
            "Banco\n",
            &"a".repeat(65),
            "São Paulo",
            "Finança",
            "Müller",
            "A_B",
            "A<B",
            "A|B",
            "A–B",
        ] {
            assert!(organization_name(text).is_err(), "{text:?}");
        }
        assert!(locality(&"a".repeat(128)).is_ok() && locality(&"a".repeat(129)).is_err());
        assert!(locality("Florianópolis").is_err());
    }
}
