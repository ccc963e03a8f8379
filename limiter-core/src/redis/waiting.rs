//! Waiting in the store's queue.

use std::sync::Arc;
use std::task::{Poll, Waker};

use tokio::time::Instant;

use super::driver;
use super::gate::{Gate, Parting, Waiter};
use super::lock;
use super::reply::{Alarm, News};
use crate::time::Time;

impl Gate {
    pub(super) fn expect(self: &Arc<Self>, number: u64) {
        lock(&self.home.waiters).insert(number, Arc::downgrade(self));
        self.lock().waiters.insert(number, Waiter::default());
    }

    /// Forgets a waiter; `asked`: the store may have a place or a grant for it that nobody wants.
    pub(super) fn forget(self: &Arc<Self>, number: u64, asked: bool) {
        lock(&self.home.waiters).remove(&number);
        let mut state = self.lock();
        state.waiters.remove(&number);
        if asked {
            state.outbox.push(Parting::Left { number });
            drop(state);
            self.call_driver();
        }
    }

    /// What there is to be heard for a waiter.
    pub(super) fn poll_news(&self, number: u64, waker: &Waker) -> Poll<News> {
        let mut state = self.lock();
        let Some(waiter) = state.waiters.get_mut(&number) else { return Poll::Ready(News::Ask) };
        if let Some(news) = waiter.news.take() {
            return Poll::Ready(news);
        }
        let replaced = waiter.waker.replace(waker.clone());
        drop(state);
        drop(replaced);
        Poll::Pending
    }

    /// Passes on what came by the channel.
    pub(super) fn hear(&self, number: u64, news: News) {
        if let News::Heads { now, alarm } = news {
            self.head(now, self.now(), alarm, false);
            return;
        }
        self.lock().told += 1;
        self.deliver(number, news);
    }

    /// Has all waiters ask again.
    pub(super) fn ask_again(&self) {
        let wakers: Vec<_> = (self.lock().waiters.values_mut())
            .filter_map(|waiter| {
                waiter.news.get_or_insert(News::Ask);
                waiter.waker.take()
            })
            .collect();
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn deliver(&self, number: u64, news: News) {
        let waker = self.lock().waiters.get_mut(&number).and_then(|waiter| {
            // A grant outweighs the wish to ask.
            if !matches!((waiter.news, news), (Some(News::Granted(_)), News::Ask)) {
                waiter.news = Some(news);
            }
            waiter.waker.take()
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes note of the store's time, and of when this process has to see about the head of the queue. False: this is
    /// older than what was heard before. (Messages and answers come by two connections, and overtake each other.) `anew`: it
    /// is not compared with that.
    pub(super) fn head(&self, now: Time, heard_at: Time, alarm: Alarm, anew: bool) -> bool {
        let mut state = self.lock();
        if now <= state.heard.0 && !anew {
            return false;
        }
        state.heard = (now, heard_at);
        let alarm = match alarm {
            Alarm::At(at) => Instant::now().checked_add(at.since(now).into()),
            Alarm::Open | Alarm::NotMine => None,
        };
        let earlier = alarm.is_some_and(|alarm| state.alarm.is_none_or(|old| alarm < old));
        state.alarm = alarm;
        drop(state);
        if earlier {
            self.changed.notify_one();
        }
        true
    }

    /// Makes sure that there is a driver, and that it looks.
    pub(super) fn call_driver(self: &Arc<Self>) {
        let mut state = self.lock();
        let start = !std::mem::replace(&mut state.driven, true);
        drop(state);
        if start {
            self.home.runtime.spawn(driver::drive(Arc::clone(self)));
        }
        self.changed.notify_one();
    }
}
