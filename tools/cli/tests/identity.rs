//! `arauto identity put` as an operator runs it: its exit codes, what it says where, and what it has stored when it fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::{fs, thread};

use devkit::pki::{Authority, ClientSubject};
use platform::clock::Clock;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Secrets Manager, as far as the command asks it: it stores nothing and notes which secrets were to be stored.
#[derive(Clone)]
struct SecretsManager {
    url: String,
    stored: Arc<Mutex<Vec<String>>>,
}

impl SecretsManager {
    /// Listens, and refuses to store this secret.
    fn refusing(refused: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let manager = Self { url, stored: Arc::default() };
        let serving = manager.clone();
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                serving.answer(connection, refused);
            }
        });
        manager
    }

    /// Answers one request of a connection, and closes it.
    fn answer(&self, mut connection: TcpStream, refused: &str) {
        let mut reader = BufReader::new(connection.try_clone().unwrap());
        let (mut target, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap() == 0 {
                return;
            }
            let Some((name, value)) = line.trim_end().split_once(": ") else {
                if line.trim_end().is_empty() {
                    break;
                }
                continue;
            };
            match name.to_ascii_lowercase().as_str() {
                "x-amz-target" => value.clone_into(&mut target),
                "content-length" => length = value.parse().unwrap(),
                _ => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        let secret = serde_json::from_slice::<Value>(&body).unwrap()["SecretId"].as_str().unwrap().to_owned();
        let (status, answer) = if target.ends_with(".GetSecretValue") {
            (400, json!({ "__type": "ResourceNotFoundException", "Message": "no value" }))
        } else if secret == refused {
            (400, json!({ "__type": "AccessDeniedException", "Message": "not allowed" }))
        } else {
            self.stored.lock().unwrap().push(secret);
            (200, json!({}))
        };
        let answer = answer.to_string();
        let length = answer.len();
        let head = "Content-Type: application/x-amz-json-1.1\r\nConnection: close";
        write!(connection, "HTTP/1.1 {status} X\r\n{head}\r\nContent-Length: {length}\r\n\r\n{answer}")
            .unwrap();
    }

    fn stored(&self) -> Vec<String> {
        self.stored.lock().unwrap().clone()
    }
}

/// The files of an operator.
struct Files {
    folder: TempDir,
}

impl Files {
    /// Makes an identity and its root; the chain is given in another order, which is a warning.
    fn new() -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        let authority = Authority::new("Test", Clock::system().now()).unwrap();
        let identity = authority.client(&ClientSubject::default()).unwrap();
        files.write("key.pem", &identity.key_pem);
        files.write("other-key.pem", &authority.client(&ClientSubject::default()).unwrap().key_pem);
        let second = identity.chain_pem.rfind("-----BEGIN").unwrap();
        let (leaf, above) = identity.chain_pem.split_at(second);
        files.write("chain.pem", &format!("{above}{leaf}"));
        files.write("trust.pem", authority.root_pem());
        files
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// Runs the command.
    fn put(&self, secrets: &SecretsManager, key: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_arauto"));
        command.current_dir(self.folder.path()).args(["identity", "put"]);
        command.args(["--identity-secret", "identity", "--trust-secret", "trust"]);
        command.args([
            "--certificate-chain",
            "chain.pem",
            "--private-key",
            key,
            "--trust-anchors",
            "trust.pem",
        ]);
        command.env_clear().envs([
            ("AWS_ENDPOINT_URL", secrets.url.as_str()),
            ("AWS_REGION", "sa-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_MAX_ATTEMPTS", "1"),
        ]);
        command.output().unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_owned()).unwrap()
}

#[test]
fn warnings_go_to_standard_error_and_are_no_failure() {
    let (files, secrets) = (Files::new(), SecretsManager::refusing("none"));
    let output = files.put(&secrets, "key.pem");
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{err}");
    assert!(err.contains("arauto: warning: "), "{err}");
    assert!(
        out.contains("The identity is stored in identity, with")
            && out.contains("The trust anchors are stored"),
        "{out}"
    );
    assert_eq!(secrets.stored(), ["trust", "identity"]);
}

#[test]
fn what_cannot_be_used_is_a_failure_and_nothing_is_stored() {
    let (files, secrets) = (Files::new(), SecretsManager::refusing("none"));
    let output = files.put(&secrets, "other-key.pem");
    let err = text(&output.stderr);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{err}");
    assert!(err.starts_with("arauto: ") && err.contains("key"), "{err}");
    assert_eq!(secrets.stored(), [""; 0]);
}

#[test]
fn a_secret_that_cannot_be_stored_is_a_failure_that_says_what_was_stored_before_it() {
    for (refused, stored, says) in [
        ("trust", &[][..], "failed to put the secret trust"),
        (
            "identity",
            &["trust"][..],
            "the trust anchors were stored, the identity was not: repeat the command",
        ),
    ] {
        let (files, secrets) = (Files::new(), SecretsManager::refusing(refused));
        let output = files.put(&secrets, "key.pem");
        let err = text(&output.stderr);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{err}");
        assert!(err.contains(says), "{err}");
        assert_eq!(secrets.stored(), stored);
    }
}
