use std::fmt;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use certificates::{ClientSubject, new_key, write_new};
use jiff::Timestamp;

use super::authority::{Authority, Identity};
use crate::pem::certificates;

/// The names that the receiver's certificate is good for.
const RECEIVER_NAMES: &[&str] = &["localhost", "127.0.0.1", "::1"];

/// Both sides' certificates, the sender's client certificate and the receiver's server certificate, and the key of the
/// Directory that both belong to.
pub struct TestPki {
    /// Who issues client certificates to senders.
    pub sender_authority: Authority,
    /// The sender's client certificate (BRCAC) and key.
    pub sender: Identity,
    /// Who issues server certificates to receivers.
    pub receiver_authority: Authority,
    /// The receiver's server certificate and key, for `localhost` and the loopback addresses.
    pub receiver: Identity,
    /// The key that a local Directory signs with, PKCS#8.
    pub directory_key_pem: String,
}

/// Where the parts of a test PKI lie.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PkiFiles {
    /// What the receiver trusts.
    pub sender_root: PathBuf,
    /// What the sender presents.
    pub sender_chain: PathBuf,
    /// The sender's private key.
    pub sender_key: PathBuf,
    /// What the sender trusts.
    pub receiver_root: PathBuf,
    /// What the receiver presents.
    pub receiver_chain: PathBuf,
    /// The receiver's private key.
    pub receiver_key: PathBuf,
    /// The private key of a local Directory.
    pub directory_key: PathBuf,
}

impl TestPki {
    /// Makes both authorities, one certificate of each, and the Directory's key.
    pub fn new(subject: &ClientSubject, now: Timestamp) -> Result<Self> {
        let sender_authority = Authority::new("Sender", now)?;
        let sender = sender_authority.client(subject)?;
        let receiver_authority = Authority::new("Receiver", now)?;
        let receiver = receiver_authority.server(RECEIVER_NAMES)?;
        let directory_key_pem = new_key()?.serialize_pem();
        Ok(Self { sender_authority, sender, receiver_authority, receiver, directory_key_pem })
    }

    /// Writes seven PEM files to a folder that only its owner may read, made if need be.
    ///
    /// The folder gets a `.gitignore` that covers all of it. A file that is there already is an error, not replaced.
    pub fn write_to(&self, folder: &Path) -> Result<PkiFiles> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .with_context(|| format!("failed to make the folder {}", folder.display()))?;
        let files = PkiFiles::in_folder(folder);
        fs::write(folder.join(".gitignore"), "*\n")
            .with_context(|| format!("failed to write to {}", folder.display()))?;
        write_new(&files.sender_root, self.sender_authority.root_pem(), 0o644)?;
        write_new(&files.sender_chain, &self.sender.chain_pem, 0o644)?;
        write_new(&files.sender_key, &self.sender.key_pem, 0o600)?;
        write_new(&files.receiver_root, self.receiver_authority.root_pem(), 0o644)?;
        write_new(&files.receiver_chain, &self.receiver.chain_pem, 0o644)?;
        write_new(&files.receiver_key, &self.receiver.key_pem, 0o600)?;
        write_new(&files.directory_key, &self.directory_key_pem, 0o600)?;
        Ok(files)
    }
}

/// Without the private keys.
impl fmt::Debug for TestPki {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sender_authority, sender, receiver_authority, receiver, .. } = self;
        f.debug_struct("TestPki")
            .field("sender_authority", sender_authority)
            .field("sender", sender)
            .field("receiver_authority", receiver_authority)
            .field("receiver", receiver)
            .finish_non_exhaustive()
    }
}

impl PkiFiles {
    /// Finds the test PKI of a folder, or makes it there if none of its files exists.
    ///
    /// A Directory's key that alone is missing is made: no certificate depends on it, and older folders have none.
    pub fn open_or_create(folder: &Path, now: Timestamp) -> Result<Self> {
        let files = Self::in_folder(folder);
        let mut missing: Vec<String> = files
            .all()
            .into_iter()
            .filter(|path| !path.exists())
            .map(|path| path.display().to_string())
            .collect();
        if missing.len() == files.all().len() {
            return TestPki::new(&ClientSubject::default(), now)?.write_to(folder);
        }
        if missing == [files.directory_key.display().to_string()] {
            write_new(&files.directory_key, &new_key()?.serialize_pem(), 0o600)?;
            missing.clear();
        }
        ensure!(
            missing.is_empty(),
            "the test PKI of {} is incomplete, {} is missing: remove the folder to have it made anew",
            folder.display(),
            missing.join(", ")
        );
        for chain in [&files.sender_chain, &files.receiver_chain] {
            refuse_expired(chain, now)?;
        }
        Ok(files)
    }

    fn in_folder(folder: &Path) -> Self {
        Self {
            sender_root: folder.join("sender-root.pem"),
            sender_chain: folder.join("sender-chain.pem"),
            sender_key: folder.join("sender-key.pem"),
            receiver_root: folder.join("receiver-root.pem"),
            receiver_chain: folder.join("receiver-chain.pem"),
            receiver_key: folder.join("receiver-key.pem"),
            directory_key: folder.join("directory-key.pem"),
        }
    }

    fn all(&self) -> [&Path; 7] {
        [
            &self.sender_root,
            &self.sender_chain,
            &self.sender_key,
            &self.receiver_root,
            &self.receiver_chain,
            &self.receiver_key,
            &self.directory_key,
        ]
    }
}

fn refuse_expired(chain: &Path, now: Timestamp) -> Result<()> {
    let file = fs::read_to_string(chain).with_context(|| format!("failed to read {}", chain.display()))?;
    let read = certificates(&file).with_context(|| format!("{} cannot be used", chain.display()))?;
    let leaf = read.first().map(|leaf| x509_parser::parse_x509_certificate(leaf));
    let Some(Ok((_, leaf))) = leaf else {
        bail!("the first certificate of {} cannot be read", chain.display());
    };
    let not_after = Timestamp::from_second(leaf.validity().not_after.timestamp())?;
    ensure!(
        now < not_after,
        "{} expired on {not_after}: remove its folder to have the test PKI made anew",
        chain.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_folder_is_filled_once_used_again_and_refused_when_stale_or_incomplete() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("pki");
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();

        let files = PkiFiles::open_or_create(&folder, now).unwrap();
        let key = fs::read(&files.sender_key).unwrap();
        for key in [&files.sender_key, &files.receiver_key, &files.directory_key] {
            assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
        }
        assert_eq!(fs::read_to_string(folder.join(".gitignore")).unwrap(), "*\n");

        assert_eq!(PkiFiles::open_or_create(&folder, now).unwrap(), files);
        assert_eq!(fs::read(&files.sender_key).unwrap(), key);

        // As in a folder of before there was a Directory.
        fs::remove_file(&files.directory_key).unwrap();
        assert_eq!(PkiFiles::open_or_create(&folder, now).unwrap(), files);
        assert_eq!(fs::metadata(&files.directory_key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read(&files.sender_key).unwrap(), key);

        let later: Timestamp = "2027-11-24T12:00:00Z".parse().unwrap();
        let error = PkiFiles::open_or_create(&folder, later).unwrap_err();
        assert!(error.to_string().contains("expired on 2027-11-23T12:00:00Z"), "{error}");

        fs::remove_file(&files.receiver_root).unwrap();
        let error = PkiFiles::open_or_create(&folder, now).unwrap_err();
        assert!(error.to_string().contains("receiver-root.pem is missing"), "{error}");
    }
}
