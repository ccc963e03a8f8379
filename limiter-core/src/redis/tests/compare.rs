//! What the store has said, beside what it should have.

use super::stage::Said;
use super::twins::{LEASE, Name, Twins};
use crate::redis::reply::{Alarm, News, Outcome, Reply};
use crate::redis::script::{Arguments, Script};

impl Twins<'_> {
    /// Runs a script as a process that takes part, and compares all that is not the script's own.
    pub(super) fn run(
        &mut self,
        process: usize,
        script: &Script,
        add: impl FnOnce(&mut Arguments),
    ) -> Outcome {
        let known = self.members[process].known;
        let said = self.ask(process, script, |arguments| add(arguments.signed(known)));
        self.compare(process, said)
    }

    pub(super) fn ask(&mut self, process: usize, script: &Script, add: impl FnOnce(&mut Arguments)) -> Said {
        self.stage.clock = self.now;
        self.stage.run(script, &process.to_string(), LEASE, add)
    }

    pub(super) fn compare(&mut self, process: usize, said: Said) -> Outcome {
        let Reply::Answer(answer) = said.reply else { panic!("{:?}", said.reply) };
        assert_eq!(answer.now, self.now, "the time");
        let limits = *self.pool.limits();
        let unknown = self.members[process].known != limits.version as i64;
        assert_eq!(answer.limits.map(|told| told.limits), unknown.then_some(limits), "the limits");
        self.members[process].known = limits.version as i64;
        self.members[process].alarm = answer.alarm;

        let mut news: Vec<_> =
            answer.news.into_iter().map(|(number, news)| (Name { process, number }, news)).collect();
        for (whose, number, message) in said.messages {
            let name = Name { process: whose.parse().expect("a name of ours"), number };
            assert_ne!(name.process, process, "the caller hears by the answer");
            let member = &mut self.members[name.process];
            match message {
                News::Heads { now, alarm } => {
                    assert_eq!(now, self.now);
                    member.alarm = alarm;
                }
                message => {
                    member.told += 1;
                    news.push((name, message));
                }
            }
        }
        // In which order they went can be seen by what they saw.
        let mut expected = std::mem::take(&mut self.news);
        news.sort_by_key(|(name, _)| *name);
        expected.sort_by_key(|(name, _)| *name);
        assert_eq!(news, expected, "who was let through or sent away");
        self.check_alarm();
        answer.outcome
    }

    /// Somebody has to wake for the head of the queue: its process, and no later than it can go.
    fn check_alarm(&mut self) {
        let Some(first) = self.pool.first().and_then(|first| self.pool.waiter_mut(first).copied()) else {
            return;
        };
        let due = self.next_wait().until;
        let alarm = self.members[first.process].alarm;
        let wakes = match (alarm, due) {
            (Alarm::At(alarm), Some(due)) => alarm <= due,
            (Alarm::Open | Alarm::At(_), None) => true,
            (Alarm::Open, Some(_)) | (Alarm::NotMine, _) => false,
        };
        assert!(wakes, "{first:?} heads the queue, is due at {due:?}, and its process waits for {alarm:?}");
    }
}
