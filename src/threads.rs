//! Where work runs. A JavaScript thread goes as far as it can at once; what waits for keys goes on in a runtime of ours, and
//! what computes for long on a pool of ours, as libuv's four threads also serve `fs` and `dns`. Both start when first needed,
//! once a process, and are never joined: nothing of ours keeps a process alive.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::task::JoinHandle;
use tokio::time::Timeout;

/// Waits and timers, and the sockets of key fetches.
static RUNTIME: OnceCell<Runtime> = OnceCell::new();

/// Slow work, on as many threads as there are cores. A runtime of its own: a flood of work must not keep the other from
/// looking up host names, which takes blocking threads too.
static POOL: OnceCell<Runtime> = OnceCell::new();

/// Most slow work that is handed to the pool at a time: half a megabyte of tokens. What comes on top waits for room, first
/// come, first served, and takes no thread meanwhile.
const MOST_QUEUED: usize = 1024;

static ROOM: Semaphore = Semaphore::const_new(MOST_QUEUED);

/// What others get thirty times the time of (the weight of 15 is 36, that of 0 is 1024; 10 would be a tenth).
#[cfg(target_os = "linux")]
const NICENESS: i32 = 15;

thread_local! {
    static PLACE: Cell<Place> = const { Cell::new(Place::Slow) };
}

/// What the thread at hand is for, while it polls a verification.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Not for slow work.
    Quick,
    /// Not for slow work, and some was asked for.
    TooSlow,
    /// For slow work too; so is every thread that a future of ours is not run on by [`start`].
    Slow,
    /// The same, and some was done.
    Worked,
}

/// Waits until it runs where slow work may be done: on a thread of the pool, or on one that nobody waits for.
pub async fn slow_place() {
    poll_fn(|_| match PLACE.get() {
        Place::Slow | Place::Worked => {
            PLACE.set(Place::Worked);
            Poll::Ready(())
        }
        Place::Quick | Place::TooSlow => {
            PLACE.set(Place::TooSlow);
            Poll::Pending
        }
    })
    .await;
}

/// A future of ours, boxed, as it moves between threads.
pub type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// How far a future came at once.
pub enum Started<T> {
    /// To its end; and whether slow work was done on the way.
    Done(T, bool),
    /// Not to its end: [`finish`] it.
    Unfinished(Unfinished<T>),
}

/// A future that has to go on elsewhere.
pub struct Unfinished<T> {
    task: Task<T>,
    slow: bool,
}

/// Runs a future as far as it goes on this thread. Slow work is done here only if `may_be_slow` and none is queued: then a
/// hop to another thread (10 to 40 µs) would cost a tenth of what it saves or more, and nobody gains by it.
#[must_use]
pub fn start<T>(mut task: Task<T>, may_be_slow: bool) -> Started<T> {
    let here = if may_be_slow && is_idle() { Place::Slow } else { Place::Quick };
    let (poll, place) = poll_at(here, &mut task, &mut Context::from_waker(Waker::noop()));
    match poll {
        Poll::Ready(output) => Started::Done(output, place == Place::Worked),
        Poll::Pending => Started::Unfinished(Unfinished { task, slow: place == Place::TooSlow }),
    }
}

/// Runs the rest on threads of ours, then hands over the output, or None after a panic or without a thread.
pub fn finish<T: Send + 'static>(unfinished: Unfinished<T>, done: impl FnOnce(Option<T>) + Send + 'static) {
    let Unfinished { task, slow } = unfinished;
    let done = Done(Some(Box::new(done)));
    if slow { work(task, done) } else { wait(task, done) }
}

/// Whom to hand the output. However it comes to be dropped, somebody is told.
struct Done<T>(Option<Box<dyn FnOnce(Option<T>) + Send>>);

impl<T> Done<T> {
    fn tell(mut self, output: Option<T>) {
        if let Some(done) = self.0.take() {
            done(output);
        }
    }
}

impl<T> Drop for Done<T> {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(None);
        }
    }
}

/// Whether the pool has nothing to do.
fn is_idle() -> bool {
    ROOM.available_permits() == MOST_QUEUED
}

/// On the pool, as soon as it has room.
fn work<T: Send + 'static>(task: Task<T>, done: Done<T>) {
    match ROOM.try_acquire() {
        Ok(room) => queue(task, done, room),
        Err(_) => drop(spawn(async move {
            // It is never closed.
            if let Ok(room) = ROOM.acquire().await {
                queue(task, done, room);
            }
        })),
    }
}

/// On the pool, from where it may have to wait again.
fn queue<T: Send + 'static>(mut task: Task<T>, done: Done<T>, room: SemaphorePermit<'static>) {
    let job = move || {
        let mut context = Context::from_waker(Waker::noop());
        let outcome = catch_unwind(AssertUnwindSafe(|| poll_at(Place::Slow, &mut task, &mut context).0));
        drop(room);
        match outcome {
            Ok(Poll::Ready(output)) => done.tell(Some(output)),
            Ok(Poll::Pending) => wait(task, done),
            Err(_) => done.tell(None),
        }
    };
    match pool() {
        // It panics where the system gives it no further thread, but keeps the job for those that there are.
        Ok(pool) => drop(catch_unwind(AssertUnwindSafe(|| pool.spawn_blocking(job)))),
        // Better here than not at all.
        Err(_) => job(),
    }
}

/// In the runtime, until it ends or slow work comes up.
fn wait<T: Send + 'static>(mut task: Task<T>, done: Done<T>) {
    drop(spawn(async move {
        let outcome =
            poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| poll_at(Place::Quick, &mut task, context))) {
                Ok((Poll::Ready(output), _)) => Poll::Ready(Some(Some(output))),
                Ok((Poll::Pending, Place::TooSlow)) => Poll::Ready(None),
                Ok((Poll::Pending, _)) => Poll::Pending,
                Err(_) => Poll::Ready(Some(None)),
            });
        match outcome.await {
            Some(output) => done.tell(output),
            None => work(task, done),
        }
    }));
}

fn poll_at<T>(place: Place, task: &mut Task<T>, context: &mut Context) -> (Poll<T>, Place) {
    let before = PLACE.replace(place);
    let poll = task.as_mut().poll(context);
    (poll, PLACE.replace(before))
}

/// Runs a future in the runtime.
///
/// # Errors
///
/// If no thread can be started.
pub fn spawn<F>(future: F) -> Result<JoinHandle<F::Output>, String>
where
    F: Future<Output: Send> + Send + 'static,
{
    Ok(runtime()?.spawn(future))
}

/// Bounds a future's time. May be called, and first polled, on any thread.
///
/// # Errors
///
/// If no thread can be started, and so no clock.
pub fn timeout<F: Future>(time: Duration, future: F) -> Result<Timeout<F>, String> {
    let _context = runtime()?.enter();
    Ok(tokio::time::timeout(time, future))
}

fn runtime() -> Result<&'static Runtime, String> {
    RUNTIME.get_or_try_init(|| start_threads(Builder::new_multi_thread().worker_threads(1)))
}

fn pool() -> Result<&'static Runtime, String> {
    // Asked for once: on Linux, how many cores there are is read from several files.
    POOL.get_or_try_init(|| {
        let mut builder = Builder::new_current_thread();
        builder.max_blocking_threads(cores()).thread_keep_alive(Duration::MAX).on_thread_start(give_way);
        let pool = start_threads(&mut builder)?;
        // One thread now, for good. Without any, work for which the system gives no thread would stay in the queue, and
        // whoever waits for it would wait on, until a thread can be started some time later.
        if catch_unwind(AssertUnwindSafe(|| pool.spawn_blocking(|| ()))).is_ok() {
            return Ok(pool);
        }
        pool.shutdown_background();
        Err(NO_THREAD.into())
    })
}

/// Makes this thread one that gives way to others: where all cores are busy, a JavaScript thread gets thirty times the time
/// of one that checks signatures beside it, so that a flood of forged tokens holds nothing else up. With a core to spare it
/// changes nothing. Only Linux knows this for single threads.
fn give_way() {
    #[cfg(target_os = "linux")]
    // Where it is not allowed, they only do not give way.
    let _ = rustix::process::setpriority_process(None, NICENESS);
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

const NO_THREAD: &str = "no thread could be started";

fn start_threads(builder: &mut Builder) -> Result<Runtime, String> {
    // It panics where the system gives it no thread.
    match catch_unwind(AssertUnwindSafe(|| builder.thread_name("logto-authkit").enable_all().build())) {
        Ok(built) => built.map_err(|error| format!("no thread could be started: {error}")),
        Err(_) => Err(NO_THREAD.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, channel};
    use std::thread::{self, ThreadId};

    use super::*;

    static NOW: AtomicUsize = AtomicUsize::new(0);
    static MOST: AtomicUsize = AtomicUsize::new(0);

    fn wait<F: Future>(future: F) -> F::Output {
        Builder::new_current_thread().build().unwrap().block_on(future)
    }

    /// Slow work, which says where it is done.
    fn slow() -> Task<ThreadId> {
        Box::pin(async {
            slow_place().await;
            thread::current().id()
        })
    }

    fn finished<T: Send + 'static>(task: Task<T>) -> Receiver<Option<T>> {
        let Started::Unfinished(unfinished) = start(task, false) else { panic!("done at once") };
        let (sender, receiver) = channel();
        finish(unfinished, move |output| drop(sender.send(output)));
        receiver
    }

    #[test]
    fn quick_work_is_done_at_once() {
        assert!(matches!(start(Box::pin(ready(1)), false), Started::Done(1, false)));
    }

    #[test]
    fn slow_work_is_done_elsewhere_unless_it_may_be_done_here() {
        let here = thread::current().id();
        assert_ne!(finished(slow()).recv().unwrap(), Some(here));
    }

    #[test]
    fn outside_of_a_start_slow_work_may_be_done_anywhere() {
        assert_eq!(wait(slow()), thread::current().id());
    }

    #[test]
    fn slow_work_after_a_wait_is_done_on_the_pool() {
        let task = Box::pin(async {
            timeout(Duration::from_millis(1), pending::<()>()).unwrap().await.unwrap_err();
            let waited = thread::current().id();
            (waited, slow().await)
        });
        let (waited, worked) = finished(task).recv().unwrap().unwrap();
        assert_ne!(waited, worked);
    }

    #[test]
    fn a_wait_after_slow_work_goes_on_in_the_runtime() {
        let task = Box::pin(async {
            slow().await;
            timeout(Duration::from_millis(1), pending::<()>()).unwrap().await.is_err()
        });
        assert_eq!(finished(task).recv().unwrap(), Some(true));
    }

    #[test]
    fn a_panic_is_told_wherever_it_happens() {
        let on_the_pool: Task<()> = Box::pin(async {
            slow_place().await;
            panic!("a bug")
        });
        assert_eq!(finished(on_the_pool).recv().unwrap(), None);
        let in_the_runtime: Task<()> = Box::pin(async {
            timeout(Duration::from_millis(1), pending::<()>()).unwrap().await.unwrap_err();
            panic!("a bug")
        });
        assert_eq!(finished(in_the_runtime).recv().unwrap(), None);
    }

    #[test]
    fn whoever_waits_is_told_also_where_a_task_is_dropped() {
        let (sender, receiver) = channel();
        drop(Done(Some(Box::new(move |output: Option<u8>| sender.send(output).unwrap()))));
        assert_eq!(receiver.recv().unwrap(), None);
    }

    #[test]
    fn no_more_slow_work_is_done_at_a_time_than_there_are_cores() {
        let one = || -> Task<()> {
            Box::pin(async {
                slow_place().await;
                let running = NOW.fetch_add(1, Ordering::SeqCst) + 1;
                MOST.fetch_max(running, Ordering::SeqCst);
                for _ in 0..100 {
                    thread::yield_now();
                }
                NOW.fetch_sub(1, Ordering::SeqCst);
            })
        };
        let all: Vec<_> = (0..2 * MOST_QUEUED).map(|_| finished(one())).collect();
        assert!(all.iter().all(|work| work.recv().unwrap().is_some()));
        let most = MOST.load(Ordering::SeqCst);
        assert!((1..=cores()).contains(&most), "{most}");
    }

    #[test]
    fn a_future_is_in_time_or_not() {
        let never = timeout(Duration::from_millis(1), pending::<()>()).unwrap();
        assert!(wait(never).is_err());
        let at_once = timeout(Duration::ZERO, ready(1)).unwrap();
        assert_eq!(wait(at_once).ok(), Some(1));
        let longest = timeout(Duration::MAX, ready(2)).unwrap();
        assert_eq!(wait(longest).ok(), Some(2));
    }

    #[test]
    fn a_spawned_future_runs_without_anybody_waiting() {
        let (sender, receiver) = std::sync::mpsc::channel();
        drop(spawn(async move { sender.send(thread::current().id()) }).unwrap());
        assert_ne!(receiver.recv_timeout(Duration::from_secs(10)).unwrap(), thread::current().id());
    }
}
