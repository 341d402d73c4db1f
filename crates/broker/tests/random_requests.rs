//! Requests that are well formed and mean nothing: every API, every version, random values, damaged or whole.
//! No handler may panic, and the broker must still answer afterwards.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../wire/tests/common/mod.rs"]
#[allow(unused_macros, reason = "a part of it is used")]
mod common;
mod support;

use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{Rng, generator, random_message};
use support::Server;
use tidemill_wire::header::RequestHeader;
use tidemill_wire::{ApiKey, Writer};

static PANICS: AtomicUsize = AtomicUsize::new(0);

fn frame(api: ApiKey, version: i16, body: &[u8]) -> Vec<u8> {
    let header = RequestHeader {
        api_key: api as i16,
        api_version: version,
        correlation_id: 1,
        client_id: Some("random".into()),
    };
    let mut writer = Writer::new();
    header.encode(&mut writer).unwrap();
    writer.put(body);
    let bytes = writer.into_bytes();
    let mut frame = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    frame.extend_from_slice(&bytes);
    frame
}

#[test]
fn random_requests_harm_nobody() {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICS.fetch_add(1, Ordering::Relaxed);
        hook(panic);
    }));
    let messages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wire/messages");
    let apis = generator::load(&messages).unwrap();
    let server = Server::start();
    let mut rng = Rng(7);
    for round in 0..6 {
        for described in &apis {
            let api = ApiKey::try_from(described.key).unwrap();
            for version in api.versions() {
                let flexible = version >= api.flexible_from();
                let mut body = random_message(&mut rng, &described.request, version, flexible);
                if round % 2 == 1 && !body.is_empty() {
                    let place = usize::try_from(rng.below(body.len() as u64)).unwrap();
                    body[place] = u8::try_from(rng.below(256)).unwrap();
                }
                let mut client = server.connect();
                client.socket.write_all(&frame(api, version, &body)).unwrap();
                // Nothing more will come, so the broker closes once it has started the request; answers that
                // would wait (a join, a long poll) are given up then.
                let _ = client.socket.shutdown(std::net::Shutdown::Write);
                while client.frame().is_some() {}
            }
        }
    }
    let told =
        server.connect().call(&tidemill_wire::api_versions::ApiVersionsRequest::default(), 3);
    assert_eq!(told.error_code, 0);
    // Some of them asked for topics that were not there, or made them: the requests did arrive.
    assert!(server.log().topics().len() > 10);
    // Closing waits for every handler that is still at work.
    drop(server);
    assert_eq!(PANICS.load(Ordering::Relaxed), 0);
}
