//! How many tuples a second one bolt process takes: `bolt_throughput PROJECT_DIR [PYTHON]`.
//!
//! Runs the first bolt of the project's topology behind a link, without an engine, keeps it supplied with
//! words and counts its acks. The limit is the client's; what is lost to us is the difference to a driver
//! that does nothing else.

#![allow(clippy::print_stdout, reason = "the figures are this program's output")]

use std::path::Path;
use std::time::Duration;

use tidemill_multilang::child::{ChildConfig, ChildSpec, Event, Policy, Role, SyncPolicy, open};
use tidemill_multilang::message::{Context, FromChild, Handshake, TupleHead, write_tuple};
use tidemill_multilang::project::{ComponentKind, Project, load};
use tidemill_world::{Wake, World};

const WINDOW: usize = 1000;
const TUPLES: u64 = 200_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let folder = args.next().unwrap_or_else(|| ".".into());
    let python = args.next();
    let project = Project::find(Path::new(&folder), None)?;
    let spec = load(&project, python.as_deref().map(Path::new), None)?;
    let bolt = spec.components.iter().find(|component| component.kind == ComponentKind::Bolt);
    let bolt = bolt.ok_or("the project has no bolt")?;
    let cwd = project.source_dir();
    let (program, child_args) = spec.python.command(&bolt.command, &bolt.script, &cwd);
    let pid_dir = std::env::temp_dir();
    let context = Context { component: bolt.id.clone(), task: 2, ..Context::default() };
    let config = ChildConfig {
        spec: ChildSpec { program, args: child_args, cwd, env: Vec::new() },
        role: Role::Bolt,
        policy: Policy::default(),
        sync: SyncPolicy::Auto,
        handshake: Handshake { pid_dir, context, ..Handshake::default() },
        logs: std::sync::Arc::new(|_| {}),
    };
    let world = World::real();
    let mut link = open(&world, config, Wake::new())?;
    let (mut sent, mut acked, mut events) = (0, 0, Vec::new());
    let mut start = None;
    while acked < TUPLES {
        let mut frames = Vec::new();
        while sent - acked < WINDOW as u64 && sent < TUPLES {
            sent += 1;
            let head = TupleHead { id: sent, component: "word_spout", stream: "default", task: 1 };
            write_tuple(head, ["elephant"], &mut frames)?;
        }
        if !frames.is_empty() {
            link.send(frames, WINDOW, WINDOW);
        }
        link.wait(Duration::from_secs(10));
        link.take(&mut events, WINDOW);
        for event in events.drain(..) {
            match event {
                Event::Started(_) => start = Some(world.clock().now()),
                Event::Message(FromChild::Ack(_)) => acked += 1,
                Event::Message(_) => {}
                Event::Lost { reason, .. } => return Err(reason.into()),
            }
        }
    }
    let seconds = start.map_or(0.0, |start| world.clock().now().since(start).as_secs_f64());
    println!("{TUPLES} tuples in {seconds:.2} s: {:.0} a second", TUPLES as f64 / seconds);
    println!("processor time of this process: {}", own_ticks());
    link.close();
    Ok(())
}

/// User and system time of this process without its children, in hundredths of a second.
fn own_ticks() -> String {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> =
        stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    format!("{} user, {} system", fields.get(11).unwrap_or(&"?"), fields.get(12).unwrap_or(&"?"))
}
