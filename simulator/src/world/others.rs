//! Others on the same account, of whom the clients know nothing.

use limiter_core::{Micros, Time};

use super::send::provider_chance;
use super::{Event, World};
use crate::arrivals::Gaps;
use crate::attempt::Recorder;
use crate::provider::Offer;
use crate::stream::{Subsystem, log_normal};

impl<R: Recorder> World<'_, R> {
    pub(super) fn schedule_other(&mut self) {
        if let Some(at) = self.others.as_ref().and_then(Gaps::next_at) {
            self.queue.schedule(at, Event::Other);
        }
    }

    /// Somebody else on the account calls: as our callers do, but without a limiter and without a retry.
    pub(super) fn other(&mut self) {
        let Some(number) = self.others.as_mut().and_then(Gaps::take) else { return };
        let arrivals = &self.scenario.arrivals;
        let mut chance = self.streams.tied(Subsystem::Foreign, number, 1);
        let mut tokens = |distribution| log_normal(distribution, &mut chance).round().max(1.0) as u32;
        let (input, output) = (tokens(&arrivals.input_tokens), tokens(&arrivals.output_tokens));
        let service = self.scenario.provider.latency.of(output, &mut chance);
        let offer = Offer {
            tokens: u64::from(input) + u64::from(output),
            service: Micros::from_secs_f64(service),
            hangs_up: Time::MAX,
            foreign: true,
            chance: provider_chance(self.scenario, &self.streams, Subsystem::Foreign, number, 2),
        };
        self.account.offer(&offer, self.now);
        self.schedule_other();
    }
}
