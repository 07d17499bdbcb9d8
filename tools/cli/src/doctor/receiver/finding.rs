//! What was judged of a receiver.

use std::net::SocketAddr;

use convention::codes::Code;
use serde::Serialize;

use super::advice::advice;
use terminal::Language;

/// What a finding is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The registration of the client.
    Registration,
    /// The base URI as it is written.
    BaseUri,
    /// The name and its addresses.
    Name,
    /// Whether the addresses may be connected to.
    AddressPolicy,
    /// The TCP connection.
    Connection,
    /// The TLS handshake, its versions and suites.
    Tls,
    /// The groups, and the size of the first message.
    KeyExchange,
    /// The certificates presented and verified.
    Chain,
    /// The days until certificates end.
    Expiry,
    /// Whether certificates are revoked.
    Revocation,
    /// Whether ours is asked for, and accepted.
    ClientCertificate,
    /// Whether somebody without a certificate is refused.
    WithoutCertificate,
    /// A second handshake on a connection.
    Renegotiation,
    /// The application protocol.
    Protocol,
    /// What a request that notifies of nothing is answered.
    Answer,
    /// How long an idle connection lives.
    KeepAlive,
    /// The notification of nobody's resource.
    Notification,
    /// The examination itself.
    Examination,
}

/// The verdict on one check; the worst is the least.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// A notification sent now fails by it.
    WillFail,
    /// A notification may fail by it, or will one day.
    MayFail,
    /// It was not looked at.
    NotChecked,
    /// It is as it should be.
    Ok,
}

/// A sentence in both languages.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
pub struct Words {
    /// In English.
    pub en: String,
    /// In Brazilian Portuguese.
    #[serde(rename = "pt-BR")]
    pub pt_br: String,
}

/// One finding.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub check: Check,
    /// The verdict.
    pub verdict: Verdict,
    /// The address, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// The code that dispatch would record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Whether a fault of ours is the reason.
    pub ours: bool,
    /// What was found.
    pub what: Words,
    /// The error in the words of the library, or what else an engineer wants to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What to do, for whoever must; empty if there is nothing to be done.
    pub what_to_do: Words,
}

impl Check {
    /// Returns the name in a language.
    pub(super) fn name(self, language: Language) -> &'static str {
        let (en, pt_br) = match self {
            Self::Registration => ("registration", "cadastro"),
            Self::BaseUri => ("base URI", "URI base"),
            Self::Name => ("name", "nome"),
            Self::AddressPolicy => ("addresses", "endereços"),
            Self::Connection => ("connection", "conexão"),
            Self::Tls => ("TLS", "TLS"),
            Self::KeyExchange => ("key exchange", "troca de chaves"),
            Self::Chain => ("certificates", "certificados"),
            Self::Expiry => ("days left", "dias restantes"),
            Self::Revocation => ("revocation", "revogação"),
            Self::ClientCertificate => ("client certificate", "certificado de cliente"),
            Self::WithoutCertificate => ("without certificate", "sem certificado"),
            Self::Renegotiation => ("renegotiation", "renegociação"),
            Self::Protocol => ("protocol", "protocolo"),
            Self::Answer => ("answer", "resposta"),
            Self::KeepAlive => ("keep-alive", "keep-alive"),
            Self::Notification => ("notification", "notificação"),
            Self::Examination => ("examination", "exame"),
        };
        language.choose(en, pt_br)
    }
}

impl Verdict {
    /// Returns the verdict in a language.
    pub(super) fn name(self, language: Language) -> &'static str {
        let (en, pt_br) = match self {
            Self::WillFail => ("will fail", "vai falhar"),
            Self::MayFail => ("may fail", "pode falhar"),
            Self::NotChecked => ("not checked", "não verificado"),
            Self::Ok => ("ok", "ok"),
        };
        language.choose(en, pt_br)
    }
}

impl Words {
    /// Writes a sentence in both languages.
    pub(super) fn new(en: impl Into<String>, pt_br: impl Into<String>) -> Self {
        Self { en: en.into(), pt_br: pt_br.into() }
    }

    /// Returns the sentence of a language.
    pub(super) fn in_language(&self, language: Language) -> &str {
        language.choose(&self.en, &self.pt_br)
    }

    /// Adds another sentence.
    #[must_use]
    pub(super) fn and(self, other: &Self) -> Self {
        Self::new(format!("{} {}", self.en, other.en), format!("{} {}", self.pt_br, other.pt_br))
    }
}

impl Finding {
    /// Reports what is as it should be.
    pub(super) fn ok(check: Check, what: Words) -> Self {
        Self::new(check, Verdict::Ok, what)
    }

    /// Reports what was not looked at.
    pub(super) fn not_checked(check: Check, what: Words) -> Self {
        Self::new(check, Verdict::NotChecked, what)
    }

    /// Reports what will or may fail with a code, in the words of the table of codes and with what to do about it.
    pub(super) fn of_code(check: Check, verdict: Verdict, code: &str) -> Self {
        let what = Code::named(code)
            .map_or_else(|| Words::new(code, code), |code| Words::new(code.row().en, code.row().pt_br));
        let (en, pt_br) = advice(code);
        let what_to_do = Words::new(en, pt_br);
        Self { code: Some(code.to_owned()), what_to_do, ..Self::new(check, verdict, what) }
    }

    /// Reports a fault of ours, which says nothing of the receiver.
    pub(super) fn ours(check: Check, code: &str) -> Self {
        let what_to_do = Words::new(
            "This is no fault of the receiver; put it right on our side and run the check again.",
            "Isto não é falha do receptor; corrija do nosso lado e repita a verificação.",
        );
        Self { ours: true, what_to_do, ..Self::of_code(check, Verdict::NotChecked, code) }
    }

    /// Says more of it.
    #[must_use]
    pub(super) fn saying(self, what: &Words) -> Self {
        Self { what: self.what.and(what), ..self }
    }

    /// Says what was found in other words than those of the code.
    #[must_use]
    pub(super) fn in_words(self, what: Words) -> Self {
        Self { what, ..self }
    }

    /// Names the address that it is about.
    #[must_use]
    pub(super) fn at(self, address: SocketAddr) -> Self {
        Self { address: Some(address), ..self }
    }

    /// Adds what an engineer wants to know.
    #[must_use]
    pub(super) fn detail(self, detail: &str) -> Self {
        Self { detail: Some(detail.to_owned()).filter(|detail| !detail.is_empty()), ..self }
    }

    fn new(check: Check, verdict: Verdict, what: Words) -> Self {
        let (address, code, detail, what_to_do) = (None, None, None, Words::default());
        Self { check, verdict, address, code, ours: false, what, detail, what_to_do }
    }
}
