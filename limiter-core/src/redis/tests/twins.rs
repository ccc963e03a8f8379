//! One pool twice, in the store and as the pure rules have it: every step is taken by both, and has to come out the same.

use super::history::{Ask, Ending, History, Pick, Step};
use super::stage::{Stage, introduce};
use crate::decision::{Decision, GrantId};
use crate::redis::ask::{Mode, add_limits, add_partings};
use crate::redis::gate::Parting;
use crate::redis::reply::{Alarm, Granted, News, Outcome};
use crate::redis::script::{ACQUIRE, JOIN, LEAVE, LIMIT, PEEK, TURN};
use crate::{Limits, Micros, Pool, Priority, Request, Ticket, Time, Wait, Window};

/// Longer than any history, so that nobody counts as dead who only has nothing to say.
pub(super) const LEASE: Micros = Micros::from_secs(1_000_000);
/// Any time of the server; the pure rules would as well begin at 0.
const EPOCH: Time = Time::from_micros(1_767_225_600_000_000);

/// Both pools, and what has become of every request.
pub(super) struct Twins<'a> {
    pub(super) stage: &'a mut Stage,
    pub(super) pool: Pool<Name>,
    window: Window,
    /// What every process was set up with.
    limits: Limits,
    pub(super) now: Time,
    pub(super) members: Vec<Member>,
    numbers: u64,
    waiting: Vec<Waiter>,
    held: Vec<Held>,
    /// Moments at which something may change.
    marks: Vec<Time>,
    /// What the waiters have to hear of this step.
    pub(super) news: Vec<(Name, News)>,
}

/// A request: its process, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) process: usize,
    pub(super) number: u64,
}

/// A process, and what it was told.
#[derive(Clone, Copy)]
pub(super) struct Member {
    /// The version of the limits; -1: none yet.
    pub(super) known: i64,
    /// Messages since it joined.
    pub(super) told: u64,
    /// When it will look after the head of the queue.
    pub(super) alarm: Alarm,
}

#[derive(Clone, Copy)]
struct Waiter {
    name: Name,
    ticket: Ticket,
    ask: Ask,
    since: Time,
}

#[derive(Clone, Copy)]
struct Held {
    name: Name,
    id: GrantId,
    granted: Granted,
    ask: Ask,
    /// The window was forgotten since.
    forgotten: bool,
}

impl<'a> Twins<'a> {
    pub(super) fn new(stage: &'a mut Stage, history: &History) -> Self {
        stage.clear(EPOCH);
        let mut twins = Self {
            stage,
            pool: Pool::new(history.window, history.limits),
            window: history.window,
            limits: history.limits,
            now: EPOCH,
            members: vec![Member { known: -1, told: 0, alarm: Alarm::NotMine }; history.processes],
            numbers: 0,
            waiting: Vec::new(),
            held: Vec::new(),
            marks: Vec::new(),
            news: Vec::new(),
        };
        for process in 0..history.processes {
            twins.tick();
            twins.join(process, process as u64 + 1);
        }
        twins
    }

    pub(super) fn step(&mut self, step: &Step) {
        let all = self.members.len();
        self.tick();
        match step {
            Step::Pass(span) => self.now = self.now + *span,
            Step::PassTo(index, offset) => self.pass_to(*index, *offset),
            Step::Acquire(ask, endings) => self.acquire(Ask { process: ask.process % all, ..*ask }, endings),
            Step::AskAgain(index) => self.ask_again(*index),
            Step::Leave(index) => self.leave(*index),
            Step::Turn(process, beats, endings) => self.turn(process % all, *beats, endings),
            Step::SetLimits(process, limits) => self.set_limits(process % all, limits),
            Step::Cut(process, refused, limits) => self.cut(process % all, refused, limits),
            Step::Peek(process) => self.peek(process % all, "look"),
            Step::Reset(process) => self.reset(process % all),
            Step::Quit(process) => self.quit(process % all),
        }
    }

    /// All calls end, and all who wait are served when they were told that they would be; then nothing is left.
    pub(super) fn finish(&mut self) {
        while !self.held.is_empty() || !self.waiting.is_empty() {
            for process in 0..self.members.len() {
                self.tick();
                let held = self.held.extract_if(.., |held| held.name.process == process).collect::<Vec<_>>();
                held.iter().for_each(|held| self.pool.complete(held.id, None));
                let ended = |held: &Held| Parting::Completed { number: held.name.number, used: None };
                let told: Vec<_> = held.iter().map(ended).collect();
                self.serve();
                self.tell_turn(process, true, &told);
            }
            if self.held.is_empty() && !self.waiting.is_empty() {
                self.now = self.pool.next_wake(self.now).expect("nothing is in flight") - Micros::new(1);
            }
        }
        self.now = self.now + self.window.span() + self.window.guard;
        self.tick();
        self.peek(0, "look");
        for process in 0..self.members.len() {
            self.tick();
            self.retire(process);
        }
        let left: Vec<String> = self.stage.query(redis::cmd("KEYS").arg("test:*"));
        assert_eq!(left, [self.stage.keys[0].as_str()], "keys that hold nothing are gone");
        let fields: Vec<String> = self.stage.query(redis::cmd("HKEYS").arg(&left[0]));
        let told: Vec<_> = fields.iter().filter(|field| field.starts_with("told:")).collect();
        assert!(told.is_empty(), "{told:?} are left");
    }

    /// The store's time never stands still, so neither does this one's.
    fn tick(&mut self) {
        self.now = self.now + Micros::new(1);
    }

    fn pass_to(&mut self, index: Pick, offset: i8) {
        let wake = self.pool.next_wake(self.now);
        let marks: Vec<_> = self.marks.drain(..).filter(|mark| *mark > self.now).collect();
        self.marks = marks;
        let ahead: Vec<_> = self.marks.iter().copied().chain(wake).collect();
        if ahead.is_empty() {
            return;
        }
        // The next step is a microsecond later.
        let target = (*index.of(&ahead) - Micros::new(2)) + Micros::new((1 + offset) as u64);
        self.now = self.now.max(target);
    }
}

/// The steps.
impl Twins<'_> {
    fn acquire(&mut self, ask: Ask, endings: &[Ending]) {
        self.numbers += 1;
        let name = Name { process: ask.process, number: self.numbers };
        let since = self.now - ask.age;
        let told = self.end_all(ask.process, endings);
        self.serve();
        let expected = self.ask_pool(name, ask, since);
        let mode = if ask.queues { Mode::Queue } else { Mode::Try };
        self.ask_store(name, ask, since, mode, &told, &expected);
    }

    fn ask_pool(&mut self, name: Name, ask: Ask, since: Time) -> Expected {
        if let Some(limit) = self.pool.limits().tokens.filter(|limit| ask.tokens > limit.get()) {
            return Expected::TooLarge(limit.get());
        }
        let request = Request { tokens: ask.tokens, priority: Priority(ask.level) };
        if !ask.queues {
            return match self.pool.try_acquire(&request, self.now) {
                Decision::Granted(grant) => Expected::Granted(self.hold(name, ask, grant)),
                Decision::Wait(wait) => Expected::Wait(wait),
            };
        }
        let ticket = self.pool.enqueue(&request, name, since);
        if let Some((served, grant)) = self.pool.poll(self.now) {
            assert_eq!(served, name, "all others were asked before");
            return Expected::Granted(self.hold(name, ask, grant));
        }
        self.waiting.push(Waiter { name, ticket, ask, since });
        self.marks.push(self.now + Priority::HANDICAP);
        Expected::Wait(self.next_wait())
    }

    fn ask_again(&mut self, index: Pick) {
        let waiting = self.waiting.iter().map(|waiter| (waiter.name, waiter.ask, waiter.since));
        let held = self.held.iter().filter(|held| !held.forgotten);
        let asked: Vec<_> = waiting.chain(held.map(|held| (held.name, held.ask, self.now))).collect();
        if asked.is_empty() {
            return;
        }
        let (name, ask, since) = *index.of(&asked);
        self.serve();
        let expected = match self.held.iter().find(|held| held.name == name) {
            Some(held) => Expected::Granted(held.granted),
            None => Expected::Wait(self.next_wait()),
        };
        let mode = if ask.queues { Mode::Again } else { Mode::Retry };
        self.ask_store(name, ask, since, mode, &[], &expected);
    }

    fn ask_store(
        &mut self,
        name: Name,
        ask: Ask,
        since: Time,
        mode: Mode,
        told: &[Parting],
        expected: &Expected,
    ) {
        let handicap = Priority(ask.level).rank(Time::ZERO).as_micros();
        let age = self.now.since(since).get();
        let outcome = self.run(name.process, &ACQUIRE, |arguments| {
            arguments.number(name.number).number(ask.tokens).number(handicap).number(age).text(mode.word());
            add_partings(arguments, told);
        });
        match (outcome, *expected) {
            (Outcome::Granted(granted), Expected::Granted(expected)) => assert_eq!(granted, expected),
            (Outcome::Wait(wait), Expected::Wait(expected)) => assert_eq!(wait, expected),
            (Outcome::TooLarge { limit }, Expected::TooLarge(expected)) => assert_eq!(limit, expected),
            (outcome, expected) => panic!("the store says {outcome:?}, and the rules {expected:?}"),
        }
    }

    fn leave(&mut self, index: Pick) {
        if self.waiting.is_empty() {
            return;
        }
        let name = index.of(&self.waiting).name;
        self.serve();
        let granted = self.held.iter().find(|held| held.name == name).map(|held| held.granted);
        let wait = granted.is_none().then(|| self.next_wait());
        if wait.is_some() {
            self.cancel(name);
        }
        self.serve();
        let outcome = self.run(name.process, &LEAVE, |arguments| {
            arguments.number(name.number);
        });
        match outcome {
            Outcome::Granted(said) => assert_eq!(Some(said), granted),
            Outcome::Wait(said) => assert_eq!(Some(said), wait),
            outcome => panic!("{outcome:?}"),
        }
    }

    fn turn(&mut self, process: usize, beats: bool, endings: &[Ending]) {
        let told = self.end_all(process, endings);
        self.serve();
        self.tell_turn(process, beats, &told);
    }

    fn end_all(&mut self, process: usize, endings: &[Ending]) -> Vec<Parting> {
        endings.iter().filter_map(|ending| self.end(process, ending)).collect()
    }

    /// Ends a call or a wait in the pure pool; what the store is to be told of it.
    fn end(&mut self, process: usize, ending: &Ending) -> Option<Parting> {
        if let Ending::Cancelled(index) = ending {
            let names: Vec<_> = self.waiting.iter().map(|waiter| waiter.name).collect();
            let name = *of_process(&names, process, *index)?;
            self.cancel(name);
            return Some(Parting::Left { number: name.number });
        }
        let (Ending::Completed(index, _)
        | Ending::Abandoned(index)
        | Ending::Cancelled(index)
        | Ending::Unfetched(index)) = ending;
        let names: Vec<_> = self.held.iter().map(|held| held.name).collect();
        let name = *of_process(&names, process, *index)?;
        let (place, number) = (names.iter().position(|held| *held == name)?, name.number);
        let id = self.held.remove(place).id;
        Some(match ending {
            Ending::Completed(_, used) => {
                self.pool.complete(id, *used);
                Parting::Completed { number, used: *used }
            }
            Ending::Abandoned(_) => {
                self.pool.abandon(self.now);
                self.marks.push(self.now + self.window.guard);
                Parting::Abandoned { number }
            }
            Ending::Cancelled(_) | Ending::Unfetched(_) => {
                self.pool.complete(id, Some(0));
                Parting::Left { number }
            }
        })
    }

    fn tell_turn(&mut self, process: usize, beats: bool, partings: &[Parting]) {
        let outcome = self.run(process, &TURN, |arguments| {
            if beats {
                arguments.text("b").number(0).signed(-1);
            }
            add_partings(arguments, partings);
        });
        match outcome {
            Outcome::Done { alive, told, .. } if beats => {
                assert_eq!((alive, told), (self.members.len() as u64, self.members[process].told));
            }
            Outcome::Heard if !beats => {}
            outcome => panic!("{outcome:?}"),
        }
    }

    fn set_limits(&mut self, process: usize, limits: &Limits) {
        self.pool.set_limits(*limits);
        self.send_away_unservable();
        self.serve();
        let outcome = self.limit(process, limits, -1);
        assert!(matches!(outcome, Outcome::Set), "{outcome:?}");
    }

    fn cut(&mut self, process: usize, refused: &Result<Pick, Micros>, limits: &Limits) {
        let granted_at = match refused {
            Ok(index) if !self.held.is_empty() => index.of(&self.held).granted.at,
            Ok(_) => self.now,
            Err(ago) => self.now - *ago,
        };
        let news = self.pool.cut(granted_at, *limits, self.now);
        self.send_away_unservable();
        self.serve();
        let outcome = self.limit(process, limits, granted_at.as_micros() as i64);
        let expected = if news { matches!(outcome, Outcome::Set) } else { matches!(outcome, Outcome::Old) };
        assert!(expected, "the store says {outcome:?}; by the rules it is news: {news}");
    }

    fn limit(&mut self, process: usize, limits: &Limits, granted_at: i64) -> Outcome {
        self.run(process, &LIMIT, |arguments| {
            add_limits(arguments, limits);
            arguments.signed(granted_at);
        })
    }

    fn reset(&mut self, process: usize) {
        self.pool.reset();
        self.held.iter_mut().for_each(|held| held.forgotten = true);
        self.peek(process, "forget");
    }

    fn peek(&mut self, process: usize, what: &str) {
        self.serve();
        let expected = self.pool.seen(self.now);
        // Whoever looks need not take part, so it is told the limits in any case.
        self.members[process].known = -1;
        let outcome = self.run(process, &PEEK, |arguments| {
            arguments.text(what);
        });
        let Outcome::Seen { seen, waiting, sharing } = outcome else { panic!("{outcome:?}") };
        assert_eq!(seen, expected);
        assert_eq!((waiting, sharing.processes), (self.waiting.len(), self.members.len()));
        assert_eq!(sharing.window, self.window);
    }

    fn quit(&mut self, process: usize) {
        self.retire(process);
        self.members[process] = Member { known: -1, told: 0, alarm: Alarm::NotMine };
        self.tick();
        self.join(process, self.members.len() as u64);
    }

    fn retire(&mut self, process: usize) {
        let held: Vec<_> = self.held.extract_if(.., |held| held.name.process == process).collect();
        held.iter().for_each(|held| self.pool.complete(held.id, None));
        let waiting = self.waiting.extract_if(.., |waiter| waiter.name.process == process);
        for waiter in waiting.collect::<Vec<_>>() {
            assert!(self.pool.cancel(waiter.ticket).is_some());
        }
        self.serve();
        let outcome = self.run(process, &TURN, |arguments| {
            arguments.text("b").number(0).signed(-1).text("q").number(0).signed(-1);
        });
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    }

    fn join(&mut self, process: usize, alive: u64) {
        self.serve();
        self.members[process].known = -1;
        let (limits, window) = (self.limits, self.window);
        let said = self.ask(process, &JOIN, |arguments| {
            introduce(arguments, &limits, window, None);
        });
        let outcome = self.compare(process, said);
        assert!(
            matches!(outcome, Outcome::Joined { alive: said, told: 0, .. } if said == alive),
            "{outcome:?}"
        );
    }
}

/// What the rules say.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Granted(Granted),
    Wait(Wait),
    TooLarge(u64),
}

/// The pure pool.
impl Twins<'_> {
    /// What a driver owes the pool at every step.
    fn serve(&mut self) {
        while let Some((name, grant)) = self.pool.poll(self.now) {
            let place = self.waiting.iter().position(|waiter| waiter.name == name);
            let waiter = self.waiting.remove(place.expect("whoever is served has waited"));
            let granted = self.hold(name, waiter.ask, grant);
            self.news.push((name, News::Granted(granted)));
        }
    }

    fn hold(&mut self, name: Name, ask: Ask, grant: crate::Grant) -> Granted {
        let granted = Granted { at: grant.at, seen: grant.seen };
        self.held.push(Held { name, id: grant.id, granted, ask, forgotten: false });
        self.marks.push(grant.at + self.window.span());
        granted
    }

    fn cancel(&mut self, name: Name) {
        let place = self.waiting.iter().position(|waiter| waiter.name == name);
        let waiter = self.waiting.remove(place.expect("it waits"));
        assert_eq!(self.pool.cancel(waiter.ticket), Some(name));
    }

    fn send_away_unservable(&mut self) {
        for name in self.pool.remove_unservable() {
            self.waiting.retain(|waiter| waiter.name != name);
            let limit = self.pool.limits().tokens.expect("nobody is sent away without one").get();
            self.news.push((name, News::TooLarge { limit }));
        }
    }

    pub(super) fn next_wait(&mut self) -> Wait {
        self.pool.next_wait(self.now).expect("the first cannot go, or it would have gone")
    }
}

fn of_process(names: &[Name], process: usize, index: Pick) -> Option<&Name> {
    let ours: Vec<_> = names.iter().filter(|name| name.process == process).collect();
    if ours.is_empty() { None } else { Some(*index.of(&ours)) }
}
