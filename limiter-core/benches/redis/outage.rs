//! Four processes at work while their store is killed, and ten seconds later started anew without its data.

use std::time::{Duration, Instant};

use faults::{Data, Server};
use limiter_core::Limiter;

use crate::{Outcome, again};

const PROCESSES: usize = 4;
const OUTAGE: Duration = Duration::from_secs(10);

pub(crate) fn measure() -> Outcome {
    let server = Server::new();
    let mut processes =
        (0..PROCESSES).map(|_| again("outage-process", &server.url())).collect::<Outcome<Vec<_>>>()?;
    joined(&server);
    server.kill9();
    std::thread::sleep(OUTAGE);
    server.restart(Data::Lost);
    let begin = Instant::now();
    joined(&server);
    println!("{PROCESSES} processes after an outage of {} s, the data lost", OUTAGE.as_secs());
    println!("  all joined again           {:>8.2} s after Redis answered\n", begin.elapsed().as_secs_f64());
    for process in &mut processes {
        process.kill()?;
        process.wait()?;
    }
    Ok(())
}

fn joined(server: &Server) {
    faults::wait_until("all processes take part", || {
        server.cli::<usize>(&["ZCARD", "ratepilot:{pool}:processes"]).is_ok_and(|count| count == PROCESSES)
    });
}

/// One of the processes: twenty calls a second, for ever.
pub(crate) async fn process(url: &str) -> Outcome {
    let limiter = Limiter::redis(url).max_calls(1_000).connect().await?;
    loop {
        drop(limiter.acquire("pool").await?);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
