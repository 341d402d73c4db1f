//! A handler that panics, and the connections beside it.

use std::io::{Read, Write};
use std::net::TcpStream;

use tidemill_commitlog::LogConfig;
use tidemill_wire::ApiKey;
use tidemill_wire::heartbeat::HeartbeatRequest;
use tidemill_wire::message::encode_request;

use super::*;

fn panicking_table() -> &'static [Row] {
    let heartbeat = Row {
        api: ApiKey::Heartbeat,
        told_from: 0,
        oldest: 0,
        newest: 4,
        note: "",
        start: |_, _, _| Box::pin(async { panic!("as the test wants") }),
    };
    let metadata = TABLE.iter().find(|row| row.api == ApiKey::Metadata).unwrap();
    let metadata = Row { note: "", ..*metadata };
    Box::leak(Box::new([metadata, heartbeat]))
}

fn send<R: tidemill_wire::Request>(socket: &mut TcpStream, request: &R, version: i16) {
    let frame = encode_request(request, version, 7, None).unwrap().concat();
    socket.write_all(&frame).unwrap();
}

#[test]
fn a_handler_that_panics_closes_its_own_connection_only() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let dir = std::env::temp_dir().join(format!("tidemill-panic-{}", std::process::id()));
    let world = World::real();
    let log = Log::open(world.clone(), LogConfig::new(&dir)).unwrap();
    let config = BrokerConfig::new("127.0.0.1:0".parse().unwrap());
    let broker = runtime
        .block_on(Broker::start_with(log.clone(), world, config, panicking_table()))
        .unwrap();
    let mut healthy = TcpStream::connect(broker.local_addr()).unwrap();
    let mut doomed = TcpStream::connect(broker.local_addr()).unwrap();
    send(&mut doomed, &HeartbeatRequest::default(), 4);
    assert_eq!(doomed.read(&mut [0; 1]).unwrap(), 0);
    send(&mut healthy, &tidemill_wire::metadata::MetadataRequest::default(), 1);
    let mut head = [0; 8];
    healthy.read_exact(&mut head).unwrap();
    assert_eq!(head[4..], 7i32.to_be_bytes());
    runtime.block_on(broker.shutdown());
    log.close().unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}
