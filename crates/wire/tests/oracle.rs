//! Every API and version against the crate `kafka-protocol`: the same bytes mean the same fields.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use bytes::{Bytes, BytesMut};
use common::{Rng, apis, random_message};
use kafka_protocol::messages as theirs;
use kafka_protocol::protocol::{Decodable, Encodable, Message as TheirMessage};
use proptest::prelude::*;
use tidemill_wire::{self as ours, Message, Reader, Writer};

fn through_ours<M: Message + std::fmt::Debug>(bytes: &[u8], version: i16) -> (Vec<u8>, String) {
    let mut reader = Reader::new(Bytes::copy_from_slice(bytes));
    let message = M::decode(&mut reader, version).unwrap();
    assert_eq!(reader.remaining(), 0, "{} {version} leaves bytes behind", M::NAME);
    let mut writer = Writer::new();
    message.encode(version, &mut writer).unwrap();
    let length = writer.len();
    let encoded = writer.into_bytes();
    assert_eq!(length, encoded.len());
    let mut once_more = BytesMut::new();
    message.encode_to(version, &mut once_more).unwrap();
    assert_eq!(encoded, once_more);
    (encoded.to_vec(), format!("{message:?}"))
}

fn through_theirs<M>(bytes: &[u8], version: i16) -> Option<(Vec<u8>, String)>
where
    M: TheirMessage + Decodable + Encodable + std::fmt::Debug,
{
    if version < M::VERSIONS.min || version > M::VERSIONS.max {
        return None;
    }
    let mut buffer = Bytes::copy_from_slice(bytes);
    let message = M::decode(&mut buffer, version).unwrap();
    assert!(buffer.is_empty());
    let mut out = BytesMut::new();
    message.encode(&mut out, version).unwrap();
    Some((out.to_vec(), format!("{message:?}")))
}

/// The `name: scalar` pairs of a `Debug` text, without `Some(…)` and newtypes around the scalars.
fn leaves(debug: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = debug;
    let mut name = String::new();
    while let Some(first) = rest.chars().next() {
        if first == '"' || rest.starts_with("b\"") {
            let start = rest.find('"').unwrap() + 1;
            let mut end = start;
            while !rest[end..].starts_with('"') {
                end += if rest[end..].starts_with('\\') { 2 } else { 1 };
            }
            found.push((name.clone(), rest[..=end].to_owned()));
            rest = &rest[end + 1..];
        } else if first.is_ascii_alphanumeric() || first == '-' || first == '_' {
            let stop = |c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == '_');
            let end = rest.find(stop).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if after.starts_with(": ") {
                word.clone_into(&mut name);
            } else if !after.starts_with(" {") && !after.starts_with('(') {
                found.push((name.clone(), word.to_owned()));
            }
            rest = after;
        } else {
            rest = &rest[first.len_utf8()..];
        }
    }
    found
}

/// Names of the fields a version has, at any depth.
fn names(fields: &[common::generator::schema::Field], version: i16, into: &mut Vec<String>) {
    use common::generator::schema::Kind;
    fn inner(kind: &Kind, version: i16, into: &mut Vec<String>) {
        match kind {
            Kind::Scalar(_) => {}
            Kind::Struct(_, fields) => names(fields, version, into),
            Kind::Array(kind) => inner(kind, version, into),
        }
    }
    for field in fields.iter().filter(|field| field.versions.contains(version)) {
        into.push(field.name.clone());
        inner(&field.kind, version, into);
    }
}

fn check<Ours, Theirs>(fields: &[common::generator::schema::Field], rng: &mut Rng, version: i16)
where
    Ours: Message + std::fmt::Debug,
    Theirs: TheirMessage + Decodable + Encodable + std::fmt::Debug,
{
    let label = format!("{} version {version}", Ours::NAME);
    let flexible = version >= Ours::API.flexible_from();
    let bytes = random_message(rng, fields, version, flexible);
    let (our_bytes, our_text) = through_ours::<Ours>(&bytes, version);
    assert_eq!(bytes, our_bytes, "{label}, ours");
    if let Some((their_bytes, their_text)) = through_theirs::<Theirs>(&our_bytes, version) {
        assert_eq!(bytes, their_bytes, "{label}, theirs");
        let (back, _) = through_ours::<Ours>(&their_bytes, version);
        assert_eq!(bytes, back, "{label}, ours after theirs");
        let mut known = Vec::new();
        names(fields, version, &mut known);
        let keep = |text: &str| -> Vec<_> {
            let mut found = leaves(text);
            // A field the version lacks at this level shows as its default: null to us, empty to them.
            let nothing = |value: &str| value == "None" || value == "\"\"";
            found.retain(|(name, value)| known.contains(name) && !nothing(value));
            found.sort();
            found
        };
        assert_eq!(keep(&our_text), keep(&their_text), "{label}, fields");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    #[test]
    fn every_version_of_every_api_agrees_with_kafka_protocol(seed: u64) {
        let apis = apis();
        let mut rng = Rng(seed);
        macro_rules! both {
            ($request:ident, $response:ident, $module:ident) => {
                let key = <ours::$module::$request as Message>::API as i16;
                let api = apis.iter().find(|api| api.key == key).unwrap();
                for v in api.valid.first..=api.valid.last {
                    check::<ours::$module::$request, theirs::$request>(&api.request, &mut rng, v);
                    check::<ours::$module::$response, theirs::$response>(&api.response, &mut rng, v);
                }
            };
        }
        for_each_api!(both);
    }
}

#[test]
fn every_api_is_in_the_oracle() {
    let mut keys = Vec::new();
    macro_rules! note {
        ($request:ident, $response:ident, $module:ident) => {
            keys.push(<ours::$module::$request as Message>::API);
            assert_eq!(
                <ours::$module::$response as Message>::API,
                <ours::$module::$request as Message>::API
            );
        };
    }
    for_each_api!(note);
    assert_eq!(keys, ours::ApiKey::ALL);
}

#[test]
fn headers_agree_with_kafka_protocol() {
    use kafka_protocol::messages::ApiKey as TheirKey;
    for api in ours::ApiKey::ALL {
        let their_key = TheirKey::try_from(api as i16).unwrap();
        for version in api.versions() {
            let request = ours::header::request_header_version(api as i16, version);
            assert_eq!(request, their_key.request_header_version(version), "{api:?} {version}");
            let response = ours::header::response_header_version(api, version);
            assert_eq!(response, their_key.response_header_version(version), "{api:?} {version}");
            let header = ours::header::RequestHeader {
                api_key: api as i16,
                api_version: version,
                correlation_id: 7,
                client_id: Some("me".into()),
            };
            let mut writer = Writer::new();
            header.encode(&mut writer).unwrap();
            let bytes = writer.into_bytes();
            let decoded = theirs::RequestHeader::decode(&mut bytes.clone(), request).unwrap();
            assert_eq!(decoded.client_id.as_deref(), Some("me"));
            let again = ours::header::RequestHeader::decode(&mut Reader::new(bytes)).unwrap();
            assert_eq!(again, header);
        }
    }
}

#[test]
fn error_codes_agree_with_kafka_protocol() {
    use kafka_protocol::error::ResponseError;
    use ours::ErrorCode;
    for (index, code) in ErrorCode::ALL.iter().enumerate() {
        assert_eq!(i32::from(code.code()), i32::try_from(index).unwrap() - 1, "no gaps");
        assert_eq!(ErrorCode::from_code(code.code()), Some(*code));
        if let Some(theirs) = ResponseError::try_from_code(code.code())
            && !matches!(theirs, ResponseError::Unknown(_))
        {
            assert_eq!(format!("{theirs:?}"), code.name());
        }
    }
    assert_eq!(ErrorCode::from_code(i16::MAX), None);
    assert_eq!(ErrorCode::from_code(i16::MIN), None);
}
