//! The queue of expensive signature checks, and the threads that process it. The length of the queue and the waiting
//! time are limited, so that a flood of forged tokens neither exhausts memory nor delays valid tokens until their
//! clients give up. The threads run at normal priority, because another busy process on the same core would starve
//! lower-priority threads.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use once_cell::sync::Lazy;

use crate::error::{ErrorCode, Rejection};
use crate::lock::lock;
use crate::reason::Reason;

/// Maximum number of queued or running jobs. In a server, each job keeps a request open, which takes 10 to 45 KB.
pub const MAX_JOBS: usize = 4096;

/// How long a job may wait before it gives up.
const MAX_QUEUE_WAIT: Duration = Duration::from_secs(1);

/// After the oldest job has waited this long, the queue accepts no more jobs. A new job would probably have to give up,
/// so its client gets an error immediately.
const OVERLOAD_WAIT_THRESHOLD: Duration = Duration::from_millis(800);

/// How long a thread works before it yields to other threads, including the event loop. Linux would otherwise let a
/// thread keep its core for 3 ms.
pub const TIME_SLICE: Duration = Duration::from_micros(400);

/// Whether a job should do its work or give up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobDecision {
    /// The job should do its work, because it has neither waited too long nor been cancelled.
    Work,
    /// The job should give up for this reason.
    GiveUp(SlowWorkError),
}

/// Why a task fails instead of doing slow work, such as an expensive signature check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlowWorkError {
    /// The task has waited too long, or the queue is overloaded.
    Overloaded,
    /// The task was cancelled, because its client has disconnected.
    Cancelled,
}

impl From<SlowWorkError> for Rejection {
    fn from(error: SlowWorkError) -> Self {
        let rejection = Self { retry_after: Some(1), ..ErrorCode::Overloaded.into() };
        match error {
            SlowWorkError::Overloaded => rejection,
            SlowWorkError::Cancelled => rejection.reason(Reason::ClientDisconnected),
        }
    }
}

/// A job for the queue: a function that is always called, with the decision whether the job should do its work or give
/// up.
pub type Job = Box<dyn FnOnce(JobDecision) + Send>;

/// The id of a task that continues in the background.
pub type TaskId = u64;

struct QueuedJob {
    task_id: TaskId,
    /// When the job began to wait for a thread, or `None` if the job waits only for the end of the turn. An application
    /// that blocks the event loop delays the end of the turn even if the machine is not overloaded.
    waiting_since: Option<Instant>,
    is_cancelled: bool,
    job: Job,
}

struct Queue {
    jobs: VecDeque<QueuedJob>,
    threads: usize,
    /// The number of threads waiting for jobs.
    idle_threads: usize,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { jobs: VecDeque::new(), threads: 0, idle_threads: 0 });
static JOB_QUEUED: Condvar = Condvar::new();

/// The number of reserved slots in the queue.
static RESERVED_SLOT_COUNT: AtomicUsize = AtomicUsize::new(0);

/// A slot in the queue, which is reserved until this value is dropped.
pub struct QueueSlot(());

impl Drop for QueueSlot {
    fn drop(&mut self) {
        RESERVED_SLOT_COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Reserves a slot in the queue, or returns `None` if the queue is overloaded.
pub fn reserve_slot() -> Option<QueueSlot> {
    let is_full = |queue: &Queue| queue.jobs.front().is_some_and(|oldest| oldest.has_waited(OVERLOAD_WAIT_THRESHOLD));
    let reserved_count = RESERVED_SLOT_COUNT.fetch_add(1, Ordering::Relaxed);
    let slot = QueueSlot(());
    (reserved_count < MAX_JOBS && !is_full(&lock_queue())).then_some(slot)
}

/// Whether the queue has neither waiting nor running jobs.
pub fn is_idle() -> bool {
    RESERVED_SLOT_COUNT.load(Ordering::Relaxed) == 0
}

/// Queues a job, which must own a [`QueueSlot`]. If the current thread is about to call [`run_next_job`], no other
/// thread is woken for a single job, because waking a thread takes longer than the job.
pub fn push(task_id: TaskId, job: Job, runs_next_job: bool) {
    let mut queue = lock_queue();
    let waits_for_thread = !runs_next_job || !queue.jobs.is_empty();
    let waiting_since = waits_for_thread.then(Instant::now);
    queue.jobs.push_back(QueuedJob { task_id, waiting_since, is_cancelled: false, job });
    start_threads(&mut queue);
    let has_threads = queue.threads > 0;
    let wakes_thread = queue.idle_threads > 0 && waits_for_thread;
    drop(queue);
    if wakes_thread {
        JOB_QUEUED.notify_one();
    }
    // If the system refuses to start a thread, blocking this thread is better than failing.
    while !has_threads && run_next_job() {}
}

/// Runs the oldest job on this thread. Returns `false` if the queue is empty.
pub fn run_next_job() -> bool {
    let next_job = lock_queue().jobs.pop_front();
    next_job.map(QueuedJob::run).is_some()
}

/// Whether the queue has waiting jobs.
pub fn has_waiting_jobs() -> bool {
    !lock_queue().jobs.is_empty()
}

/// Cancels the jobs of the tasks with these ids, unless a thread has already started them. The ids must be in ascending
/// order.
pub fn cancel(task_ids: &[TaskId]) {
    for job in &mut lock_queue().jobs {
        job.is_cancelled |= task_ids.binary_search(&job.task_id).is_ok();
    }
}

impl QueuedJob {
    fn run(self) {
        let decision = if self.is_cancelled {
            JobDecision::GiveUp(SlowWorkError::Cancelled)
        } else if self.has_waited(MAX_QUEUE_WAIT) {
            JobDecision::GiveUp(SlowWorkError::Overloaded)
        } else {
            JobDecision::Work
        };
        (self.job)(decision);
    }

    fn has_waited(&self, time: Duration) -> bool {
        self.waiting_since.is_some_and(|waiting_since| waiting_since.elapsed() > time)
    }
}

/// Starts one thread fewer than the machine has cores (but at least one), because the JavaScript thread also runs jobs.
/// If the system refuses to start a thread, the next job tries again.
fn start_threads(queue: &mut Queue) {
    // The number of cores is determined only once, because determining it reads files.
    static THREAD_COUNT: Lazy<usize> =
        Lazy::new(|| thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1));
    while queue.threads < *THREAD_COUNT {
        let started = thread::Builder::new().name("logto-authkit".into()).spawn(process_jobs);
        if started.is_err() {
            return;
        }
        queue.threads += 1;
    }
}

fn process_jobs() {
    let mut slice_start = Instant::now();
    let mut queue = lock_queue();
    loop {
        if let Some(job) = queue.jobs.pop_front() {
            drop(queue);
            job.run();
            if slice_start.elapsed() > TIME_SLICE {
                thread::yield_now();
                slice_start = Instant::now();
            }
            queue = lock_queue();
        } else {
            queue.idle_threads += 1;
            queue = JOB_QUEUED.wait(queue).unwrap_or_else(PoisonError::into_inner);
            queue.idle_threads -= 1;
        }
    }
}

fn lock_queue() -> MutexGuard<'static, Queue> {
    lock(&QUEUE)
}

#[cfg(test)]
pub fn without_threads(test: impl FnOnce()) {
    lock_queue().threads = usize::MAX;
    test();
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, channel};

    use super::*;

    /// Queues a job that has already waited, and returns the receiver of its verdict.
    fn push_older(waited: Duration) -> Receiver<JobDecision> {
        let (sender, receiver) = channel();
        let waiting_since = Instant::now().checked_sub(waited);
        let job: Job = Box::new(move |verdict| sender.send(verdict).unwrap());
        lock_queue().jobs.push_back(QueuedJob { task_id: 1, waiting_since, is_cancelled: false, job });
        receiver
    }

    #[test]
    fn a_job_that_has_waited_for_a_second_gives_up() {
        let [recent_job, old_job] = [Duration::ZERO, MAX_QUEUE_WAIT].map(push_older);
        while run_next_job() {}
        assert_eq!(recent_job.recv().unwrap(), JobDecision::Work);
        assert_eq!(old_job.recv().unwrap(), JobDecision::GiveUp(SlowWorkError::Overloaded));
    }

    #[test]
    fn the_queue_accepts_no_jobs_while_its_oldest_has_waited_too_long() {
        drop(push_older(Duration::ZERO));
        assert!(reserve_slot().is_some());
        lock_queue().jobs.clear();
        let _verdict = push_older(OVERLOAD_WAIT_THRESHOLD);
        assert!(reserve_slot().is_none());
        run_next_job();
        assert!(reserve_slot().is_some());
    }

    #[test]
    fn a_job_that_waits_for_the_end_of_the_turn_does_not_give_up_and_the_queue_accepts_others() {
        without_threads(|| {
            let (sender, receiver) = channel();
            for _ in 0..2 {
                let sender = sender.clone();
                push(1, Box::new(move |verdict| sender.send(verdict).unwrap()), true);
            }
            let wait_flags: Vec<_> = lock_queue().jobs.iter().map(|job| job.waiting_since.is_some()).collect();
            assert_eq!(wait_flags, [false, true]);
            assert!(!lock_queue().jobs[0].has_waited(Duration::ZERO));
            assert!(reserve_slot().is_some());
            while run_next_job() {}
            assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [JobDecision::Work; 2]);
        });
    }

    #[test]
    fn a_slot_is_free_again_after_it_was_dropped_or_refused() {
        let slots: Vec<_> = (0..MAX_JOBS).map(|_| reserve_slot().unwrap()).collect();
        for _ in 0..10 {
            assert!(reserve_slot().is_none());
        }
        drop(slots);
        assert!(is_idle());
    }
}
