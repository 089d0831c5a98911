//! Decides which thread runs which part of a verification. A JavaScript thread runs a verification inline as far as possible.
//! Tasks that wait for keys continue on our own runtime, and slow signature checks run on our own thread pool, because libuv's
//! four threads also serve `fs` and `dns`. The runtime and the pool start on first use, once per process. They are never joined,
//! so they do not keep the process alive.

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

/// Runs tasks that wait, timers and key fetches.
static RUNTIME: OnceCell<Runtime> = OnceCell::new();

/// Runs blocking work on one thread per core. It is separate from [`RUNTIME`], whose blocking threads resolve hostnames, so that
/// a flood of blocking work cannot delay key fetches.
static POOL: OnceCell<Runtime> = OnceCell::new();

/// Maximum number of tasks in the pool's queue, which together hold about half a megabyte of tokens. Further tasks wait for a
/// slot in order of arrival without occupying a thread.
const MAX_QUEUED: usize = 1024;

static QUEUE_SLOTS: Semaphore = Semaphore::const_new(MAX_QUEUED);

/// The nice value of the pool's threads. It gives them a scheduling weight of 36, compared to 1024 for normal threads.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 15;

thread_local! {
    static SLOW_WORK: Cell<SlowWork> = const { Cell::new(SlowWork::Allowed) };
}

/// Whether the current thread may do slow work while it polls a task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SlowWork {
    /// Slow work is not allowed.
    Forbidden,
    /// Slow work is not allowed, but the task needs it to continue.
    Needed,
    /// Slow work is allowed, which is the default for threads that this module does not manage.
    Allowed,
    /// Slow work is allowed, and the task has done some.
    Done,
}

/// Waits until the task runs on a thread where blocking is allowed.
pub async fn slow_work_allowed() {
    poll_fn(|_| match SLOW_WORK.get() {
        SlowWork::Allowed | SlowWork::Done => {
            SLOW_WORK.set(SlowWork::Done);
            Poll::Ready(())
        }
        SlowWork::Forbidden | SlowWork::Needed => {
            SLOW_WORK.set(SlowWork::Needed);
            Poll::Pending
        }
    })
    .await;
}

/// A boxed future that can move between threads.
pub type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The result of [`run_inline`].
pub enum Progress<T> {
    /// The output, and whether the task did slow work on this thread.
    Done(T, bool),
    /// The rest of the task, to be passed to [`run_in_background`].
    Unfinished(UnfinishedTask<T>),
}

/// A task that has to continue on another thread.
pub struct UnfinishedTask<T> {
    task: Task<T>,
    needs_slow_work: bool,
}

/// Runs a task on this thread as far as possible. Slow work runs on this thread only if `may_be_slow` is true and the pool is
/// idle, when moving it to another thread and back (10 to 40 µs) would gain nothing.
#[must_use]
pub fn run_inline<T>(mut task: Task<T>, may_be_slow: bool) -> Progress<T> {
    let allowed = if may_be_slow && pool_is_idle() { SlowWork::Allowed } else { SlowWork::Forbidden };
    let (poll, after) = poll_once(allowed, &mut task, &mut Context::from_waker(Waker::noop()));
    match poll {
        Poll::Ready(output) => Progress::Done(output, after == SlowWork::Done),
        Poll::Pending => Progress::Unfinished(UnfinishedTask { task, needs_slow_work: after == SlowWork::Needed }),
    }
}

/// Runs the rest of a task on our own threads, then calls `done` with the output. After a panic, or if no thread can be started,
/// `done` is called with `None`.
pub fn run_in_background<T: Send + 'static>(
    unfinished: UnfinishedTask<T>,
    done: impl FnOnce(Option<T>) + Send + 'static,
) {
    let UnfinishedTask { task, needs_slow_work } = unfinished;
    let done = Completion(Some(Box::new(done)));
    if needs_slow_work { run_on_pool(task, done) } else { run_on_runtime(task, done) }
}

/// A callback that is called with `None` if it is dropped before it was called, so that no promise stays pending.
struct Completion<T>(Option<Box<dyn FnOnce(Option<T>) + Send>>);

impl<T> Completion<T> {
    fn call(mut self, output: Option<T>) {
        if let Some(done) = self.0.take() {
            done(output);
        }
    }
}

impl<T> Drop for Completion<T> {
    fn drop(&mut self) {
        if let Some(done) = self.0.take() {
            done(None);
        }
    }
}

fn pool_is_idle() -> bool {
    QUEUE_SLOTS.available_permits() == MAX_QUEUED
}

/// Queues a task for the pool as soon as a slot is free.
fn run_on_pool<T: Send + 'static>(task: Task<T>, done: Completion<T>) {
    match QUEUE_SLOTS.try_acquire() {
        Ok(slot) => enqueue(task, done, slot),
        Err(_) => drop(spawn(async move {
            // The semaphore is never closed.
            if let Ok(slot) = QUEUE_SLOTS.acquire().await {
                enqueue(task, done, slot);
            }
        })),
    }
}

/// Runs a task on the pool. It continues on the runtime if it has to wait again.
fn enqueue<T: Send + 'static>(mut task: Task<T>, done: Completion<T>, slot: SemaphorePermit<'static>) {
    let job = move || {
        let mut context = Context::from_waker(Waker::noop());
        let outcome = catch_unwind(AssertUnwindSafe(|| poll_once(SlowWork::Allowed, &mut task, &mut context).0));
        drop(slot);
        match outcome {
            Ok(Poll::Ready(output)) => done.call(Some(output)),
            Ok(Poll::Pending) => run_on_runtime(task, done),
            Err(_) => done.call(None),
        }
    };
    match pool() {
        // This panics if the system cannot start another thread, but the existing threads still run the queued job.
        Ok(pool) => drop(catch_unwind(AssertUnwindSafe(|| pool.spawn_blocking(job)))),
        // Without a pool, blocking this thread is better than failing.
        Err(_) => job(),
    }
}

/// Runs a task on the runtime until it finishes or needs slow work.
fn run_on_runtime<T: Send + 'static>(mut task: Task<T>, done: Completion<T>) {
    drop(spawn(async move {
        let outcome = poll_fn(|context| {
            match catch_unwind(AssertUnwindSafe(|| poll_once(SlowWork::Forbidden, &mut task, context))) {
                Ok((Poll::Ready(output), _)) => Poll::Ready(Some(Some(output))),
                Ok((Poll::Pending, SlowWork::Needed)) => Poll::Ready(None),
                Ok((Poll::Pending, _)) => Poll::Pending,
                Err(_) => Poll::Ready(Some(None)),
            }
        });
        match outcome.await {
            Some(output) => done.call(output),
            None => run_on_pool(task, done),
        }
    }));
}

/// Polls a task once with this permission for slow work, and returns the permission as the task left it.
fn poll_once<T>(allowed: SlowWork, task: &mut Task<T>, context: &mut Context) -> (Poll<T>, SlowWork) {
    let before = SLOW_WORK.replace(allowed);
    let poll = task.as_mut().poll(context);
    (poll, SLOW_WORK.replace(before))
}

/// Runs a future on the runtime.
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

/// Limits how long a future may take. Both this call and polling the result are possible on any thread.
///
/// # Errors
///
/// If no thread can be started to run the timer.
pub fn timeout<F: Future>(time: Duration, future: F) -> Result<Timeout<F>, String> {
    let _context = runtime()?.enter();
    Ok(tokio::time::timeout(time, future))
}

fn runtime() -> Result<&'static Runtime, String> {
    RUNTIME.get_or_try_init(|| start_threads(Builder::new_multi_thread().worker_threads(1)))
}

fn pool() -> Result<&'static Runtime, String> {
    POOL.get_or_try_init(|| {
        let mut builder = Builder::new_current_thread();
        builder.max_blocking_threads(core_count()).thread_keep_alive(Duration::MAX).on_thread_start(lower_priority);
        let pool = start_threads(&mut builder)?;
        // Start one thread now and keep it. Otherwise, jobs would stay queued if the system could not start a thread later.
        if catch_unwind(AssertUnwindSafe(|| pool.spawn_blocking(|| ()))).is_ok() {
            return Ok(pool);
        }
        pool.shutdown_background();
        Err(NO_THREAD_STARTED.into())
    })
}

/// Lowers the priority of this thread, so that a flood of forged tokens does not starve the JavaScript threads when all cores
/// are busy. Only Linux supports priorities for single threads.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    // If the system does not permit this, the thread keeps its priority.
    let _ = rustix::process::setpriority_process(None, NICENESS);
}

fn core_count() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

const NO_THREAD_STARTED: &str = "no thread could be started";

fn start_threads(builder: &mut Builder) -> Result<Runtime, String> {
    // `build` panics if the system cannot start a thread.
    match catch_unwind(AssertUnwindSafe(|| builder.thread_name("logto-authkit").enable_all().build())) {
        Ok(built) => built.map_err(|error| format!("no thread could be started: {error}")),
        Err(_) => Err(NO_THREAD_STARTED.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, channel};
    use std::thread::{self, ThreadId};

    use super::*;

    static RUNNING: AtomicUsize = AtomicUsize::new(0);
    static MAX_RUNNING: AtomicUsize = AtomicUsize::new(0);

    fn block_on<F: Future>(future: F) -> F::Output {
        Builder::new_current_thread().build().unwrap().block_on(future)
    }

    /// A task that does slow work and returns the thread on which it ran.
    fn slow_task() -> Task<ThreadId> {
        Box::pin(async {
            slow_work_allowed().await;
            thread::current().id()
        })
    }

    fn run_to_receiver<T: Send + 'static>(task: Task<T>) -> Receiver<Option<T>> {
        let Progress::Unfinished(unfinished) = run_inline(task, false) else { panic!("finished inline") };
        let (sender, receiver) = channel();
        run_in_background(unfinished, move |output| drop(sender.send(output)));
        receiver
    }

    #[test]
    fn fast_work_runs_inline() {
        assert!(matches!(run_inline(Box::pin(ready(1)), false), Progress::Done(1, false)));
    }

    #[test]
    fn slow_work_runs_on_another_thread_unless_it_is_allowed_inline() {
        let here = thread::current().id();
        assert_ne!(run_to_receiver(slow_task()).recv().unwrap(), Some(here));
    }

    #[test]
    fn slow_work_is_allowed_on_threads_that_this_module_does_not_manage() {
        assert_eq!(block_on(slow_task()), thread::current().id());
    }

    #[test]
    fn slow_work_after_a_wait_runs_on_the_pool() {
        let task = Box::pin(async {
            timeout(Duration::from_millis(1), pending::<()>()).unwrap().await.unwrap_err();
            let waited = thread::current().id();
            (waited, slow_task().await)
        });
        let (waited, worked) = run_to_receiver(task).recv().unwrap().unwrap();
        assert_ne!(waited, worked);
    }

    #[test]
    fn a_wait_after_slow_work_continues_on_the_runtime() {
        let task = Box::pin(async {
            slow_task().await;
            timeout(Duration::from_millis(1), pending::<()>()).unwrap().await.is_err()
        });
        assert_eq!(run_to_receiver(task).recv().unwrap(), Some(true));
    }

    #[test]
    fn a_task_completes_after_a_panic_on_any_thread() {
        let on_the_pool: Task<()> = Box::pin(async {
            slow_work_allowed().await;
            panic!("a bug")
        });
        assert_eq!(run_to_receiver(on_the_pool).recv().unwrap(), None);
        let on_the_runtime: Task<()> = Box::pin(async {
            timeout(Duration::from_millis(1), pending::<()>()).unwrap().await.unwrap_err();
            panic!("a bug")
        });
        assert_eq!(run_to_receiver(on_the_runtime).recv().unwrap(), None);
    }

    #[test]
    fn dropping_a_completion_calls_it_with_none() {
        let (sender, receiver) = channel();
        drop(Completion(Some(Box::new(move |output: Option<u8>| sender.send(output).unwrap()))));
        assert_eq!(receiver.recv().unwrap(), None);
    }

    #[test]
    fn slow_work_uses_at_most_one_thread_per_core() {
        let counted_task = || -> Task<()> {
            Box::pin(async {
                slow_work_allowed().await;
                let running = RUNNING.fetch_add(1, Ordering::SeqCst) + 1;
                MAX_RUNNING.fetch_max(running, Ordering::SeqCst);
                for _ in 0..100 {
                    thread::yield_now();
                }
                RUNNING.fetch_sub(1, Ordering::SeqCst);
            })
        };
        let all: Vec<_> = (0..2 * MAX_QUEUED).map(|_| run_to_receiver(counted_task())).collect();
        assert!(all.iter().all(|work| work.recv().unwrap().is_some()));
        let most = MAX_RUNNING.load(Ordering::SeqCst);
        assert!((1..=core_count()).contains(&most), "{most}");
    }

    #[test]
    fn a_timeout_limits_how_long_a_future_takes() {
        let never = timeout(Duration::from_millis(1), pending::<()>()).unwrap();
        assert!(block_on(never).is_err());
        let immediate = timeout(Duration::ZERO, ready(1)).unwrap();
        assert_eq!(block_on(immediate).ok(), Some(1));
        let longest = timeout(Duration::MAX, ready(2)).unwrap();
        assert_eq!(block_on(longest).ok(), Some(2));
    }

    #[test]
    fn a_spawned_future_runs_without_being_awaited() {
        let (sender, receiver) = std::sync::mpsc::channel();
        drop(spawn(async move { sender.send(thread::current().id()) }).unwrap());
        assert_ne!(receiver.recv_timeout(Duration::from_secs(10)).unwrap(), thread::current().id());
    }
}
