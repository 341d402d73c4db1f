//! How a table of broker settings is written.

/// Rows of `name: type = default, range, when it can change, whether it has an effect, words`.
macro_rules! settings {
    ($($name:literal: $kind:ident = $default:expr, $range:expr, $update:ident, $effect:literal, $doc:expr;)*) => {{
        #[allow(unused_imports, reason = "a table may have no range")]
        use crate::settings::kinds::{Kind, Range};
        &[$($crate::settings::broker::row::BrokerSetting {
            name: $name,
            kind: Kind::$kind,
            default: $default,
            range: $range,
            update: $crate::settings::broker::row::Update::$update,
            has_effect: $effect,
            doc: $doc,
        }),*]
    }};
}

pub(super) use settings;
