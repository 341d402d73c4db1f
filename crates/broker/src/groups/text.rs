//! Strings that are kept.

use tidemill_wire::Text;

/// A copy that does not keep the request's frame alive.
pub(crate) fn detached(text: &Text) -> Text {
    Text::from(text.as_str())
}
