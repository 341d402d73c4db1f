//! A load for a broker, to see what the broker costs: `load HOST:PORT RECORD_BYTES BATCH_RECORDS BATCHES`. Sends
//! ready-made batches with acks=all, five requests in flight as librdkafka does by default, then reads everything
//! back. Building batches and looking into them is left out, because that is the client's work.

#![allow(clippy::print_stdout, reason = "the figures are this program's output")]

use std::error::Error;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use tidemill_commitlog::batch::{BatchBuilder, Record};
use tidemill_wire::fetch::{FetchPartition, FetchRequest, FetchResponse, FetchTopic};
use tidemill_wire::header::ResponseHeader;
use tidemill_wire::message::encode_request;
use tidemill_wire::metadata::{MetadataRequest, MetadataRequestTopic, MetadataResponse};
use tidemill_wire::produce::{
    PartitionProduceData, ProduceRequest, ProduceResponse, TopicProduceData,
};
use tidemill_wire::{Message, Reader, Request};
use tidemill_world::World;

/// Requests in flight.
const WINDOW: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, record_bytes, batch_records, batches] = &arguments[..] else {
        return Err("usage: load HOST:PORT RECORD_BYTES BATCH_RECORDS BATCHES".into());
    };
    let (record_bytes, batch_records): (usize, usize) =
        (record_bytes.parse()?, batch_records.parse()?);
    let batches: usize = batches.parse()?;
    let topic = format!("load-{}", std::process::id());
    let mut socket = TcpStream::connect(address)?;
    socket.set_nodelay(true)?;
    create(&mut socket, &topic)?;
    let batch = batch(record_bytes, batch_records)?;
    let world = World::real();
    let clock = world.clock();
    let started = clock.now();
    produce(&mut socket, &topic, &batch, batches)?;
    report("produce", clock.now().since(started), batch_records * batches, batch.len() * batches);
    let started = clock.now();
    let read = fetch(&mut socket, &topic, (batch_records * batches) as i64)?;
    report("fetch", clock.now().since(started), batch_records * batches, read);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn report(what: &str, took: Duration, records: usize, bytes: usize) {
    let seconds = took.as_secs_f64();
    let (per_second, megabytes) = (records as f64 / seconds / 1e6, bytes as f64 / seconds / 1e6);
    println!("{what}: {per_second:.2} M records/s, {megabytes:.0} MB/s, {seconds:.2} s");
}

fn batch(record_bytes: usize, batch_records: usize) -> Result<Bytes, Box<dyn Error>> {
    let mut seed = 1u64;
    let mut value = vec![0; record_bytes];
    let mut builder = BatchBuilder::new(8 << 20);
    for _ in 0..batch_records {
        for byte in &mut value {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = seed.to_be_bytes()[0];
        }
        builder.push(&Record { value: Some(&value), ..Record::default() })?;
    }
    Ok(builder.finish())
}

fn create(socket: &mut TcpStream, topic: &str) -> Result<(), Box<dyn Error>> {
    let topic = MetadataRequestTopic { name: Some(topic.into()), ..Default::default() };
    send(socket, &MetadataRequest { topics: Some(vec![topic]), ..Default::default() }, 9)?;
    receive::<MetadataResponse>(socket, 9)?;
    Ok(())
}

fn produce(
    socket: &mut TcpStream,
    topic: &str,
    batch: &Bytes,
    batches: usize,
) -> Result<(), Box<dyn Error>> {
    let data = PartitionProduceData { index: 0, records: Some(batch.clone().into()) };
    let topic =
        TopicProduceData { name: topic.into(), partition_data: vec![data], ..Default::default() };
    let request = ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![topic],
        ..Default::default()
    };
    let (mut sent, mut answered) = (0, 0);
    while answered < batches {
        while sent < batches && sent - answered < WINDOW {
            send(socket, &request, 9)?;
            sent += 1;
        }
        let response = receive::<ProduceResponse>(socket, 9)?;
        let error = response.responses.first().and_then(|topic| topic.partition_responses.first());
        if error.is_none_or(|partition| partition.error_code != 0) {
            return Err(format!("refused: {response:?}").into());
        }
        answered += 1;
    }
    Ok(())
}

fn fetch(socket: &mut TcpStream, topic: &str, end: i64) -> Result<usize, Box<dyn Error>> {
    let (mut offset, mut bytes) = (0, 0);
    while offset < end {
        let partition = FetchPartition {
            fetch_offset: offset,
            partition_max_bytes: 1 << 20,
            ..Default::default()
        };
        let topic =
            FetchTopic { topic: topic.into(), partitions: vec![partition], ..Default::default() };
        let request = FetchRequest {
            max_wait_ms: 500,
            min_bytes: 1,
            topics: vec![topic],
            ..Default::default()
        };
        send(socket, &request, 12)?;
        let response = receive::<FetchResponse>(socket, 12)?;
        let data =
            response.responses.into_iter().next().and_then(|one| one.partitions.into_iter().next());
        let mut records = data.and_then(|data| data.records).ok_or("no records")?.into_bytes();
        bytes += records.len();
        while !records.is_empty() {
            let header = tidemill_commitlog::batch::header(&records)?;
            offset = header.last_offset() + 1;
            drop(records.split_to(header.bytes));
        }
    }
    Ok(bytes)
}

fn send<R: Request>(
    socket: &mut TcpStream,
    request: &R,
    version: i16,
) -> Result<(), Box<dyn Error>> {
    for part in encode_request(request, version, 1, None)? {
        socket.write_all(&part)?;
    }
    Ok(())
}

fn receive<M: Message>(socket: &mut TcpStream, version: i16) -> Result<M, Box<dyn Error>> {
    let mut length = [0; 4];
    socket.read_exact(&mut length)?;
    let mut frame = vec![0; usize::try_from(u32::from_be_bytes(length))?];
    socket.read_exact(&mut frame)?;
    let mut reader = Reader::new(frame.into());
    ResponseHeader::decode(&mut reader, M::API, version)?;
    Ok(M::decode(&mut reader, version)?)
}
