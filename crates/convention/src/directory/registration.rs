//! Decides from a DCR or DCM call whether and where a client is notified.

use serde::{Deserialize, Serialize};

use super::base_uri::{BaseUri, BaseUriError};
use super::settings::Settings;
use crate::address::AddressPolicy;
use crate::fields::FieldError;
use crate::notification::Ecosystem;

/// The `webhook_uris` of the software statement (`software_api_webhook_uris`).
#[derive(Clone, Copy, Debug)]
pub enum StatementUris<'a> {
    /// The call came without a statement: the caller has compared them itself.
    NotPresented,
    /// The claim of a verified statement, if it has one.
    Presented(Option<&'a [String]>),
}

/// Where a client is notified.
#[derive(Debug, Eq, PartialEq)]
pub enum Target {
    /// Nowhere: the client does not want notifications.
    Disabled,
    /// At this base URI.
    Enabled(BaseUri),
}

/// Something that a registration's owner should look at. The registration is accepted nevertheless.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Warning {
    /// More than one base URI; the first is used, since no text says which one to use.
    MultipleWebhookUris,
    /// The base already contains the webhook's path, which is appended once more.
    BaseContainsWebhookPath,
    /// The profile has no notification of enrollments, which came with 1.1.0.
    ProfileWithoutEnrollments,
    /// The profile has no notification of automatic payments, which came with 1.2.0.
    ProfileWithoutAutomaticPayments,
}

impl Warning {
    /// All warnings.
    pub const ALL: [Self; 4] = [
        Self::MultipleWebhookUris,
        Self::BaseContainsWebhookPath,
        Self::ProfileWithoutEnrollments,
        Self::ProfileWithoutAutomaticPayments,
    ];

    /// Lists the mandatory notifications that a receiver with this profile does not get: one warning for each
    /// API newer than the profile. Open Insurance had all of its APIs from its first profile on.
    pub fn of_profile(settings: &Settings) -> impl Iterator<Item = Self> + use<> {
        let (rows, profile) = (settings.ecosystem.endpoints(), settings.webhook_version);
        let of_api = [
            ("enrollments", Self::ProfileWithoutEnrollments),
            ("automatic-payments", Self::ProfileWithoutAutomaticPayments),
        ];
        let is_newer = move |api: &str| rows.iter().any(|row| row.api == api && row.since > profile);
        of_api.into_iter().filter(move |(api, _)| is_newer(api)).map(|(_, warning)| warning)
    }

    /// Returns the stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::MultipleWebhookUris => "multiple_webhook_uris",
            Self::BaseContainsWebhookPath => "base_contains_webhook_path",
            Self::ProfileWithoutEnrollments => "profile_without_enrollments",
            Self::ProfileWithoutAutomaticPayments => "profile_without_automatic_payments",
        }
    }

    /// Returns the sentence in Brazilian Portuguese.
    pub fn sentence_pt_br(self) -> &'static str {
        match self {
            Self::MultipleWebhookUris => "Há mais de um URI cadastrado; as notificações vão para o primeiro.",
            Self::BaseContainsWebhookPath => {
                "A URI base já contém o caminho do webhook; esse caminho é acrescentado mais uma vez."
            }
            Self::ProfileWithoutEnrollments => {
                "Vínculos são notificados a partir do webhook_version 1.1.0; este receptor não recebe nenhum, embora seja obrigatório."
            }
            Self::ProfileWithoutAutomaticPayments => {
                "Pagamentos automáticos são notificados a partir do webhook_version 1.2.0; este receptor não recebe nenhum, embora \
                 seja obrigatório."
            }
        }
    }

    /// Returns a sentence for people.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::MultipleWebhookUris => "More than one URI is registered; notifications go to the first.",
            Self::BaseContainsWebhookPath => {
                "The base URI already holds the path of the webhook; that path is appended to it once more."
            }
            Self::ProfileWithoutEnrollments => {
                "Enrollments are notified from webhook_version 1.1.0 on; this receiver is told of none, though that is mandatory."
            }
            Self::ProfileWithoutAutomaticPayments => {
                "Automatic payments are notified from webhook_version 1.2.0 on; this receiver is told of none, though that is \
                 mandatory."
            }
        }
    }
}

/// Why a registration is refused. The previous registration stays in force.
#[derive(Debug, Eq, PartialEq)]
pub enum Refusal {
    /// `webhook_uris` and the software statement do not agree (DCR-BR 2.1.0, section 7.1, item 16).
    DiffersFromStatement,
    /// The URI at this position is not acceptable.
    Uri(usize, BaseUriError),
}

impl Refusal {
    /// Describes the refusal; `pointer` is the place of the URIs in the document.
    pub fn field_error(&self, pointer: &str) -> FieldError {
        match self {
            Self::DiffersFromStatement => FieldError {
                pointer: pointer.to_owned(),
                code: "differs_from_statement",
                detail: DIFFERS_FROM_STATEMENT.to_owned(),
            },
            Self::Uri(index, error) => FieldError {
                pointer: format!("{pointer}/{index}"),
                code: error.code(),
                detail: format!("Refused: {error}."),
            },
        }
    }
}

/// The OAuth error code of every refusal (DCR-DCM swagger).
pub const INVALID_WEBHOOK_URIS: &str = "invalid_webhook_uris";

/// The description that DCR-BR 2.1.0, section 7.1, item 16, fixes for [`Refusal::DiffersFromStatement`].
pub const DIFFERS_FROM_STATEMENT: &str = "The content of the webhook_uris field differs from what was registered \
    in the software_statement observed through the JWS field's software_api_webhook_uris.";

/// Decides where a client is notified from the metadata and the statement of a DCR or DCM call.
///
/// The two are compared as sets of exact strings. Metadata without `webhook_uris` disables notifications, without
/// falling back to the statement (DCR-BR 2.1.0, section 7.1, item 17).
pub fn target(
    statement: StatementUris<'_>,
    metadata: Option<&[String]>,
    policy: AddressPolicy,
) -> Result<(Target, Vec<Warning>), Vec<Refusal>> {
    target_in(Ecosystem::OpenFinance, statement, metadata, policy)
}

/// Decides as [`target`] does, on a stack of this ecosystem.
///
/// Open Insurance limits `webhook_uris` to 255 characters without a pattern, so a final slash is no error there.
pub fn target_in(
    ecosystem: Ecosystem,
    statement: StatementUris<'_>,
    metadata: Option<&[String]>,
    policy: AddressPolicy,
) -> Result<(Target, Vec<Warning>), Vec<Refusal>> {
    let parse = |uri: &String| match ecosystem {
        Ecosystem::OpenFinance => BaseUri::parse(uri, policy),
        Ecosystem::OpenInsurance => BaseUri::parse_without_pattern(uri, policy),
    };
    let Some(uris) = metadata else { return Ok((Target::Disabled, Vec::new())) };
    let order = match statement {
        StatementUris::NotPresented => uris,
        StatementUris::Presented(claim) => {
            let claim = claim.unwrap_or_default();
            let within = |some: &[String], all: &[String]| some.iter().all(|uri| all.contains(uri));
            if !within(uris, claim) || !within(claim, uris) {
                return Err(vec![Refusal::DiffersFromStatement]);
            }
            claim
        }
    };
    // The index in the metadata, which is what the caller sees.
    let mut refusals = Vec::new();
    for (index, uri) in uris.iter().enumerate() {
        if let Err(error) = parse(uri) {
            refusals.push(Refusal::Uri(index, error));
        }
    }
    if !refusals.is_empty() {
        return Err(refusals);
    }
    let Some(first) = order.first() else { return Ok((Target::Disabled, Vec::new())) };
    let base = parse(first).map_err(|error| vec![Refusal::Uri(0, error)])?;
    let mut warnings = Vec::new();
    if uris.iter().any(|uri| uri != first) {
        warnings.push(Warning::MultipleWebhookUris);
    }
    if base.contains_webhook_path(ecosystem) {
        warnings.push(Warning::BaseContainsWebhookPath);
    }
    Ok((Target::Enabled(base), warnings))
}
