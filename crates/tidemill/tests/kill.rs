//! `kill -9` loses nothing that was answered.
//!
//! Two hundred times: start `tidemill up` on the same data folder, load it with pixel hits over several connections, kill it
//! in the middle, start it again. Each answered hit must be counted by the API in the end; hits that were
//! sent and not answered may or may not be.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test may"
)]

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use common::{Folder, Up};

const CYCLES: u64 = 200;
const CONNECTIONS: u64 = 4;
/// Answered hits after which a cycle is cut off, so that each has some load.
const HITS_A_CYCLE: u64 = 40;

/// Sends hits until the connection breaks or it is told to stop; counts the sent and the answered.
fn load(address: &str, stop: &AtomicBool, sent: &AtomicU64, answered: &AtomicU64) {
    let Ok(mut stream) = TcpStream::connect(address) else { return };
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut answer = [0; 4096];
    while !stop.load(Ordering::Relaxed) {
        let number = sent.fetch_add(1, Ordering::Relaxed);
        let request = format!(
            "GET /plogger/?rand={number}&idsite=kill.example&url=https%3A%2F%2Fkill.example%2Fpost\
             &urlref=&action=pageview&pvid={number} HTTP/1.1\r\nHost: kill.example\r\n\
             User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\r\n"
        );
        if stream.write_all(request.as_bytes()).is_err() {
            return;
        }
        let mut filled = 0;
        loop {
            match stream.read(&mut answer[filled..]) {
                Ok(read) if read > 0 => filled += read,
                _ => return,
            }
            // The answer ends with the GIF's trailer.
            if answer[..filled].ends_with(b";") {
                break;
            }
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
        answered.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn two_hundred_kills_lose_no_answered_hit() {
    let folder = Folder::new("kill");
    let sent = Arc::new(AtomicU64::new(0));
    let answered = Arc::new(AtomicU64::new(0));
    for cycle in 1..=CYCLES {
        let mut up = Up::start(&folder.path, &[]);
        let stop = Arc::new(AtomicBool::new(false));
        let before = answered.load(Ordering::Relaxed);
        let loads: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                let (address, stop) = (up.http.clone(), Arc::clone(&stop));
                let (sent, answered) = (Arc::clone(&sent), Arc::clone(&answered));
                std::thread::spawn(move || load(&address, &stop, &sent, &answered))
            })
            .collect();
        while answered.load(Ordering::Relaxed) < before + HITS_A_CYCLE {
            assert!(loads.iter().any(|load| !load.is_finished()), "cycle {cycle}: no load is left");
            std::thread::yield_now();
        }
        up.kill();
        stop.store(true, Ordering::Relaxed);
        for load in loads {
            load.join().unwrap();
        }
    }
    let up = Up::start(&folder.path, &[]);
    let (sent, answered) = (sent.load(Ordering::Relaxed), answered.load(Ordering::Relaxed));
    let question =
        "/v2/analytics/post/detail?apikey=kill.example&url=kill.example/post&period_start=24h";
    let counted = up.wait_for(question, |answer| {
        let views = answer["data"][0]["metrics"]["views"].as_u64().unwrap_or(0);
        (views >= answered).then_some(views)
    });
    println!("{CYCLES} kills: {sent} sent, {answered} answered, {counted} counted");
    assert!(counted <= sent, "{counted} counted of {sent} sent");
}
