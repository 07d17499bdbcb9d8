//! The console in a real browser: with data, empty, and of a stack that does not answer; in both languages, light and dark, on a
//! phone, by keyboard alone. What no browser does is sent by hand.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod browser;
mod model;
mod stack;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener as StdListener, TcpStream};
use std::time::Duration;

use account::ChosenStack;
use account::local_stack::LocalStack;
use arauto::console::{App, Options, serve};
use arauto::shutdown::Shutdown;
use platform::aws::{UndeliveredRows, dynamodb};
use tests::world::now;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

use self::browser::{Browser, Seen, Visit};
use self::stack::{Filled, GIVEN_UP, LEDGER, RECEIVER};

/// Every page that needs no id.
const PAGES: [&str; 9] = [
    "now",
    "now?range=week",
    "receivers",
    "notifications",
    "undelivered",
    "explain",
    "bill",
    "capacity",
    "polling",
];

/// A console that serves until it is dropped.
struct Served {
    url: String,
    port: u16,
    _stop: oneshot::Sender<()>,
}

/// Serves a console of this stack, as the command does.
fn served(stack: LocalStack, is_acting: bool) -> Served {
    serve_app(move |port, shutdown| {
        let options = Options { is_acting, ..Options::default() };
        App::new(ChosenStack::of_local(stack), options, port, shutdown).unwrap()
    })
}

/// Serves an application on a thread of its own.
fn serve_app(app: impl FnOnce(u16, Shutdown) -> App + Send + 'static) -> Served {
    let (said, told) = std::sync::mpsc::channel();
    let (stop, stopped) = oneshot::channel::<()>();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let port = listener.local_addr().unwrap().port();
            let (_asked, shutdown) = Shutdown::channel();
            let app = app(port, shutdown);
            said.send((app.url(), port)).unwrap();
            serve(listener, app, async move { _ = stopped.await }).await.unwrap();
        });
    });
    let (url, port) = told.recv().unwrap();
    Served { url, port, _stop: stop }
}

impl Served {
    fn page(&self, language: &str, path: &str) -> String {
        format!("{}{language}/{path}", self.url)
    }

    /// Sends a request as no browser would; returns the status, and the answer.
    fn sent(&self, head: &str, body: &str) -> (u16, String) {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        let length = body.len();
        write!(connection, "{head}connection: close\r\ncontent-length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    fn path(&self) -> String {
        self.url.split_once(&self.port.to_string()).unwrap().1.to_owned()
    }

    /// Waits until a page says something.
    async fn until(&self, path: &str, text: &str) -> String {
        let mut last = String::new();
        for _ in 0..240 {
            let head = format!("GET {}{path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n", self.path(), self.port);
            let (_, answer) = self.sent(&head, "");
            if answer.contains(text) {
                return answer;
            }
            last = answer;
            sleep(Duration::from_millis(250)).await;
        }
        panic!("{path} never said {text}, but: {last}");
    }
}

/// What holds of every page.
fn check(seen: &Seen, console: &Served, language: &str) {
    let at = &seen.url;
    assert_eq!((seen.status, seen.lang.as_str()), (200, language), "{at}");
    assert!(seen.axe.is_empty(), "{at}: {:#?}", seen.axe);
    assert!(seen.errors.is_empty(), "{at}: {:#?}", seen.errors);
    assert!(seen.overflow <= 0, "{at} is {} pixels wider than the window", seen.overflow);
    let own = format!("http://127.0.0.1:{}/", console.port);
    let strange: Vec<_> =
        seen.requests.iter().filter(|url| !url.starts_with(&own) && !url.starts_with("data:")).collect();
    assert!(strange.is_empty(), "{at} asked {strange:?}");
    assert!(seen.title.ends_with("· Arauto"), "{}", seen.title);
}

#[tokio::test]
async fn each_page_is_right_with_data_in_both_languages_light_and_dark_wide_and_narrow() {
    let Some(browser) = Browser::find("console") else { return };
    let filled = Filled::start().await;
    let console = served(filled.local(), false);
    console.until("en/receivers", "mark bad").await;
    console.until("en/now?range=week", "The attempts since").await;
    let notification = format!("notifications/{}", filled.waiting);
    let receiver = format!("receivers/{RECEIVER}");
    let found = "notifications?id=p-1";
    let by_client = format!("notifications?client={RECEIVER}&failed=1");
    let more = [notification.as_str(), &receiver, found, &by_client, "bill?region=sa-east-1&source=sqs"];
    let paths = PAGES.iter().copied().chain(more);
    let mut visits = Vec::new();
    for path in paths {
        visits.push(Visit::of(console.page("en", path)).pictured("light"));
        visits.push(Visit::of(console.page("pt-BR", path)).dark().narrow().pictured("dark"));
    }
    let seen = browser.look(&visits);
    for (visit, seen) in visits.iter().zip(&seen) {
        check(seen, &console, if visit.url.contains("/pt-BR/") { "pt-BR" } else { "en" });
    }
    let said = |path: &str| &seen.iter().find(|seen| seen.url.ends_with(path)).unwrap().text;
    assert!(said("pt-BR/now").contains("Números"), "{}", said("pt-BR/now"));
    let receivers = said("en/receivers");
    assert!(receivers.find(RECEIVER) < receivers.find("itp-fine"), "the worst comes first: {receivers}");
    assert!(receivers.contains("misses mandatory events"), "{receivers}");
    let one = said(&format!("en/{receiver}"));
    assert!(one.contains("timeout") && one.contains("A client was registered."), "{one}");
    let timeline = said(&format!("pt-BR/{notification}"));
    assert!(timeline.contains("A seguir: tentativa 2"), "{timeline}");
    assert!(said("en/undelivered").contains(GIVEN_UP), "{}", said("en/undelivered"));
}

#[tokio::test]
async fn an_empty_stack_and_one_that_does_not_answer_have_pages_that_say_so() {
    let Some(browser) = Browser::find("console") else { return };
    let filled = Filled::empty().await;
    let console = served(filled.local(), false);
    console.until("en/receivers", "No client is registered").await;
    console.until("en/undelivered", "Nothing was given up").await;
    console.until("en/now", "The local stack has no alarms").await;
    let visits: Vec<_> = PAGES.iter().map(|path| Visit::of(console.page("en", path))).collect();
    browser.look(&visits).iter().for_each(|seen| check(seen, &console, "en"));

    // It takes connections, and never answers.
    let silent = StdListener::bind("127.0.0.1:0").unwrap();
    let outputs = filled.local().outputs().clone();
    let console = served(LocalStack::new(silent.local_addr().unwrap().port(), outputs), false);
    let visits: Vec<_> = PAGES
        .iter()
        .map(|path| Visit::of(console.page("pt-BR", path)).after(Duration::from_secs(1)))
        .collect();
    let seen = browser.look(&visits);
    for seen in &seen {
        check(seen, &console, "pt-BR");
    }
    assert!(seen[0].text.contains("esperando resposta"), "{}", seen[0].text);
    assert!(seen[2].text.contains("Os cadastros ainda não foram lidos"), "{}", seen[2].text);
}

#[tokio::test]
async fn an_alarm_that_is_on_has_the_first_step_of_its_runbook() {
    let Some(browser) = Browser::find("console") else { return };
    let console = serve_app(|port, stop| {
        let stack = ChosenStack::of_local(LocalStack::new(1, BTreeMap::new()));
        let options = Options { name: Some("arauto-production".to_owned()), ..Options::default() };
        App::of_model(stack, options, (port, stop), model::of_aws(now())).unwrap()
    });
    let mut visits = Vec::new();
    for (path, language) in
        [("now?range=day", "en"), ("now", "pt-BR"), ("receivers", "pt-BR"), ("receivers", "en")]
    {
        let visit = Visit::of(console.page(language, path)).pictured(&format!("aws-{language}"));
        visits.extend([visit.clone(), visit.dark().narrow().pictured(&format!("aws-{language}-dark"))]);
    }
    let seen = browser.look(&visits);
    for (visit, seen) in visits.iter().zip(&seen) {
        check(seen, &console, if visit.url.contains("/pt-BR/") { "pt-BR" } else { "en" });
    }
    let (now, agora) = (&seen[0].text, &seen[2].text);
    assert!(now.contains("QueueAgeAlarm") && now.contains("names an event source"), "{now}");
    assert!(now.contains("Queue age") && now.contains("Concurrency"), "{now}");
    assert!(agora.contains("Alarmes disparados") && !agora.contains("Queue age"), "{agora}");
    assert!(seen[4].text.contains("9 dias"), "{}", seen[4].text);
}

#[tokio::test]
async fn a_replay_is_chosen_looked_at_confirmed_and_watched_by_keyboard_alone_and_it_is_recorded_who_did_it()
{
    let Some(browser) = Browser::find("console") else { return };
    let filled = Filled::start().await;
    let console = served(filled.local(), true);
    console.until("en/undelivered", GIVEN_UP).await;
    let visit = Visit::of(console.page("en", "undelivered"))
        // What one sees first is a way past the menu.
        .press("Tab")
        .says("document.activeElement.textContent")
        .tab_to("input[name=group]:not([disabled])")
        .press("Space")
        .tab_to("#rate")
        .press("Enter")
        .until_shown("text=Takes at least")
        .says("document.querySelector('main').innerText")
        .tab_to("#sure")
        .press("Space")
        .press("Tab")
        .says("document.activeElement.textContent")
        .press("Enter")
        .until_shown("text=It is over.")
        .says("document.querySelector('main').innerText");
    let seen = browser.look(&[visit]).remove(0);
    assert!(seen.axe.is_empty() && seen.errors.is_empty(), "{:?} {:?}", seen.axe, seen.errors);
    let [skip, plan, button, over] = &seen.said[..] else { panic!("{:?}", seen.said) };
    assert_eq!((skip.as_str(), button.as_str()), ("Skip to the content", "Replay"));
    assert!(plan.contains("US$") && plan.contains(GIVEN_UP), "{plan}");
    assert!(over.contains("Confirmed by") && over.contains("1 / 1"), "{over}");
    let rows = UndeliveredRows::new(
        dynamodb(&filled.local().sdk_config()),
        filled.local().output(LEDGER).unwrap().to_owned(),
    );
    let row = filled.undelivered(&rows).await;
    let by = row.replayed_by.unwrap();
    assert!(row.replayed_at.is_some() && by.contains("arn:aws") && over.contains(&by), "{by}");
}

#[tokio::test]
async fn nobody_but_the_page_itself_reads_or_replays() {
    let filled = Filled::start().await;
    let console = served(filled.local(), true);
    let (path, port) = (console.path(), console.port);
    let get = |path: &str, headers: &str| console.sent(&format!("GET {path} HTTP/1.1\r\n{headers}"), "");
    let host = format!("host: 127.0.0.1:{port}\r\n");
    let now = format!("{path}en/now");
    let (status, answer) = get(&now, &host);
    assert_eq!(status, 200);
    for header in [
        "content-security-policy: default-src 'none'",
        "cache-control: no-store",
        "cross-origin-resource-policy: same-origin",
    ] {
        assert!(answer.contains(header), "{header}: {answer}");
    }
    assert!(
        !answer.to_lowercase().contains("set-cookie") && !answer.contains("access-control-allow"),
        "{answer}"
    );
    let secret = path.trim_matches('/');
    for (path, headers) in [
        ("/en/now".to_owned(), host.clone()),
        (format!("/{secret}x/en/now"), host.clone()),
        (format!("/en/{secret}/now"), host.clone()),
        (now.clone(), "host: evil.example\r\n".to_owned()),
        (now.clone(), format!("host: evil.example:{port}\r\n")),
        (now.clone(), String::new()),
        (now.clone(), format!("{host}origin: http://evil.example\r\n")),
        (now.clone(), format!("{host}origin: null\r\n")),
        (now.clone(), format!("{host}sec-fetch-site: cross-site\r\n")),
        (now.clone(), format!("{host}sec-fetch-site: same-site\r\n")),
    ] {
        let (status, answer) = get(&path, &headers);
        assert!((400..500).contains(&status), "{path} {headers}: {status}");
        assert!(!answer.contains(RECEIVER) && !answer.contains(secret), "{answer}");
    }
    // A form of another page has neither the origin nor the secret of forms.
    let own = format!(
        "{host}origin: http://127.0.0.1:{port}\r\ncontent-type: application/x-www-form-urlencoded\r\n"
    );
    let strange =
        format!("{host}origin: http://127.0.0.1:1\r\ncontent-type: application/x-www-form-urlencoded\r\n");
    for (path, headers, body) in [
        ("en/undelivered/replay", &strange, "form=x&plan=x&sure=1"),
        ("en/undelivered/replay", &own, "form=x&plan=x&sure=1"),
        ("en/explain", &own, "form=x&text=%7B%7D"),
        ("en/explain", &strange, "form=x&text=%7B%7D"),
    ] {
        let (status, _) = console.sent(&format!("POST {}{path} HTTP/1.1\r\n{headers}", console.path()), body);
        assert_eq!(status, 403, "{path} {headers}");
    }
}

/// Measured, not judged: docs/performance.md has the figures and the command.
#[tokio::test]
#[ignore = "it measures"]
async fn pages_of_a_day_with_a_hundred_thousand_notifications() {
    let filled = Filled::empty().await;
    filled.put_day(100_000).await;
    let console = served(filled.local(), false);
    let (begun, mut figures) = (Instant::now(), String::new());
    console.until("en/notifications?client=itp-7", "mark good").await;
    let first = begun.elapsed();
    console.until("en/now?range=week", "100,000").await;
    writeln!(figures, "the first attempts after {first:.1?}, all after {:.1?}", begun.elapsed()).unwrap();
    for path in ["now?range=hour", "now?range=week", "receivers", "notifications?client=itp-7", "undelivered"]
    {
        let head =
            format!("GET {}en/{path} HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n", console.path(), console.port);
        let timed = |_| {
            let begun = Instant::now();
            assert_eq!(console.sent(&head, "").0, 200);
            begun.elapsed()
        };
        let mut taken: Vec<_> = (0..21).map(timed).collect();
        taken.sort();
        writeln!(figures, "{path}: median {:.1?}, most {:.1?}", taken[10], taken[20]).unwrap();
    }
    std::io::stderr().write_all(figures.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_console_without_actions_replays_nothing() {
    let filled = Filled::start().await;
    let console = served(filled.local(), false);
    let page = console.until("en/explain", "name=\"form\"").await;
    let form = page.split("name=\"form\" value=\"").nth(1).unwrap().split('"').next().unwrap();
    let head = format!(
        "POST {}en/undelivered/replay HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\norigin: http://127.0.0.1:{port}\r\n\
         content-type: application/x-www-form-urlencoded\r\n",
        console.path(),
        port = console.port
    );
    let (status, answer) = console.sent(&head, &format!("form={form}&plan=x&sure=1"));
    assert!(status == 403 && answer.contains("read-only"), "{answer}");
}
