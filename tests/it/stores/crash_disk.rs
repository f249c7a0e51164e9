//! The power fails: before every single operation of the disk, and whatever of the unsynced ones the disk had done by then.

use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use rendezvous_crowd::TestRng;
use rendezvous_model::size::{Size, tell};
use rendezvous_native::store::Pace;
use rendezvous_tests::disk::SimulatedDisk;

mod session;

use session::{Life, Session, check};

/// How many images are made of each moment. A disk has a choice only of what was not synced.
const IMAGES: usize = 3;

/// One in so many images is opened, changed, and cut again at every moment of that.
const AGAIN_ONCE_IN: usize = 1000;

#[derive(Debug, Default)]
struct Counts {
    cuts: usize,
    images: usize,
    again: usize,
}

#[test]
fn whatever_was_acknowledged_survives_a_power_failure_at_any_moment() {
    let workloads = Size::get().pick("power failures: random workloads", 50, 100, 1000);
    let start = Instant::now();
    let mut counts = Counts::default();
    for seed in 0..workloads {
        let disk = SimulatedDisk::default();
        crash_everywhere(seed, &disk, &mut counts).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
    let Counts { cuts, images, again } = counts;
    assert!(
        images > cuts && again > 0,
        "{cuts} moments, {images} images, {again} after a crash of the recovery"
    );
    tell(&format!(
        "power failures: {workloads} workloads, {cuts} moments, {images} images opened, {again} of them after a crash of the \
         recovery: 0 acknowledgements lost, 0 stores that do not open ({:.0} s)",
        start.elapsed().as_secs_f64()
    ));
}

/// The same with a disk whose syncs fail now and then, and that is full now and then.
#[test]
fn whatever_was_acknowledged_survives_a_power_failure_of_a_disk_that_fails() {
    let workloads = Size::get().pick("power failures of failing disks: random workloads", 16, 32, 256);
    let start = Instant::now();
    let counts = Mutex::new(Counts::default());
    for seeds in (0..workloads).collect::<Vec<_>>().chunks(16) {
        // Side by side: most of the time they wait for the writer to try again.
        thread::scope(|scope| {
            for &seed in seeds {
                let counts = &counts;
                scope.spawn(move || {
                    let mut own = Counts::default();
                    fail_and_crash(seed, &mut own).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
                    let mut counts = counts.lock().unwrap();
                    counts.cuts += own.cuts;
                    counts.images += own.images;
                });
            }
        });
    }
    let Counts { cuts, images, .. } = counts.into_inner().unwrap();
    assert!(images > cuts && cuts > 0, "{cuts} moments, {images} images");
    tell(&format!(
        "power failures of failing disks: {workloads} workloads, {cuts} moments, {images} images opened: 0 acknowledgements \
         lost, 0 stores that do not open ({:.0} s)",
        start.elapsed().as_secs_f64()
    ));
}

fn fail_and_crash(seed: u64, counts: &mut Counts) -> Result<(), String> {
    let mut rng = TestRng::new(seed);
    let disk = SimulatedDisk::default();
    let mut session = Session::open(&disk, pace(&mut rng), false, vec![])?;
    session.register_and_log_out(6, 0, &mut rng);
    session.expect_failures();
    for _ in 0..3 {
        some_of_everything(&mut session, &mut rng);
        if rng.once_in(3) {
            disk.set_capacity(Some(disk.taken()));
        } else {
            disk.fail_syncs(1 + rng.below(3));
        }
        let start = Instant::now();
        while !session.is_failing() {
            assert!(start.elapsed() < Duration::from_secs(20), "it is not noticed");
            some_of_everything(&mut session, &mut rng);
        }
        some_of_everything(&mut session, &mut rng);
        disk.set_capacity(None);
        while session.is_failing() || !session.all_are_answered() {
            assert!(start.elapsed() < Duration::from_secs(60), "it does not recover");
            session.pulse_some(4, &mut rng);
            session.ask_again();
            thread::sleep(Duration::from_millis(rng.below(60) as u64));
        }
    }
    some_of_everything(&mut session, &mut rng);
    let (lives, last) = session.close();
    crash_at_every_moment(&disk, &lives, &last, true, &mut rng, counts).map(drop)
}

fn some_of_everything(session: &mut Session, rng: &mut TestRng) {
    session.register_and_log_out(rng.below(4), rng.below(3), rng);
    session.pulse_some(2, rng);
    session.ask_again();
}

/// This test would not notice anything if no image lacked anything.
#[test]
fn a_disk_that_lies_about_its_syncs_is_found_out() {
    let found = (0..10).filter(|&seed| {
        let disk = SimulatedDisk::default();
        disk.lie();
        crash_everywhere(seed, &disk, &mut Counts::default()).is_err()
    });
    assert_eq!(found.count(), 10);
}

fn crash_everywhere(seed: u64, disk: &SimulatedDisk, counts: &mut Counts) -> Result<(), String> {
    let mut rng = TestRng::new(seed);
    let (lives, last) = workload(disk, &mut rng)?;
    let again = crash_at_every_moment(disk, &lives, &last, false, &mut rng, counts)?;
    for (image, lives) in again {
        let disk = SimulatedDisk::holding(image);
        let mut session = Session::open(&disk, pace(&mut rng), false, lives)?;
        session.pulse_some(2, &mut rng);
        session.register_and_log_out(2, 2, &mut rng);
        session.pulse_some(2, &mut rng);
        let (lives, last) = session.close();
        let before = counts.images;
        crash_at_every_moment(&disk, &lives, &last, false, &mut rng, counts)?;
        counts.again += counts.images - before;
    }
    Ok(())
}

/// A few dozen operations, in an order that the generator decides. What the writer makes one commit of does not.
fn workload(disk: &SimulatedDisk, rng: &mut TestRng) -> Result<(Vec<Life>, Vec<Life>), String> {
    let short = rng.once_in(4);
    let mut session = Session::open(disk, pace(rng), short, vec![])?;
    for _ in 0..18 + rng.below(10) {
        match rng.below(8) {
            0..4 => session.register_and_log_out(rng.below(4), rng.below(3), rng),
            4..7 => session.pulse_some(1 + rng.below(3), rng),
            _ if short => {
                // Long enough for some to be gone, and for others to stay.
                thread::sleep(Duration::from_millis(7));
                session.pulse_some(2, rng);
                thread::sleep(Duration::from_millis(7));
                session.tick();
            }
            _ => thread::sleep(Duration::from_millis(2)),
        }
    }
    Ok(session.close())
}

/// Short enough that changes of addresses come between the others, and that the front of the log is cleared again and again.
fn pace(rng: &mut TestRng) -> Pace {
    Pace { write_behind: Duration::from_millis(rng.one_of(&[0, 1, 3])), slack: rng.one_of(&[0, 8, 20]) }
}

type Again = Vec<(Option<Vec<u8>>, Vec<Life>)>;

/// Returns some images, with what is on them, to go on with.
fn crash_at_every_moment(
    disk: &SimulatedDisk,
    lives: &[Life],
    last: &[Life],
    refused: bool,
    rng: &mut TestRng,
    counts: &mut Counts,
) -> Result<Again, String> {
    let mut again = vec![];
    let mut replay = disk.replay();
    loop {
        let cut = replay.next_operation();
        counts.cuts += 1;
        for _ in 0..IMAGES {
            let image = replay.image(rng);
            let goes_on = rng.once_in(AGAIN_ONCE_IN).then(|| image.clone());
            let (_, found) = check(image, cut, lives, rng.once_in(8), refused)
                .map_err(|error| format!("a crash at {cut}: {error}\n{:#?}", replay.recent()))?;
            counts.images += 1;
            again.extend(goes_on.map(|image| (image, found.lives)));
        }
        if !replay.advance(rng) {
            break;
        }
    }
    // Closed in good order, it holds what was in memory.
    check(replay.image(rng), replay.next_operation(), last, true, false)
        .map_err(|error| format!("at the end: {error}"))?;
    Ok(again)
}
