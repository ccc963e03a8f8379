//! What an exporter hands over.

/// A file that is still to be written: the caller chooses the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The file's name, without a folder.
    pub name: String,
    /// The file's content.
    pub bytes: Vec<u8>,
}

impl Artifact {
    pub(crate) fn new(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { name: name.into(), bytes }
    }
}
