//! `arauto identity list`: the stored certificates and their validity, without keys.

use std::io::{self, Write as _};

use account::identity_secret::get_text;
use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use mtls::{Expiry, IdentityDocument, IdentityError, KmsIdentityError, is_server_id};
use platform::aws::{Keys, kms};
use platform::clock::Clock;
use platform::telemetry::ErrorChain;
use serde::Serialize;
use serde_json::{Value, json};
use terminal::{Align, Table};

use super::certificate::Certificate;
use super::secrets::SecretArgs;
use super::stored::open;

/// Show whose certificates the secret holds, and how long they are valid
///
/// Keys are read to check that they belong to their certificates, and never shown; for a key in KMS the public key is
/// requested (kms:GetPublicKey). Without options it reads the local stack that `arauto up` runs.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  arauto identity list --stack-name arauto-production --profile bank")]
pub(super) struct ListArgs {
    #[command(flatten)]
    secrets: SecretArgs,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: ListArgs) -> Result<()> {
    let secrets = args.secrets.find(None).await?;
    let rows = match get_text(&secrets.sdk, &secrets.identity).await? {
        Some(text) => rows(&text, &Keys::new(kms(&secrets.sdk)), Clock::system().now()).await?,
        None => Vec::new(),
    };
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", json!({ "identities": rows }))?;
    } else if rows.is_empty() {
        writeln!(out, "The secret holds no identity yet.")?;
    } else {
        rows.iter().try_for_each(|row| row.show(&mut out))?;
    }
    Ok(())
}

/// The displayed fields of one identity.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Row {
    /// Absent if the identity is the only one.
    authorisation_server_id: Option<String>,
    subject: Option<String>,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    days_left: Option<i64>,
    key_matches: bool,
    /// The key's ARN, if it is in KMS.
    kms_key_id: Option<String>,
    /// Why it cannot be used.
    problem: Option<String>,
}

async fn rows(text: &str, keys: &Keys, now: Timestamp) -> Result<Vec<Row>, IdentityError> {
    let identities = match IdentityDocument::from_json(text)? {
        IdentityDocument::Single(identity) => vec![(None, identity)],
        IdentityDocument::ByServer(identities) => {
            identities.into_iter().map(|(id, identity)| (Some(id), identity)).collect()
        }
    };
    let mut rows = Vec::new();
    for (id, identity) in identities {
        rows.push(Row::of(id, identity, keys, now).await);
    }
    Ok(rows)
}

impl Row {
    async fn of(
        authorisation_server_id: Option<String>,
        identity: Value,
        keys: &Keys,
        now: Timestamp,
    ) -> Self {
        let certificate = Certificate::first_of(identity["certificate_chain"].as_str().unwrap_or_default());
        let kms_key_id = identity["kms_key_id"].as_str().map(str::to_owned);
        let read = open(identity, keys).await;
        let key_matches = read.is_ok();
        let named = authorisation_server_id.as_deref().is_none_or(is_server_id);
        let usable = if named { read } else { Err(IdentityError::Owner.into()) };
        let problem: Option<KmsIdentityError> =
            usable.and_then(|identity| Ok(identity.check_validity(now)?)).err();
        let valid_until = certificate.as_ref().map(|certificate| certificate.valid_until);
        Self {
            authorisation_server_id,
            valid_from: certificate.as_ref().map(|certificate| certificate.valid_from),
            valid_until,
            days_left: valid_until.map(|until| Expiry::at(until, now).days_left),
            subject: certificate.map(|certificate| certificate.subject),
            key_matches,
            kms_key_id,
            problem: problem.map(|problem| ErrorChain(&problem).to_string()),
        }
    }

    fn show(&self, out: &mut impl io::Write) -> io::Result<()> {
        let owner = self.authorisation_server_id.as_deref().unwrap_or("default brand");
        let mut table = Table::new([Align::Left; 2]).indented(2);
        if let (Some(subject), Some(from), Some(until), Some(days)) =
            (&self.subject, self.valid_from, self.valid_until, self.days_left)
        {
            table.row(["subject", subject]);
            table.row(["valid", &format!("from {from} until {until}, {days} days left")]);
        }
        let key = if self.key_matches { "matches" } else { "does not match" };
        let in_kms = self.kms_key_id.as_ref().map(|arn| format!(", in KMS: {arn}")).unwrap_or_default();
        table.row(["key", &format!("{key}{in_kms}")]);
        if let Some(problem) = &self.problem {
            table.row(["problem", problem]);
        }
        write!(out, "{owner}\n{table}")
    }
}

#[cfg(test)]
mod tests {
    use aws_config::BehaviorVersion;
    use jiff::SignedDuration;
    use mtls::pem::PemError;

    use super::*;
    use account::identity_secret::{document, document_in_kms};
    use certificates::ClientSubject;
    use devkit::pki::Authority;

    const A: &str = "11111111-aaaa-4000-8000-000000000001";
    const B: &str = "22222222-bbbb-4000-8000-000000000002";

    const KEY: &str = "arn:aws:kms:sa-east-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";

    /// Keys of an unreachable KMS.
    fn keys() -> Keys {
        Keys::new(kms(&aws_config::SdkConfig::builder().behavior_version(BehaviorVersion::latest()).build()))
    }

    #[tokio::test]
    async fn each_identity_is_shown_with_its_dates_and_never_its_key() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let authority = Authority::new("Ours", now).unwrap();
        let [one, other] = [(); 2].map(|()| authority.client(&ClientSubject::default()).unwrap());
        let secret = json!({
            A: document(&one.chain_pem, &one.key_pem),
            B: document(&one.chain_pem, &other.key_pem),
            "b": "nothing",
            "c": document_in_kms(&one.chain_pem, KEY),
        })
        .to_string();
        let shown = rows(&secret, &keys(), now).await.unwrap();
        assert_eq!(shown.len(), 4);
        let ids: Vec<_> = shown.iter().filter_map(|row| row.authorisation_server_id.as_deref()).collect();
        assert_eq!(ids, [A, B, "b", "c"]);
        assert_eq!(shown.iter().map(|row| row.key_matches).collect::<Vec<_>>(), [true, false, false, false]);
        assert_eq!(shown[3].kms_key_id.as_deref(), Some(KEY));
        assert_eq!(
            (shown[0].days_left, shown[1].days_left, shown[2].days_left),
            (Some(365), Some(365), None)
        );
        assert_eq!(shown[0].problem, None);
        assert_eq!(shown[1].problem, Some(IdentityError::Mismatch.to_string()));
        assert_eq!(shown[2].problem, Some(IdentityError::Owner.to_string()));
        assert!(shown[0].subject.as_ref().unwrap().contains("organizationIdentifier=OFBBR-"));

        let later = rows(&secret, &keys(), now + SignedDuration::from_hours(366 * 24)).await.unwrap();
        assert_eq!(later[0].days_left, Some(-1));
        assert!(later[0].problem.as_ref().unwrap().contains("expired"));

        let mut out = Vec::new();
        shown.iter().try_for_each(|row| row.show(&mut out)).unwrap();
        let text = String::from_utf8(out).unwrap() + &json!(shown).to_string();
        assert!(text.contains("365 days left") && !text.contains("PRIVATE KEY"), "{text}");
        for line in one.key_pem.lines().filter(|line| !line.contains("-----")) {
            assert!(!text.contains(line));
        }
    }

    #[tokio::test]
    async fn an_identity_without_an_id_is_the_default_brands() {
        let rows = rows(&document("", "").to_string(), &keys(), Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(rows[0].authorisation_server_id, None);
        let nothing = PemError::Nothing { wanted: "CERTIFICATE" };
        assert_eq!(rows[0].problem, Some(ErrorChain(&IdentityError::ErrorChain(nothing)).to_string()));
    }
}
