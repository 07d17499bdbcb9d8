//! The receivers of `examples/receivers`, each behind the nginx configuration beside them: dispatch notifies them, and others
//! send what they must refuse. And the page that says what a receiver must know.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::fs::{read_dir, read_to_string, write};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;
use tests::contract::file;
use tests::judges::{INSTALL_NGINX, find_nginx, find_program};
use tests::skip;

mod fixture;
mod page;
mod process;
mod request;

use fixture::Fixture;

const CLIENT: &str = "itp-1";
const BASE_PATH: &str = "/kong3";
const FOLDER: &str = "examples/receivers";
/// A runtime that compiles first takes some seconds on a busy machine.
const RECEIVER_TIMEOUT: Duration = Duration::from_mins(1);
/// A payment whose bank is down.
const DOWN: &str = "p-down";
const INSTALL_TYPESCRIPT: &str = "mkdir -p .arauto/typescript && cp infra/tools/typescript/*.json .arauto/typescript && npm ci --prefix .arauto/typescript";
const INSTALL_JDK: &str = "apt-get install --no-install-recommends default-jdk-headless";
const INSTALL_GO: &str = "apt-get install --no-install-recommends golang-go";
const INSTALL_JACKSON: &str = "apt-get install --no-install-recommends libjackson2-databind-java";

/// Has dispatch and others send to a receiver.
async fn is_notified(nginx: PathBuf, folder: TempDir, command: Command) {
    let fixture = Fixture::new(nginx, folder, command).await;
    fixture.recognises_a_second_attempt().await;
    fixture.takes_each_endpoint_at_the_first_attempt().await;
    fixture.fetches_after_the_second_of_the_timestamp().await;
    fixture.fetches_again_what_failed().await;
    fixture.refuses_the_rest().await;
}

/// Finds nginx for a test of this receiver.
fn nginx(test: &str) -> Option<PathBuf> {
    skip::unless(test, find_nginx(), INSTALL_NGINX).unwrap()
}

fn example(name: &str) -> PathBuf {
    file(FOLDER).unwrap().join(name)
}

/// Copies a receiver into a folder, with this put after the line that logs a fetch: it is to fail for [`DOWN`].
fn failing(folder: &TempDir, name: &str, line: &str, failure: &str) -> PathBuf {
    let source = read_to_string(example(name)).unwrap();
    assert_eq!(source.matches(line).count(), 1, "{name}: {line}");
    let copy = folder.path().join(name);
    write(&copy, source.replace(line, &format!("{line}{}", failure.replace("DOWN", DOWN)))).unwrap();
    copy
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Runs a compiler to its end.
fn compile(command: &mut Command) {
    let ended = command.output().unwrap();
    let said = [ended.stdout, ended.stderr].concat();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[tokio::test]
async fn the_receiver_in_python_is_notified() {
    let test = "the_receiver_in_python_is_notified";
    let Some(nginx) = nginx(test) else { return };
    let (folder, mut command) = (folder(), Command::new("python3"));
    let failure = "\n    if 'DOWN' in resource:\n        raise OSError";
    let line = r#"print(f"fetch {organisation} {resource}", flush=True)"#;
    command.arg(failing(&folder, "receiver.py", line, failure));
    is_notified(nginx, folder, command).await;
}

#[tokio::test]
async fn the_receiver_in_typescript_is_notified() {
    let test = "the_receiver_in_typescript_is_notified";
    let installed = file(".arauto/typescript/node_modules").ok();
    let compiler = installed.as_ref().map(|installed| installed.join(".bin/tsc")).filter(|tsc| tsc.is_file());
    let Some(nginx) = nginx(test) else { return };
    let Some(compiler) = skip::unless(test, compiler, INSTALL_TYPESCRIPT).unwrap() else { return };
    let folder = folder();
    // Compiled where nothing says which kind of module it is.
    let typed = ["--strict", "--target", "es2022", "--module", "nodenext", "--types", "node"];
    let mut build = Command::new(compiler);
    build.args(typed).arg("--skipLibCheck").arg("--typeRoots").arg(installed.unwrap().join("@types"));
    let line = "console.log(`fetch ${organisation} ${resource}`);";
    let failure = "if (resource.includes('DOWN')) throw new Error();";
    let source = failing(&folder, "receiver.ts", line, failure);
    compile(build.arg("--outDir").arg(folder.path()).arg(source));
    let mut command = Command::new("node");
    command.arg(folder.path().join("receiver.js"));
    is_notified(nginx, folder, command).await;
}

#[tokio::test]
async fn the_receiver_in_java_is_notified() {
    let test = "the_receiver_in_java_is_notified";
    let Some(java) = skip::unless(test, find_program("javac"), INSTALL_JDK).unwrap() else { return };
    let jar = |part| PathBuf::from(format!("/usr/share/java/jackson-{part}.jar"));
    let jackson = Some(jar("databind")).filter(|jar| jar.is_file());
    let Some(nginx) = nginx(test) else { return };
    let Some(_) = skip::unless(test, jackson, INSTALL_JACKSON).unwrap() else { return };
    let jars = std::env::join_paths(["databind", "core", "annotations"].map(jar)).unwrap();
    let mut command = Command::new(java.with_file_name("java"));
    command.arg("-XX:TieredStopAtLevel=1").arg("-cp").arg(jars);
    let folder = folder();
    let line = r#"System.out.println("fetch " + key.organisation + " " + key.resource);"#;
    let failure = r#"if (key.resource.contains("DOWN")) throw new IOException();"#;
    command.arg(failing(&folder, "Receiver.java", line, failure));
    is_notified(nginx, folder, command).await;
}

#[tokio::test]
async fn the_receiver_in_go_is_notified() {
    let test = "the_receiver_in_go_is_notified";
    let Some(go) = skip::unless(test, find_program("go"), INSTALL_GO).unwrap() else { return };
    let Some(nginx) = nginx(test) else { return };
    let folder = folder();
    let program = folder.path().join("receiver");
    let line = r#"fmt.Println("fetch", bank, resource);"#;
    let failure = r#"if strings.Contains(resource, "DOWN") { return io.EOF };"#;
    let source = failing(&folder, "receiver.go", line, failure);
    let with_import = read_to_string(&source).unwrap().replace("\"regexp\"", "\"regexp\"\n\"strings\"");
    write(&source, with_import).unwrap();
    compile(Command::new(go).args(["build", "-o"]).arg(&program).arg(source));
    is_notified(nginx, folder, Command::new(program)).await;
}

#[test]
fn each_receiver_is_short() {
    let files: Vec<_> = read_dir(file(FOLDER).unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 5);
    for path in files {
        let lines = read_to_string(&path).unwrap().lines().count();
        assert!(lines <= 60, "{} has {lines} lines", path.display());
    }
}
