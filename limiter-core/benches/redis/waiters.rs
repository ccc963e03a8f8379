//! A thousand waiters over four processes on a pool of fifty a minute: what they cost while they wait.

use std::io::{BufRead, BufReader, Read};
use std::time::{Duration, Instant};

use faults::Server;
use limiter_core::Limiter;

use crate::{Outcome, again};

const PROCESSES: usize = 4;
const WAITERS: usize = 250;
const CALLS: u64 = 50;
const SPELL: Duration = Duration::from_secs(65);

pub(crate) fn measure() -> Outcome {
    let server = Server::new();
    let mut processes =
        (0..PROCESSES).map(|_| again("waiters-process", &server.url())).collect::<Outcome<Vec<_>>>()?;
    // Each says when its waiters stand in the queue.
    let mut outputs = Vec::new();
    for process in &mut processes {
        let mut output = BufReader::new(process.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        outputs.push((line.trim().parse::<u64>()?, output));
    }
    let before = server.commands_run();
    let begin = Instant::now();
    std::thread::sleep(SPELL);
    let commands = (server.commands_run() - before) as f64 / begin.elapsed().as_secs_f64();

    let mut granted: Vec<(u64, u64)> = Vec::new();
    let mut memory = 0;
    let mut cpu = 0.0;
    for (process, (bytes, mut output)) in processes.iter_mut().zip(outputs) {
        drop(process.stdin.take());
        let mut rest = String::new();
        output.read_to_string(&mut rest)?;
        process.wait()?;
        memory += bytes;
        for line in rest.lines() {
            match line.split_once(' ') {
                Some(("cpu", seconds)) => cpu += seconds.parse::<f64>()?,
                Some((asked, at)) => granted.push((at.parse()?, asked.parse()?)),
                None => return Err(format!("not understood: {line}").into()),
            }
        }
    }
    granted.sort_unstable();
    let overtaken = granted.windows(2).filter(|pair| pair[1].1 < pair[0].1).count();
    let waiters = PROCESSES * WAITERS;
    println!("{waiters} waiters over {PROCESSES} processes on {CALLS} a minute, for {} s", SPELL.as_secs());
    println!("  granted                    {:>8}", granted.len());
    println!(
        "  served before one who came earlier {overtaken:>2}   (came: by each process's clock, when it asked)"
    );
    println!("  Redis commands a second    {commands:>8.1}   (those within scripts counted, too)");
    println!("  memory a waiter            {:>8} bytes, its task included", memory / waiters as u64);
    println!(
        "  CPU a waiter               {:>8.1} us a second\n",
        cpu * 1e6 / waiters as f64 / SPELL.as_secs_f64()
    );
    Ok(())
}

/// One of the processes: asks, says so, waits, and at the end of its input says what it was granted.
pub(crate) async fn process(url: &str) -> Outcome {
    let limiter = Limiter::redis(url).max_calls(CALLS).period(Duration::from_secs(60)).connect().await?;
    let pool = limiter.pool("pool")?;
    drop(pool.try_acquire(limiter_core::Request::default()).await);
    let before = resident()?;
    let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
    for _ in 0..WAITERS {
        let (pool, tell) = (pool.clone(), tell.clone());
        tokio::spawn(async move {
            let asked = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            if let Ok(permit) = pool.acquire().await {
                let asked = asked.map_or(0, |asked| asked.as_micros());
                let _ = tell.send((asked, permit.granted_at().as_micros()));
            }
        });
        // A few at a time, so that the order of asking is that of arriving.
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    while pool.peek().await?.waiting < PROCESSES * WAITERS - 60 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    println!("{}", resident()?.saturating_sub(before));
    let cpu = cpu_seconds()?;
    tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await??;
    println!("cpu {}", cpu_seconds()? - cpu);
    while let Ok((asked, at)) = told.try_recv() {
        println!("{asked} {at}");
    }
    std::process::exit(0);
}

/// Bytes of this process in memory.
fn resident() -> Outcome<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse::<u64>()? * 1024)
}

/// CPU time of this process so far; a tick of Linux is 10 ms.
fn cpu_seconds() -> Outcome<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields = stat.rsplit_once(") ").ok_or("no fields")?.1;
    let ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(ticks as f64 / 100.0)
}
