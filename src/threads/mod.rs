//! Decides which thread runs each part of a verification. The JavaScript thread runs as much of a verification as it
//! can. Tasks that wait for keys continue on the core's own runtime, and expensive signature checks wait in the core's
//! own queue, because libuv's four threads also serve `fs` and `dns`.

mod queue;
mod runtime;
mod waiting;

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

pub use self::queue::SlowWorkError;
pub use self::queue::TaskId;
use self::queue::{JobDecision, QueueSlot};
pub use self::runtime::{spawn, timeout};
use self::waiting::WaitingTask;

thread_local! {
    static SLOW_WORK_PERMIT: Cell<SlowWorkPermit> = const { Cell::new(SlowWorkPermit::Allowed) };
    /// How much time this JavaScript thread has spent on slow work (expensive signature checks) in the current turn of
    /// its event loop.
    static SLOW_WORK_TIME: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Whether the current thread is allowed to do slow work (expensive signature checks) while it polls a task.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SlowWorkPermit {
    /// The current thread must not do slow work for the task.
    Forbidden,
    /// The current thread must not do slow work, but slow work is the task's next step.
    Needed,
    /// The current thread is allowed to do slow work (the default for threads that this module does not manage).
    Allowed,
    /// The current thread is allowed to do slow work, and began to do so at this time.
    Begun(Instant),
    /// No thread will do slow work for the task, for example because the queue is overloaded. If the task reaches slow
    /// work, it fails with this error.
    Refused(SlowWorkError),
}

/// Waits until the task runs on a thread that is allowed to do slow work, such as an expensive signature check.
///
/// # Errors
///
/// Fails if the queue is overloaded, or if this task has waited too long or was cancelled.
pub async fn slow_work_allowed() -> Result<(), SlowWorkError> {
    poll_fn(|_| match SLOW_WORK_PERMIT.get() {
        SlowWorkPermit::Allowed => {
            SLOW_WORK_PERMIT.set(SlowWorkPermit::Begun(Instant::now()));
            Poll::Ready(Ok(()))
        }
        SlowWorkPermit::Begun(_) => Poll::Ready(Ok(())),
        SlowWorkPermit::Forbidden | SlowWorkPermit::Needed => {
            SLOW_WORK_PERMIT.set(SlowWorkPermit::Needed);
            Poll::Pending
        }
        SlowWorkPermit::Refused(error) => Poll::Ready(Err(error)),
    })
    .await
}

/// A boxed future that can move between threads.
pub type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The result of [`run_inline`].
pub enum Progress<T> {
    /// The output of the task, and whether the task has done slow work on this thread.
    Done(T, bool),
    /// The rest of the task, which the caller passes to [`run_in_background`].
    Unfinished(UnfinishedTask<T>),
}

/// A task that must continue on another thread.
pub struct UnfinishedTask<T> {
    task: Task<T>,
    /// The task's slot in the queue, if slow work is the task's next step.
    slot: Option<QueueSlot>,
}

/// Runs as much of a task as possible on this thread. Slow work runs on this thread only if no other task is doing slow
/// work, and only for a limited time per turn of the event loop. Moving a single task to another thread and back takes
/// 10 to 40 µs, and would gain nothing. If the queue is overloaded, the task fails immediately.
#[must_use]
pub fn run_inline<T>(mut task: Task<T>) -> Progress<T> {
    let is_allowed = queue::is_idle() && SLOW_WORK_TIME.get() < queue::TIME_SLICE;
    let permit = if is_allowed { SlowWorkPermit::Allowed } else { SlowWorkPermit::Forbidden };
    let PollOutcome { poll, permit_after, slot } =
        poll_or_reserve_queue_slot(permit, &mut task, &mut Context::from_waker(Waker::noop()));
    let mut was_slow = false;
    if let SlowWorkPermit::Begun(since) = permit_after {
        SLOW_WORK_TIME.set(SLOW_WORK_TIME.get() + since.elapsed());
        was_slow = true;
    }
    match poll {
        Poll::Ready(output) => Progress::Done(output, was_slow),
        Poll::Pending => Progress::Unfinished(UnfinishedTask { task, slot }),
    }
}

/// Runs the rest of a task on the core's threads, and then calls `on_done` with the output, or with `None` after a
/// panic or if no thread can be started. If `ends_event_loop_turn` is true, the calling thread must soon call
/// [`end_event_loop_turn`], because the task may otherwise never run.
pub fn run_in_background<T: Send + 'static>(
    unfinished: UnfinishedTask<T>,
    task_id: TaskId,
    ends_event_loop_turn: bool,
    on_done: impl FnOnce(Option<T>) + Send + 'static,
) {
    let UnfinishedTask { task, slot } = unfinished;
    let callback = CompletionCallback(Some(Box::new(on_done)));
    match slot {
        Some(slot) => enqueue(task, task_id, callback, slot, ends_event_loop_turn),
        None => run_on_runtime(task, task_id, callback),
    }
}

/// A new id for a task that continues in the background. Task ids are positive, and each is greater than all earlier
/// ones.
pub fn new_task_id() -> TaskId {
    static LAST_TASK_ID: AtomicU64 = AtomicU64::new(0);
    LAST_TASK_ID.fetch_add(1, Ordering::Relaxed) + 1
}

/// Makes the tasks with these ids fail instead of doing slow work. The ids must be in ascending order.
pub fn cancel(task_ids: &[TaskId]) {
    // Waiting tasks are cancelled before queued tasks, because a waiting task may move to the queue in the meantime.
    waiting::cancel(task_ids);
    queue::cancel(task_ids);
}

/// Marks the end of an event loop turn on this JavaScript thread. The thread gets a new time budget for slow work, and
/// runs queued jobs for a limited time. Returns whether any jobs are still queued.
#[must_use]
pub fn end_event_loop_turn() -> bool {
    let start = Instant::now();
    SLOW_WORK_TIME.set(Duration::ZERO);
    while start.elapsed() < queue::TIME_SLICE {
        if !queue::run_next_job() {
            return false;
        }
    }
    queue::has_waiting_jobs()
}

/// A callback that receives `None` if it is dropped without having been called, so that no promise stays pending.
struct CompletionCallback<T>(Option<Box<dyn FnOnce(Option<T>) + Send>>);

impl<T> CompletionCallback<T> {
    fn call(mut self, output: Option<T>) {
        if let Some(callback) = self.0.take() {
            callback(output);
        }
    }
}

impl<T> Drop for CompletionCallback<T> {
    fn drop(&mut self) {
        if let Some(callback) = self.0.take() {
            callback(None);
        }
    }
}

/// Queues a task whose next step is slow work. If the task has to wait again, it continues on the runtime.
fn enqueue<T: Send + 'static>(
    mut task: Task<T>,
    task_id: TaskId,
    callback: CompletionCallback<T>,
    slot: QueueSlot,
    runs_next_job: bool,
) {
    let job = move |decision| {
        let permit = match decision {
            JobDecision::Work => SlowWorkPermit::Allowed,
            JobDecision::GiveUp(error) => SlowWorkPermit::Refused(error),
        };
        let mut context = Context::from_waker(Waker::noop());
        let outcome = catch_unwind(AssertUnwindSafe(|| poll_once(permit, &mut task, &mut context).0));
        drop(slot);
        match outcome {
            Ok(Poll::Ready(output)) => callback.call(Some(output)),
            Ok(Poll::Pending) => run_on_runtime(task, task_id, callback),
            Err(_) => callback.call(None),
        }
    };
    queue::push(task_id, Box::new(job), runs_next_job);
}

/// Runs a task on the runtime until the task finishes or reaches slow work.
fn run_on_runtime<T: Send + 'static>(mut task: Task<T>, task_id: TaskId, callback: CompletionCallback<T>) {
    let waiting = WaitingTask::new(task_id);
    drop(spawn(async move {
        let outcome = poll_fn(|context| {
            let permit = if waiting.is_cancelled() {
                SlowWorkPermit::Refused(SlowWorkError::Cancelled)
            } else {
                SlowWorkPermit::Forbidden
            };
            let poll_task = || poll_or_reserve_queue_slot(permit, &mut task, context);
            match catch_unwind(AssertUnwindSafe(poll_task)) {
                Ok(PollOutcome { poll: Poll::Ready(output), .. }) => Poll::Ready(Ok(Some(output))),
                Ok(PollOutcome { slot: Some(slot), .. }) => Poll::Ready(Err(slot)),
                Ok(_) => Poll::Pending,
                Err(_) => Poll::Ready(Ok(None)),
            }
        });
        match outcome.await {
            Ok(output) => callback.call(output),
            Err(slot) => {
                // `waiting` is dropped before the task can wait again under the same id.
                drop(waiting);
                enqueue(task, task_id, callback, slot, false);
            }
        }
    }));
}

/// The state of a task after [`poll_or_reserve_queue_slot`].
struct PollOutcome<T> {
    poll: Poll<T>,
    /// The [`SLOW_WORK_PERMIT`] after the task was polled, which shows whether the task has stopped before slow work or
    /// started it.
    permit_after: SlowWorkPermit,
    /// The task's slot in the queue, if slow work is the task's next step.
    slot: Option<QueueSlot>,
}

/// Polls a task. If the task reaches slow work that this thread must not do, reserves a slot in the queue for the task,
/// or makes the task fail if the queue is overloaded.
fn poll_or_reserve_queue_slot<T>(permit: SlowWorkPermit, task: &mut Task<T>, context: &mut Context) -> PollOutcome<T> {
    let (poll, permit_after) = poll_once(permit, task, context);
    if permit_after != SlowWorkPermit::Needed || poll.is_ready() {
        return PollOutcome { poll, permit_after, slot: None };
    }
    if let Some(slot) = queue::reserve_slot() {
        return PollOutcome { poll, permit_after, slot: Some(slot) };
    }
    let overloaded = SlowWorkPermit::Refused(SlowWorkError::Overloaded);
    PollOutcome { poll: poll_once(overloaded, task, context).0, permit_after, slot: None }
}

/// Polls a task once with this [`SLOW_WORK_PERMIT`], and returns the permit that the poll has left behind. The permit
/// changes from `Forbidden` to `Needed` if the task stops before slow work, and from `Allowed` to `Begun` if the task
/// starts slow work.
fn poll_once<T>(permit: SlowWorkPermit, task: &mut Task<T>, context: &mut Context) -> (Poll<T>, SlowWorkPermit) {
    let previous_permit = SLOW_WORK_PERMIT.replace(permit);
    let poll = task.as_mut().poll(context);
    (poll, SLOW_WORK_PERMIT.replace(previous_permit))
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::mpsc::{Receiver, channel};
    use std::thread::{self, ThreadId};

    use tokio::runtime::Builder;

    use super::*;

    /// A task that does slow work and returns the thread on which it ran.
    fn slow_task() -> Task<Result<ThreadId, SlowWorkError>> {
        Box::pin(async { slow_work_allowed().await.map(|()| thread::current().id()) })
    }

    /// A task that keeps its thread busy until the budget of a turn is spent.
    fn long_task() -> Task<()> {
        Box::pin(async {
            slow_work_allowed().await.unwrap();
            let start = Instant::now();
            while start.elapsed() < queue::TIME_SLICE {}
        })
    }

    /// Runs a task while another one does slow work.
    fn run_beside_another<T: Send + 'static>(task: Task<T>) -> Receiver<Option<T>> {
        let other_slot = queue::reserve_slot();
        let Progress::Unfinished(unfinished_task) = run_inline(task) else { panic!("finished inline") };
        drop(other_slot);
        let (sender, receiver) = channel();
        run_in_background(unfinished_task, new_task_id(), false, move |output| sender.send(output).unwrap_or_default());
        receiver
    }

    /// Ends turns of the event loop until a task has finished.
    fn receive<T>(receiver: &Receiver<Option<T>>) -> Option<T> {
        loop {
            let _ = end_event_loop_turn();
            if let Ok(output) = receiver.recv_timeout(Duration::from_millis(1)) {
                return output;
            }
        }
    }

    #[test]
    fn fast_work_runs_inline() {
        assert!(matches!(run_inline(Box::pin(ready(1))), Progress::Done(1, false)));
    }

    #[test]
    fn slow_work_runs_inline_if_no_other_task_does_slow_work() {
        let Progress::Done(thread, true) = run_inline(slow_task()) else { panic!("not inline") };
        assert_eq!(thread, Ok(thread::current().id()));
    }

    #[test]
    fn slow_work_runs_inline_only_until_the_budget_of_the_turn_is_spent() {
        assert!(matches!(run_inline(long_task()), Progress::Done((), true)));
        assert!(matches!(run_inline(slow_task()), Progress::Unfinished(_)));
        assert!(!end_event_loop_turn());
        assert!(matches!(run_inline(slow_task()), Progress::Done(_, true)));
    }

    #[test]
    fn the_end_of_a_turn_runs_waiting_tasks_until_the_budget_is_spent() {
        let slot = || queue::reserve_slot().unwrap();
        queue::without_threads(|| {
            for _ in 0..2 {
                enqueue(long_task(), new_task_id(), CompletionCallback(None), slot(), true);
            }
            assert!(end_event_loop_turn());
            assert!(!end_event_loop_turn());
            assert!(queue::is_idle());
        });
    }

    #[test]
    fn several_slow_tasks_share_the_threads() {
        let test_thread = thread::current().id();
        let receivers: Vec<_> = (0..100).map(|_| run_beside_another(slow_task())).collect();
        let threads: Vec<_> = receivers.iter().map(|task| task.recv().unwrap().unwrap().unwrap()).collect();
        assert!(threads.iter().all(|thread| *thread != test_thread));
    }

    #[test]
    fn slow_work_is_allowed_on_threads_that_this_module_does_not_manage() {
        let output = Builder::new_current_thread().build().unwrap().block_on(slow_task());
        assert_eq!(output, Ok(thread::current().id()));
    }

    #[test]
    fn a_task_runs_on_another_thread_if_the_caller_does_not_end_the_turn() {
        let other_slot = queue::reserve_slot();
        let Progress::Unfinished(unfinished_task) = run_inline(slow_task()) else { panic!("finished inline") };
        drop(other_slot);
        let (sender, receiver) = channel();
        run_in_background(unfinished_task, new_task_id(), false, move |output| sender.send(output).unwrap_or_default());
        assert_ne!(receiver.recv().unwrap(), Some(Ok(thread::current().id())));
    }

    #[test]
    fn slow_work_after_a_wait_runs_on_another_thread() {
        let task: Task<_> = Box::pin(async {
            timeout(Duration::from_millis(1), pending::<()>()).unwrap().await.unwrap_err();
            let wait_thread = thread::current().id();
            (wait_thread, slow_task().await.unwrap())
        });
        let Progress::Unfinished(unfinished_task) = run_inline(task) else { panic!("finished inline") };
        let (sender, receiver) = channel();
        run_in_background(unfinished_task, new_task_id(), false, move |output| sender.send(output).unwrap_or_default());
        let (wait_thread, work_thread) = receiver.recv().unwrap().unwrap();
        assert_ne!(wait_thread, work_thread);
    }

    #[test]
    fn a_wait_after_slow_work_continues_on_the_runtime() {
        let task = Box::pin(async {
            slow_task().await.unwrap();
            timeout(Duration::from_millis(1), pending::<()>()).unwrap().await.is_err()
        });
        assert_eq!(receive(&run_beside_another(task)), Some(true));
    }

    #[test]
    fn a_task_completes_after_a_panic_on_any_thread() {
        let panics_in_queue: Task<()> = Box::pin(async {
            slow_work_allowed().await.unwrap();
            panic!("a bug")
        });
        assert_eq!(receive(&run_beside_another(panics_in_queue)), None);
        let panics_on_runtime: Task<()> = Box::pin(async {
            timeout(Duration::from_millis(1), pending::<()>()).unwrap().await.unwrap_err();
            panic!("a bug")
        });
        assert_eq!(receive(&run_beside_another(panics_on_runtime)), None);
    }

    #[test]
    fn dropping_a_completion_calls_it_with_none() {
        let (sender, receiver) = channel();
        drop(CompletionCallback(Some(Box::new(move |output: Option<u8>| sender.send(output).unwrap()))));
        assert_eq!(receiver.recv().unwrap(), None);
    }

    #[test]
    fn a_task_fails_at_once_if_the_queue_is_overloaded() {
        let slots: Vec<_> = (0..queue::MAX_JOBS).map(|_| queue::reserve_slot().unwrap()).collect();
        assert!(matches!(run_inline(slow_task()), Progress::Done(Err(SlowWorkError::Overloaded), false)));
        let waiting_task: Task<_> = Box::pin(async {
            timeout(Duration::from_millis(1), pending::<()>()).unwrap().await.unwrap_err();
            slow_task().await
        });
        assert_eq!(receive(&run_beside_another(waiting_task)), Some(Err(SlowWorkError::Overloaded)));
        drop(slots);
        assert!(matches!(run_inline(slow_task()), Progress::Done(Ok(_), true)));
    }

    #[test]
    fn a_cancelled_task_fails_without_doing_its_work() {
        queue::without_threads(|| {
            let (sender, receiver) = channel();
            let callback = CompletionCallback(Some(Box::new(move |output| sender.send(output).unwrap_or_default())));
            let task_id = new_task_id();
            enqueue(slow_task(), task_id, callback, queue::reserve_slot().unwrap(), true);
            cancel(&[task_id]);
            assert!(!end_event_loop_turn());
            assert_eq!(receiver.recv().unwrap(), Some(Err(SlowWorkError::Cancelled)));
        });
    }

    #[test]
    fn a_task_that_was_cancelled_while_it_waited_fails_without_doing_its_work() {
        let (wake_sender, wake_receiver) = tokio::sync::oneshot::channel();
        let task: Task<_> = Box::pin(async {
            wake_receiver.await.unwrap();
            slow_task().await
        });
        let (sender, receiver) = channel();
        let callback = CompletionCallback(Some(Box::new(move |output| sender.send(output).unwrap_or_default())));
        let task_id = new_task_id();
        run_on_runtime(task, task_id, callback);
        cancel(&[task_id]);
        wake_sender.send(()).unwrap();
        assert_eq!(receiver.recv().unwrap(), Some(Err(SlowWorkError::Cancelled)));
    }
}
