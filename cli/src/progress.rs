//! A progress bar in simulated hours, on a terminal only.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// A bar of that many simulated hours; none where stderr is not a terminal.
pub fn bar(hours: u64) -> ProgressBar {
    // Ten times a second is as often as anyone sees.
    let bar = ProgressBar::with_draw_target(Some(hours), ProgressDrawTarget::stderr_with_hz(10));
    let style = ProgressStyle::with_template(
        "{msg} {wide_bar} {human_pos} of {human_len} simulated hours, {eta} left",
    );
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}
