//! `arauto identity list`: whose certificates are stored and until when they are good. Never a key.

use std::io::{self, Write as _};

use anyhow::Result;
use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use webhook::aws::sdk_config;
use webhook::edge::Clock;
use webhook::peer::{Expiry, Identity, IdentityDocument, IdentityError, is_server_id};

use super::certificate::Certificate;
use super::get_text;

/// Show whose certificates the secret holds, and until when they are good
///
/// Keys are read to see whether they belong to their certificates, and never shown. Credentials and region come from the
/// environment or the AWS profile.
#[derive(Args, Clone, Debug)]
#[command(after_help = "Example:\n  arauto identity list --identity-secret \"$IDENTITY_SECRET_ARN\"")]
pub(super) struct ListArgs {
    /// Secret of the identities: the stack's output IdentitySecretArn
    #[arg(long, value_name = "ARN")]
    identity_secret: String,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(super) async fn run(args: ListArgs) -> Result<()> {
    let text = get_text(&sdk_config().await, &args.identity_secret).await?;
    let rows = text.map(|text| rows(&text, Clock::system().now())).transpose()?.unwrap_or_default();
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

/// What is shown of one identity.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Row {
    /// Absent where the identity is the only one.
    authorisation_server_id: Option<String>,
    subject: Option<String>,
    valid_from: Option<Timestamp>,
    valid_until: Option<Timestamp>,
    days_left: Option<i64>,
    key_matches: bool,
    /// Why it cannot be used.
    problem: Option<String>,
}

fn rows(text: &str, now: Timestamp) -> Result<Vec<Row>, IdentityError> {
    Ok(match IdentityDocument::from_json(text)? {
        IdentityDocument::Single(identity) => vec![Row::of(None, &identity, now)],
        IdentityDocument::ByServer(identities) => {
            identities.into_iter().map(|(id, identity)| Row::of(Some(id), &identity, now)).collect()
        }
    })
}

impl Row {
    fn of(authorisation_server_id: Option<String>, identity: &Value, now: Timestamp) -> Self {
        let text = |field: &str| identity[field].as_str().unwrap_or_default();
        let read = Identity::from_pem(text("certificate_chain"), text("private_key"));
        let key_matches = read.is_ok();
        let named = authorisation_server_id.as_deref().is_none_or(is_server_id);
        let usable = if named { read } else { Err(IdentityError::Owner) };
        let problem = usable.and_then(|identity| identity.check_validity(now)).err();
        let certificate = Certificate::first_of(text("certificate_chain"));
        let valid_until = certificate.as_ref().map(|certificate| certificate.valid_until);
        Self {
            authorisation_server_id,
            valid_from: certificate.as_ref().map(|certificate| certificate.valid_from),
            valid_until,
            days_left: valid_until.map(|until| Expiry::at(until, now).days_left),
            subject: certificate.map(|certificate| certificate.subject),
            key_matches,
            problem: problem.map(|problem| problem.to_string()),
        }
    }

    fn show(&self, out: &mut impl io::Write) -> io::Result<()> {
        let owner = self.authorisation_server_id.as_deref().unwrap_or("default brand");
        writeln!(out, "{owner}")?;
        if let (Some(subject), Some(from), Some(until), Some(days)) =
            (&self.subject, self.valid_from, self.valid_until, self.days_left)
        {
            writeln!(out, "  subject  {subject}")?;
            writeln!(out, "  valid    from {from} until {until}, {days} days left")?;
        }
        writeln!(out, "  key      {}", if self.key_matches { "matches" } else { "does not match" })?;
        self.problem.iter().try_for_each(|problem| writeln!(out, "  problem  {problem}"))
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use crate::identity::document;
    use crate::pki::{Authority, ClientSubject};

    const A: &str = "11111111-aaaa-4000-8000-000000000001";
    const B: &str = "22222222-bbbb-4000-8000-000000000002";

    #[test]
    fn each_identity_is_shown_with_its_dates_and_never_its_key() {
        let now: Timestamp = "2026-11-22T12:00:00Z".parse().unwrap();
        let authority = Authority::new("Ours", now).unwrap();
        let [one, other] = [(); 2].map(|()| authority.client(&ClientSubject::default()).unwrap());
        let secret = json!({
            A: document(&one.chain_pem, &one.key_pem),
            B: document(&one.chain_pem, &other.key_pem),
            "b": "nothing",
        })
        .to_string();
        let shown = rows(&secret, now).unwrap();
        assert_eq!(shown.len(), 3);
        let ids: Vec<_> = shown.iter().filter_map(|row| row.authorisation_server_id.as_deref()).collect();
        assert_eq!(ids, [A, B, "b"]);
        assert_eq!(shown.iter().map(|row| row.key_matches).collect::<Vec<_>>(), [true, false, false]);
        assert_eq!(
            (shown[0].days_left, shown[1].days_left, shown[2].days_left),
            (Some(365), Some(365), None)
        );
        assert_eq!(shown[0].problem, None);
        assert_eq!(shown[1].problem, Some(IdentityError::Mismatch.to_string()));
        assert_eq!(shown[2].problem, Some(IdentityError::Owner.to_string()));
        assert!(shown[0].subject.as_ref().unwrap().contains("organizationIdentifier=OFBBR-"));

        let later = rows(&secret, now + SignedDuration::from_hours(366 * 24)).unwrap();
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

    #[test]
    fn an_identity_without_an_id_is_the_default_brands() {
        let rows = rows(&document("", "").to_string(), Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(rows[0].authorisation_server_id, None);
        assert_eq!(rows[0].problem, Some(IdentityError::Chain.to_string()));
    }
}
