//! A certificate for the loopback, made for one server.

use std::fs;
use std::path::{Path, PathBuf};

/// A self-signed certificate for `localhost` and `127.0.0.1`, and its key, as PEM files.
#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

impl Certificate {
    /// Makes one in `folder`.
    pub(crate) fn make_in(folder: &Path) -> Self {
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let made = rcgen::generate_simple_self_signed(names).expect("the names are well-formed");
        let files = Self { certificate: folder.join("certificate.pem"), key: folder.join("key.pem") };
        fs::write(&files.certificate, made.cert.pem()).expect("the folder can be written to");
        fs::write(&files.key, made.signing_key.serialize_pem()).expect("the folder can be written to");
        files
    }
}
