//! The real doors, tried on this machine.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::{AlignedBuffer, BLOCK_BYTES, Clock, Disk, OpenHow, Step, Waiting, Wake, World};

/// A folder of its own for one test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("world-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn direct_writes_are_read_back_through_the_page_cache() {
    let folder = Folder::new("direct");
    let world = World::real();
    let file = world.disk().open(&folder.0.join("a"), OpenHow::Direct).unwrap();
    let mut buffer = AlignedBuffer::with_capacity(3 * BLOCK_BYTES);
    for round in 0..4u8 {
        buffer.clear();
        assert_eq!(buffer.push(&vec![round + 1; BLOCK_BYTES + 100]), BLOCK_BYTES + 100);
        buffer.pad();
        file.write_at(buffer.as_slice(), 0).unwrap();
        let mut read = [0; 200];
        assert_eq!(file.read_at(&mut read, BLOCK_BYTES as u64).unwrap(), 200);
        assert!(read[..100].iter().all(|byte| *byte == round + 1));
        assert!(read[100..].iter().all(|byte| *byte == 0));
    }
    file.sync_data().unwrap();
}

#[test]
fn a_read_adds_to_what_is_there_and_ends_with_the_file() {
    let folder = Folder::new("more");
    let path = folder.0.join("more");
    std::fs::write(&path, (0..100).collect::<Vec<u8>>()).unwrap();
    let file = World::real().disk().open(&path, OpenHow::Read).unwrap();
    // With room for more than is asked for.
    let mut buffer = Vec::with_capacity(64);
    buffer.push(255);
    assert_eq!(file.read_more(&mut buffer, 3, 10).unwrap(), 3);
    assert_eq!(buffer, [255, 10, 11, 12]);
    assert_eq!(file.read_more(&mut buffer, 1000, 98).unwrap(), 2);
    assert_eq!(buffer, [255, 10, 11, 12, 98, 99]);
    assert_eq!(file.read_more(&mut buffer, 5, 100).unwrap(), 0);
    assert_eq!(buffer.len(), 6);
}

#[test]
fn a_crooked_direct_write_is_refused() {
    let folder = Folder::new("crooked");
    let file = World::real().disk().open(&folder.0.join("a"), OpenHow::Direct).unwrap();
    if file.is_direct() {
        let error = file.write_at(b"abc", 0).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    }
}

#[test]
fn a_lock_is_held_by_one() {
    let folder = Folder::new("lock");
    let disk = crate::disk::RealDisk;
    let held = disk.lock(&folder.0.join(".lock")).unwrap();
    let refused = disk.lock(&folder.0.join(".lock")).err().unwrap();
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
    drop(held);
    disk.lock(&folder.0.join(".lock")).unwrap();
}

#[test]
fn replace_leaves_no_temporary_file() {
    let folder = Folder::new("replace");
    let disk = crate::disk::RealDisk;
    let path = folder.0.join("mark");
    disk.replace(&path, b"one, longer").unwrap();
    disk.replace(&path, b"two").unwrap();
    assert_eq!(disk.read_all(&path, 100).unwrap(), b"two");
    assert_eq!(disk.list(&folder.0).unwrap().len(), 1);
    assert!(disk.read_all(&path, 2).is_err());
}

#[test]
fn a_notified_driver_steps_again() {
    for waiting in [Waiting::Park, Waiting::SpinThenPark] {
        let world = World::real();
        let wake = Wake::new();
        let wanted = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&wanted);
        let (sender, receiver) = mpsc::channel();
        let mut done = 0;
        let driver = move || {
            while done < seen.load(Ordering::Acquire) {
                done += 1;
                sender.send(done).unwrap();
            }
            if done == 1000 { Step::Done } else { Step::Idle }
        };
        let handle = world
            .threads()
            .spawn("d", waiting, wake.clone(), world.clock_arc(), Box::new(driver))
            .unwrap();
        for round in 1..=1000 {
            wanted.fetch_add(1, Ordering::Release);
            wake.notify();
            assert_eq!(receiver.recv().unwrap(), round);
        }
        assert!(handle.join());
    }
}

#[test]
fn a_sleep_wakes_its_task() {
    struct Notify(mpsc::Sender<()>);
    impl std::task::Wake for Notify {
        fn wake(self: Arc<Self>) {
            let _ = self.0.send(());
        }
    }
    let clock = crate::clock::RealClock::new();
    let (sender, receiver) = mpsc::channel();
    let waker = Waker::from(Arc::new(Notify(sender)));
    let mut context = Context::from_waker(&waker);
    let mut long = clock.sleep(Duration::from_secs(3600));
    assert_eq!(long.as_mut().poll(&mut context), Poll::Pending);
    let mut short = clock.sleep(Duration::from_millis(5));
    while short.as_mut().poll(&mut context) == Poll::Pending {
        receiver.recv().unwrap();
    }
    assert_eq!(long.as_mut().poll(&mut context), Poll::Pending);
}

#[test]
fn a_movable_child_notifies_the_parent_it_has_now() {
    let (one, two) = (Wake::new(), Wake::new());
    let child = one.movable_child();
    let grandchild = child.child();
    grandchild.notify();
    assert!(one.take() && !two.take());
    child.move_to(&two);
    grandchild.notify();
    assert!(two.take(), "the new parent is told");
    assert!(!one.take(), "the former parent is not");
    assert!(grandchild.take() && child.take());
}

#[test]
fn a_childs_notification_is_the_childs_and_its_parents() {
    let parent = Wake::new();
    let (one, two) = (parent.child(), parent.child());
    one.notify();
    assert!(parent.take(), "the parent's waiter goes on");
    assert!(one.take());
    assert!(!two.take(), "nobody meant the other child");
    parent.notify();
    assert!(!one.take() && !two.take());
}

#[test]
fn many_files_are_synced_in_one_pass() {
    let folder = Folder::new("many");
    let world = World::real();
    let open = |name: usize| world.disk().open(&folder.0.join(name.to_string()), OpenHow::Write);
    let files: Vec<_> = (0..5).map(|name| open(name).unwrap()).collect();
    for count in [0, 1, 2, 5] {
        files[..count].iter().for_each(|file| file.write_at(b"x", 0).unwrap());
        let files: Vec<_> = files[..count].iter().map(|file| &**file).collect();
        world.disk().sync_many(&folder.0, &files).unwrap();
    }
    let missing = folder.0.join("missing");
    let files: Vec<_> = files.iter().map(|file| &**file).collect();
    assert!(world.disk().sync_many(&missing, &files).is_err());
}

#[test]
fn a_direct_file_is_one_handle_and_still_reads() {
    let folder = Folder::new("handle");
    let world = World::real();
    let file = world.disk().open(&folder.0.join("a"), OpenHow::Direct).unwrap();
    file.set_len(3).unwrap();
    assert_eq!((file.len().unwrap(), file.read_at(&mut [1; 8], 0).unwrap()), (3, 3));
    assert_eq!(file.read_at(&mut [], 0).unwrap(), 0);
}
