//! Walking the batches of a run of bytes by their length fields.

use super::error::BatchError;
use super::header::{BatchHeader, header};

/// The batches that lie one after another in `bytes`: header and bytes of each. Stops after the first error;
/// checksums are not looked at.
pub fn frames(bytes: &[u8]) -> Frames<'_> {
    Frames { rest: bytes }
}

/// See [`frames`].
#[derive(Clone, Debug)]
pub struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Frames<'a> {
    type Item = Result<(BatchHeader, &'a [u8]), BatchError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let found = header(self.rest).and_then(|header| {
            let have = self.rest.len();
            let needed = header.bytes;
            let split = self.rest.split_at_checked(needed);
            split
                .map(|(batch, rest)| (header, batch, rest))
                .ok_or(BatchError::Truncated { needed, have })
        });
        match found {
            Ok((header, batch, rest)) => {
                self.rest = rest;
                Some(Ok((header, batch)))
            }
            Err(error) => {
                self.rest = &[];
                Some(Err(error))
            }
        }
    }
}
