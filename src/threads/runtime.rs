//! The core's runtime, which runs waiting tasks, timers and key fetches. The runtime starts on first use, once per
//! process. Its thread is never joined, so it does not keep the process alive.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use once_cell::sync::OnceCell;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;
use tokio::time::Timeout;

static RUNTIME: OnceCell<Runtime> = OnceCell::new();

/// Runs a future on the runtime.
///
/// # Errors
///
/// Fails if no thread can be started.
pub fn spawn<F>(future: F) -> Result<JoinHandle<F::Output>, String>
where
    F: Future<Output: Send> + Send + 'static,
{
    Ok(runtime()?.spawn(future))
}

/// Limits the time that a future may take. Any thread may call this function and poll the future that it returns.
///
/// # Errors
///
/// Fails if no thread can be started to run the timer.
pub fn timeout<F: Future>(time: Duration, future: F) -> Result<Timeout<F>, String> {
    let _context = runtime()?.enter();
    Ok(tokio::time::timeout(time, future))
}

fn runtime() -> Result<&'static Runtime, String> {
    RUNTIME.get_or_try_init(|| {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(1).thread_name("logto-authkit").enable_all();
        // `build` panics if the system cannot start a thread.
        match catch_unwind(AssertUnwindSafe(|| builder.build())) {
            Ok(built) => built.map_err(|error| format!("no thread could be started: {error}")),
            Err(_) => Err("no thread could be started".into()),
        }
    })
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::sync::mpsc::channel;
    use std::thread;

    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn a_timeout_limits_how_long_a_future_takes() {
        let pending_timeout = timeout(Duration::from_millis(1), pending::<()>()).unwrap();
        assert!(block_on(pending_timeout).is_err());
        let zero_timeout = timeout(Duration::ZERO, ready(1)).unwrap();
        assert_eq!(block_on(zero_timeout).ok(), Some(1));
        let max_timeout = timeout(Duration::MAX, ready(2)).unwrap();
        assert_eq!(block_on(max_timeout).ok(), Some(2));
    }

    #[test]
    fn a_spawned_future_runs_without_being_awaited() {
        let (sender, receiver) = channel();
        drop(spawn(async move { sender.send(thread::current().id()) }).unwrap());
        assert_ne!(receiver.recv_timeout(Duration::from_secs(10)).unwrap(), thread::current().id());
    }
}
