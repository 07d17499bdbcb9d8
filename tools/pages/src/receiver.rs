//! How a receiver is, and which comes first: the worst.

use std::collections::BTreeMap;
use std::sync::Arc;

use convention::codes::Code;
use convention::directory::Warning;
use jiff::{SignedDuration, Timestamp};

use crate::attempt::LoggedReceiver;
use crate::figures::Range;
use crate::history::{History, Summary};
use crate::model::{Certificate, Model, Registered};
use crate::page::Page;

/// How far back a receiver's figures reach.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(24);
/// What is said to be of now.
pub const LATELY: SignedDuration = SignedDuration::from_hours(1);
/// A certificate that ends within this many days is pointed out, as `CertificateExpiringAlarm` does for ours.
const ENDS_SOON_DAYS: i64 = 30;

/// A state, the worst first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum State {
    /// No attempt of a week succeeded, and there were some.
    NeverReached,
    /// Fewer than half of the last hour's attempts succeeded, or none of the day's.
    Failing,
    /// It keeps timing out, and its attempts get a reduced timeout.
    Slow,
    /// It is not notified although it asked to be.
    Suspended,
    /// It is notified.
    Active,
    /// Nothing was to be sent to it.
    Quiet,
    /// It is registered without webhooks.
    Disabled,
}

/// What the list shows of a receiver.
#[derive(Clone, Debug)]
pub struct Line {
    /// The key.
    pub key: String,
    /// The client id.
    pub client_id: String,
    /// The authorization server, unless it is that of the default brand.
    pub authorisation_server: Option<String>,
    /// The state.
    pub state: State,
    /// The attempts of the window.
    pub summary: Summary,
    /// How many notifications of a week stay undelivered and were not replayed.
    pub undelivered: u64,
    /// The webhook version.
    pub profile: &'static str,
    /// What it misses by that, as codes of warnings.
    pub misses: Vec<Warning>,
    /// Its certificate.
    pub certificate: Option<Certificate>,
    /// Days until its certificate ends.
    pub days: Option<i64>,
}

impl State {
    /// Its name.
    pub fn name(self) -> (&'static str, &'static str) {
        match self {
            Self::Failing => ("failing", "falhando"),
            Self::Slow => ("slow", "lento"),
            Self::Suspended => ("suspended", "suspenso"),
            Self::NeverReached => ("never reached", "nunca alcançado"),
            Self::Active => ("active", "ativo"),
            Self::Quiet => ("no attempt yet", "sem tentativas"),
            Self::Disabled => ("without webhook", "sem webhook"),
        }
    }

    /// How it is painted: the class of a mark.
    pub fn class(self) -> &'static str {
        match self {
            Self::Failing | Self::NeverReached => "bad",
            Self::Slow | Self::Suspended => "warn",
            Self::Active => "good",
            Self::Quiet | Self::Disabled => "idle",
        }
    }
}

/// Decides the state by the attempts of the window; `week` has those of a week, if that is known.
fn state(registered: &Registered, summary: &Summary, week: Option<&Summary>, now: Timestamp) -> State {
    let registration = &registered.registration;
    let lately = summary.delivered_lately + summary.failed_lately;
    match () {
        () if registration.suspension.is_some() => State::Suspended,
        () if registration.base_uri.is_none() => State::Disabled,
        () if summary.attempts() == 0 => State::Quiet,
        () if summary.delivered == 0 && week.is_some_and(|week| week.delivered == 0) => State::NeverReached,
        () if summary.delivered == 0 || (lately > 0 && summary.delivered_lately * 2 < lately) => {
            State::Failing
        }
        () if registered.slow_until.is_some_and(|until| until > now) => State::Slow,
        () => State::Active,
    }
}

/// All receivers, the worst first.
pub fn lines(model: &Model, now: Timestamp) -> Vec<Line> {
    let ago = |length| now.saturating_sub(length).unwrap_or(Timestamp::MIN);
    let history = model.history.value.as_ref();
    let since = |since| history.map(|history| history.summaries(since, ago(LATELY))).unwrap_or_default();
    let (summaries, week) = (since(ago(WINDOW)), since(ago(Range::Week.length())));
    // "Never" takes more than the day that is shown.
    let knows_more = history.and_then(History::since).is_some_and(|since| since < ago(WINDOW));
    let undelivered = undelivered(model);
    let registered = model.receivers.value.iter().flatten();
    let mut lines: Vec<_> = registered
        .map(|(key, registered)| {
            let of_week = summary(&week, registered);
            let mut summary = summary(&summaries, registered);
            let state = state(registered, &summary, knows_more.then_some(&of_week), now);
            summary.last_success = summary.last_success.or(of_week.last_success);
            let certificate = certificate(model, registered).cloned();
            let days = certificate.as_ref().and_then(|certificate| days_left(certificate, now));
            let registration = &registered.registration;
            let version = registration.settings.webhook_version;
            let is_notified = registration.base_uri.is_some();
            let misses = Warning::of_profile(&registration.settings).filter(|_| is_notified).collect();
            Line {
                key: key.clone(),
                client_id: registration.client_id.to_string(),
                authorisation_server: registration.authorisation_server.clone(),
                state,
                summary,
                undelivered: undelivered.get(key.as_str()).copied().unwrap_or_default(),
                profile: version.as_str(),
                misses,
                certificate,
                days,
            }
        })
        .collect();
    lines.sort_by(|one, other| one.rank().cmp(&other.rank()).then_with(|| one.key.cmp(&other.key)));
    lines
}

fn undelivered(model: &Model) -> BTreeMap<&str, u64> {
    let mut of = BTreeMap::new();
    for group in model.undelivered.value.iter().flat_map(|undelivered| &undelivered.groups) {
        *of.entry(group.receiver.as_str()).or_default() += group.count - group.replayed.min(group.count);
    }
    of
}

/// The summary of a registered client's attempts: log lines have the first 43 characters of its id.
pub fn summary(summaries: &BTreeMap<LoggedReceiver, Summary>, registered: &Registered) -> Summary {
    summaries.get(&logged(registered)).cloned().unwrap_or_default()
}

/// How log lines name a registered client.
pub fn logged(registered: &Registered) -> LoggedReceiver {
    let registration = &registered.registration;
    let client_id = registration.client_id.logged().into();
    LoggedReceiver {
        client_id,
        authorisation_server: registration.authorisation_server.as_deref().map(Arc::from),
    }
}

/// The certificate that its host showed.
pub fn certificate<'a>(model: &'a Model, registered: &Registered) -> Option<&'a Certificate> {
    let base: http::Uri = registered.registration.base_uri.as_deref()?.parse().ok()?;
    model.certificates.value.as_ref()?.get(base.host()?)
}

/// Whole days until a certificate ends; negative once it has.
pub fn days_left(certificate: &Certificate, now: Timestamp) -> Option<i64> {
    Some(certificate.valid_until?.duration_since(now).as_secs().div_euclid(86_400))
}

impl Line {
    fn rank(&self) -> (State, bool, std::cmp::Reverse<u64>, u64) {
        let ends_soon = self.days.is_some_and(|days| days < ENDS_SOON_DAYS);
        let is_fine =
            self.undelivered == 0 && !ends_soon && self.misses.is_empty() && !self.summary.without_mtls;
        let success = self.summary.success().unwrap_or(1.0);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a million")]
        let success = (success * 1e6) as u64;
        (self.state, is_fine, std::cmp::Reverse(self.undelivered), success)
    }

    /// What is known of its revocation.
    pub fn revocation(&self, page: &Page) -> String {
        let Some(certificate) = &self.certificate else { return String::new() };
        if certificate.is_revoked {
            return page.t("revoked", "revogado").to_owned();
        }
        match &certificate.checked_at {
            Some(at) => format!("{} {}", page.t("revocation checked", "revogação verificada"), page.ago(at)),
            None => page.t("revocation not checked", "revogação não verificada").to_owned(),
        }
    }

    /// How the days of its certificate are painted.
    pub fn days_class(&self) -> &'static str {
        match self.days {
            Some(days) if days < 0 => "bad",
            Some(days) if days < ENDS_SOON_DAYS => "warn",
            _ => "",
        }
    }
}

/// A failure's sentences, ready to forward.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OutcomeLine {
    /// The code.
    pub code: String,
    /// How often it came.
    pub count: u32,
    /// The sentence in English; empty for a code of another version.
    pub en: &'static str,
    /// The sentence in Portuguese.
    pub pt_br: &'static str,
}

/// The failures of a receiver, the most frequent first.
pub fn outcomes(summary: &Summary) -> Vec<OutcomeLine> {
    let mut lines: Vec<_> = summary
        .outcomes
        .iter()
        .map(|(code, count)| {
            let row = Code::named(code).map(Code::row);
            let (en, pt_br) = row.map_or(("", ""), |row| (row.en, row.pt_br));
            OutcomeLine { code: code.to_string(), count: *count, en, pt_br }
        })
        .collect();
    lines.sort_by_key(|line| std::cmp::Reverse(line.count));
    lines
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::attempt::ATTEMPT_ENDED;
    use crate::history::History;
    use crate::model::Undelivered;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    pub(crate) fn registered(client: &str, more: &Value) -> (String, Registered) {
        let mut registration = json!({
            "client_id": client, "base_uri": format!("https://{client}.example/hooks"), "webhook_uris": [],
            "webhook_version": "1.3.0", "success_statuses": [202], "notify_optional": false,
            "also_send_x_authorisation_server_id": false, "registered_at": "1970-01-01T00:00:00Z",
            "notifies_since": "1970-01-01T00:00:00Z",
        });
        registration.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        let registration = serde_json::from_value(registration).unwrap();
        (client.to_owned(), Registered { registration, slow_until: None })
    }

    fn model(now: i64) -> Model {
        let mut history = History::default();
        let mut add = |client: &str, second: i64, outcome: &str, finding: &str| {
            let fields = json!({
                "message": ATTEMPT_ENDED, "client_id": client, "notification_id": "n", "endpoint": "E2", "attempt": 1,
                "interaction_id": format!("{client}-{second}"), "outcome": outcome, "findings": finding,
            });
            history.add(at(second), fields.as_object().unwrap());
        };
        for (client, outcome) in
            [("failing", "timeout"), ("never", "timeout"), ("fine", "delivered"), ("open", "delivered")]
        {
            add(client, now - 10, outcome, if client == "open" { "receiver_without_mtls" } else { "" });
        }
        for client in ["ends", "old", "slow"] {
            add(client, now - 20, "delivered", "");
        }
        add("failing", now - 7200, "delivered", "");
        let mut all: BTreeMap<_, _> =
            ["failing", "never", "fine", "open", "ends"].map(|client| registered(client, &json!({}))).into();
        all.extend([
            registered("off", &json!({ "base_uri": null })),
            registered("quiet", &json!({})),
            registered("old", &json!({ "webhook_version": "1.0.0" })),
            registered("suspended", &json!({ "suspension": "software_not_active" })),
        ]);
        let (key, mut slow) = registered("slow", &json!({}));
        slow.slow_until = Some(at(now + 60));
        all.insert(key, slow);
        let certificate =
            Certificate { valid_until: Some(at(now + 86_400 * 9 + 5)), ..Certificate::default() };
        history.note_read_since(at(now - 7 * 86_400));
        let mut model = Model::default();
        model.history.end(Ok(history), at(now));
        model.receivers.end(Ok(all), at(now));
        model.certificates.end(Ok([("ends.example".to_owned(), certificate)].into()), at(now));
        model
    }

    #[test]
    fn the_worst_receiver_comes_first_and_one_that_has_all_comes_last() {
        let now = 1_000_000;
        let lines = lines(&model(now), at(now));
        let shown: Vec<_> = lines.iter().map(|line| (line.key.as_str(), line.state)).collect();
        assert_eq!(
            shown,
            [
                ("never", State::NeverReached),
                ("failing", State::Failing),
                ("slow", State::Slow),
                ("suspended", State::Suspended),
                ("ends", State::Active),
                ("old", State::Active),
                ("open", State::Active),
                ("fine", State::Active),
                ("quiet", State::Quiet),
                ("off", State::Disabled),
            ]
        );
        let of = |key: &str| lines.iter().find(|line| line.key == key).unwrap();
        assert_eq!((of("ends").days, of("ends").days_class(), of("fine").days), (Some(9), "warn", None));
        assert_eq!(of("old").misses.len(), 2);
        assert!(of("open").summary.without_mtls && !of("fine").summary.without_mtls);
    }

    #[test]
    fn undelivered_are_those_that_were_not_replayed() {
        let mut model = model(1_000_000);
        let group = |count, replayed| crate::model::UndeliveredGroup {
            receiver: "fine".to_owned(),
            endpoint: "E2".to_owned(),
            outcome: "timeout".to_owned(),
            count,
            replayed,
            first: at(0),
            last: at(1),
        };
        let undelivered = Undelivered { groups: vec![group(5, 2), group(1, 1)], unreadable: 0 };
        model.undelivered.end(Ok(undelivered), at(0));
        let lines = lines(&model, at(1_000_000));
        assert_eq!(lines.iter().find(|line| line.key == "fine").unwrap().undelivered, 3);
    }

    #[test]
    fn each_failure_has_its_sentence_in_both_languages() {
        let mut summary = Summary::default();
        summary.outcomes = [("timeout".into(), 1), ("odd".into(), 4)].into();
        let lines = outcomes(&summary);
        assert_eq!((lines[0].code.as_str(), lines[0].count, lines[0].en), ("odd", 4, ""));
        assert!(lines[1].en != lines[1].pt_br && !lines[1].en.is_empty() && !lines[1].pt_br.is_empty());
    }
}
