//! Transactions in a program that embeds the log: money moves between two accounts, each in a partition of its own, and
//! a reader never sees half of it.
//!
//! ```text
//! cargo run -p tidemill-commitlog --example transactions -- [folder]
//! ```
//!
//! The records of a transaction are ordinary appends, stamped with a producer; several partitions are ended at once
//! with [`Log::append_all`]. Run it again on the same folder: it aborts what the last run left open and goes on with
//! another producer.

use std::error::Error;
use std::io::Write;
use std::sync::mpsc;

use tidemill_commitlog::batch::{BatchBuilder, ProducerStamp, Record, records};
use tidemill_commitlog::{Acks, EndMarker, Log, LogConfig, Part, Partition, TopicConfig};
use tidemill_world::World;

/// Ends each transaction with a new epoch (KIP-890), so that nothing late can slip into the next.
const TRANSACTION_VERSION: i8 = 2;

fn marker(producer_id: i64, producer_epoch: i16, commit: bool) -> EndMarker {
    let transaction_version = TRANSACTION_VERSION;
    EndMarker { producer_id, producer_epoch, coordinator_epoch: 0, commit, transaction_version }
}

struct Transfers {
    log: Log,
    accounts: [Partition; 2],
    producer_id: i64,
    epoch: i16,
}

impl Transfers {
    fn new(log: &Log) -> Result<Self, Box<dyn Error>> {
        log.ensure_topic("accounts", TopicConfig::with_partitions(2))?;
        let account =
            |index| log.partition("accounts", index).ok_or("the topic has two partitions");
        let accounts = [account(0)?, account(1)?];
        let producer_id = log.allocate_producer_id()?;
        let transfers = Self { log: log.clone(), accounts, producer_id, epoch: 0 };
        transfers.abort_what_was_left()?;
        Ok(transfers)
    }

    /// The log remembers open transactions over a crash; only its user knows that nobody will end them.
    fn abort_what_was_left(&self) -> Result<(), Box<dyn Error>> {
        let mut ends = Vec::new();
        for account in &self.accounts {
            let known = account.producers().into_iter();
            for left in known.filter(|known| known.transaction_start_offset.is_some()) {
                let marker = marker(left.producer_id, left.producer_epoch + 1, false);
                ends.push((account.clone(), Part::Marker(marker)));
            }
        }
        self.append_all(ends)
    }

    fn append_all(&self, parts: Vec<(Partition, Part)>) -> Result<(), Box<dyn Error>> {
        let (sender, answer) = mpsc::channel();
        // The receiver waits below, so the send cannot fail.
        self.log.append_all(parts, move |result| sender.send(result).unwrap_or_default());
        answer.recv()??;
        Ok(())
    }

    /// Takes from the first account and gives to the second, both or neither.
    fn transfer(&mut self, amount: i64, commit: bool) -> Result<(), Box<dyn Error>> {
        for (account, change) in self.accounts.iter().zip([-amount, amount]) {
            account.append_wait(self.batch(change)?, Acks::Synced)?;
        }
        // The marker has the epoch in which the next transaction will be written.
        self.epoch += 1;
        let marker = marker(self.producer_id, self.epoch, commit);
        let ends = self.accounts.iter().map(|account| (account.clone(), Part::Marker(marker)));
        self.append_all(ends.collect())
    }

    /// One record. In a new epoch the sequences of a producer begin at 0.
    fn batch(&self, change: i64) -> Result<bytes::Bytes, Box<dyn Error>> {
        let timestamp_ms = self.log.world().clock().wall_ms();
        let value = change.to_string();
        let stamp = ProducerStamp {
            producer_id: self.producer_id,
            producer_epoch: self.epoch,
            base_sequence: 0,
            is_transactional: true,
        };
        let mut builder = BatchBuilder::new(1 << 20).stamp(Some(stamp));
        builder.push(&Record {
            timestamp_ms,
            value: Some(value.as_bytes()),
            ..Record::default()
        })?;
        Ok(builder.finish())
    }
}

/// What a reader of committed transactions adds up.
fn balance(account: &Partition) -> Result<i64, Box<dyn Error>> {
    let (mut sum, mut offset) = (0, account.log_start_offset());
    while offset < account.last_stable_offset() {
        let read = account.read_committed(offset, 1 << 20)?;
        for batch in read.committed() {
            for record in &records(&batch)? {
                let value = std::str::from_utf8(record?.value.unwrap_or_default())?;
                sum += value.parse::<i64>()?;
            }
        }
        offset = read.next_offset;
    }
    Ok(sum)
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::args().nth(1).unwrap_or_else(|| "transactions-data".into());
    let log = Log::open(World::real(), LogConfig::new(dir))?;
    let mut transfers = Transfers::new(&log)?;
    for (amount, commit) in [(50, true), (1_000, false), (25, true)] {
        transfers.transfer(amount, commit)?;
    }
    // A transaction that is never ended is as good as none to a reader, and holds up what comes behind it.
    let open = transfers.batch(-7)?;
    transfers.accounts[0].append_wait(open, Acks::Synced)?;
    let mut out = std::io::stdout().lock();
    for account in &transfers.accounts {
        let (stable, end) = (account.last_stable_offset(), account.high_watermark());
        writeln!(out, "{account:?}: {} (stable to {stable} of {end})", balance(account)?)?;
    }
    log.close()?;
    Ok(())
}
