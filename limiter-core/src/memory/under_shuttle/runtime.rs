//! What `memory/runtime.rs` gives, of shuttle's parts: what steps next is up to the scheduler, and so is when time passes.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use shuttle::future::JoinHandle;
pub(crate) use shuttle::sync::{Mutex, MutexGuard};

use crate::time::{Micros, Time};

// Those of one run; the next begins with new ones.
shuttle::lazy_static! {
    static ref TIMERS: Mutex<Timers> = Mutex::new(Timers::default());
    /// Kept, since a run only waits for tasks whose handle somebody has: one that never ends is a deadlock.
    static ref SPAWNED: Mutex<Vec<JoinHandle<()>>> = Mutex::new(Vec::new());
}

#[derive(Default)]
struct Timers {
    now: Time,
    issued: u64,
    pending: BTreeMap<(Time, u64), Waker>,
    /// Waits for a timer to be set.
    passing: Option<Waker>,
}

/// Lets time pass from timer to timer, whenever the scheduler likes.
pub(super) fn let_time_pass() {
    drop(shuttle::future::spawn(async {
        loop {
            poll_fn(pass).await;
            shuttle::future::yield_now().await;
        }
    }));
}

fn pass(cx: &mut Context<'_>) -> Poll<()> {
    let mut timers = TIMERS.lock().unwrap();
    let Some(((at, _), waker)) = timers.pending.pop_first() else {
        timers.passing = Some(cx.waker().clone());
        return Poll::Pending;
    };
    timers.now = timers.now.max(at);
    drop(timers);
    waker.wake();
    Poll::Ready(())
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock;

impl Clock {
    pub(crate) fn now(&self) -> Time {
        TIMERS.lock().unwrap().now
    }

    pub(crate) fn instant(&self, time: Time) -> Option<Time> {
        (time < Time::MAX).then_some(time)
    }
}

#[derive(Debug)]
pub(crate) struct Sleep {
    at: Time,
    number: u64,
}

pub(crate) fn sleep(duration: Duration) -> Sleep {
    Sleep::until(Clock.now() + Micros::from(duration))
}

/// The future's output; `None`: the time came first.
pub(crate) async fn timeout_at<F: Future>(at: Time, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut sleep = Sleep::until(at);
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Pin::new(&mut sleep).poll(cx).map(|()| None),
    })
    .await
}

impl Sleep {
    fn until(at: Time) -> Self {
        let mut timers = TIMERS.lock().unwrap();
        timers.issued += 1;
        Self { at, number: timers.issued }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut timers = TIMERS.lock().unwrap();
        if timers.now >= self.at {
            return Poll::Ready(());
        }
        timers.pending.insert((self.at, self.number), cx.waker().clone());
        let passing = timers.passing.take();
        drop(timers);
        passing.into_iter().for_each(Waker::wake);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let timer = TIMERS.lock().unwrap().pending.remove(&(self.at, self.number));
        drop(timer);
    }
}

pub(crate) fn spawn(future: impl Future<Output = ()> + Send + 'static) {
    let task = shuttle::future::spawn(future);
    SPAWNED.lock().unwrap().push(task);
}

/// How many tasks the store has started.
pub(super) fn spawned() -> usize {
    SPAWNED.lock().unwrap().len()
}

/// Ends all tasks that the store has started, as the end of their runtime would.
pub(super) fn abort_spawned() {
    SPAWNED.lock().unwrap().iter().for_each(JoinHandle::abort);
}

/// One call is kept for one listener, as by tokio's.
#[derive(Debug)]
pub(crate) struct Notify {
    state: Mutex<Notice>,
}

#[derive(Debug, Default)]
struct Notice {
    called: bool,
    listener: Option<Waker>,
}

impl Notify {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(Notice::default()) }
    }

    pub(crate) fn notify_one(&self) {
        let mut notice = self.state.lock().unwrap();
        notice.called = true;
        let listener = notice.listener.take();
        drop(notice);
        listener.into_iter().for_each(Waker::wake);
    }

    pub(crate) async fn notified(&self) {
        poll_fn(|cx| {
            let mut notice = self.state.lock().unwrap();
            if mem::take(&mut notice.called) {
                return Poll::Ready(());
            }
            notice.listener = Some(cx.waker().clone());
            Poll::Pending
        })
        .await;
    }
}
