//! How much may be sent: what became of calls goes in, new limits come out.
//!
//! Everything here is pure: time is an argument, nothing is read from the world, and nothing is drawn at random.
//! The simulator turns a [`ControlLoop`] in virtual time, a live service turns the same one in real time.

mod adjustment;
mod control_loop;
mod controller;
mod hint;
mod outcome;
mod settings;

pub use adjustment::{Adjustment, Reason, UnknownReason};
pub use control_loop::ControlLoop;
pub use controller::{
    Aimd, AimdSettings, AnyController, AwsCubic, ConcurrencyRange, Controller, Fixed, Inspect, Kind,
    NetflixAimd, NetflixAimdSettings, NetflixGradient, Predictive, UnknownController,
};
pub use hint::{Hint, Stated};
pub use outcome::{Feedback, Outcome, Signal};
pub use settings::{Bounds, ControllerSettings, InvalidSetting, LimiterSettings, Settings};
