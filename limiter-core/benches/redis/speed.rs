//! What a caller sees: one after the other, and fifty at once; beside a bare `GET` and trypema.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use faults::Server;
use limiter_core::PoolHandle;
use redis::aio::{ConnectionManager, MultiplexedConnection};
use trypema::redis::{RedisKey, RedisRateLimiterProvider};
use trypema::{BucketSize, RateLimit, RateLimiterBuilder, WindowSize};

use crate::{Outcome, unlimited};

const ROUNDS: usize = 20;
const STEPS: usize = 250;
const CALLERS: usize = 50;
const SPELL: Duration = Duration::from_secs(3);

type Trypema = Arc<RedisRateLimiterProvider>;

pub(crate) async fn measure() -> Outcome {
    let server = Server::new();
    let client = redis::Client::open(server.url())?;
    let bare = client.get_multiplexed_async_connection().await?;
    let limiter = unlimited(&server.url()).connect().await?;
    let pool = limiter.pool("pool")?;
    let trypema = trypema(client.get_connection_manager().await?)?;
    let key = RedisKey::try_from("pool".to_owned())?;
    let rate = RateLimit::per_second_or_panic(1e9);

    let (mut get, mut acquire, mut inc) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        one_caller_gets(bare.clone(), &mut get).await?;
        one_caller_acquires(&pool, &mut acquire).await?;
        for _ in 0..STEPS {
            let begin = Instant::now();
            trypema.absolute().inc(&key, &rate, 1).await?;
            inc.push(begin.elapsed());
        }
    }
    println!("one caller, {} steps each in turns of {STEPS} (us)", ROUNDS * STEPS);
    let floor = median(&mut get);
    for (name, mut times) in
        [("GET", get), ("acquire, three dimensions", acquire), ("trypema, one dimension", inc)]
    {
        let p50 = median(&mut times);
        println!("  {name:<28} p50 {:>8.1}   {:.2} of GET", micros(p50), micros(p50) / micros(floor));
    }

    println!("{CALLERS} callers for {} s each", SPELL.as_secs());
    let ours = many_callers(pool).await?;
    println!("  {:<28} {ours:>8.0} a second", "acquire and release");
    let theirs = many_callers_of_trypema(trypema, key, rate).await;
    println!("  {:<28} {theirs:>8.0} a second   {:.2} of ours\n", "trypema, inc", theirs / ours);
    Ok(())
}

fn trypema(connection: ConnectionManager) -> Outcome<Trypema> {
    Ok(RedisRateLimiterProvider::builder(connection)
        .window_size(WindowSize::seconds_or_panic(1))
        .bucket_size(BucketSize::milliseconds_or_panic(10))
        .build()?)
}

async fn one_caller_gets(mut bare: MultiplexedConnection, times: &mut Vec<Duration>) -> Outcome {
    for _ in 0..STEPS {
        let begin = Instant::now();
        let _: Option<String> = redis::cmd("GET").arg("nothing").query_async(&mut bare).await?;
        times.push(begin.elapsed());
    }
    Ok(())
}

async fn one_caller_acquires(pool: &PoolHandle, times: &mut Vec<Duration>) -> Outcome {
    for _ in 0..STEPS {
        let begin = Instant::now();
        let permit = pool.acquire().tokens(1_000).await?;
        times.push(begin.elapsed());
        permit.complete(Some(900));
    }
    Ok(())
}

async fn many_callers(pool: PoolHandle) -> Outcome<f64> {
    let begin = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let mut pairs = 0_u64;
                while begin.elapsed() < SPELL {
                    pool.acquire().tokens(1_000).await?.complete(Some(900));
                    pairs += 1;
                }
                Ok::<_, limiter_core::AcquireError>(pairs)
            })
        })
        .collect();
    let mut pairs = 0;
    for caller in callers {
        pairs += caller.await??;
    }
    Ok(pairs as f64 / begin.elapsed().as_secs_f64())
}

async fn many_callers_of_trypema(trypema: Trypema, key: RedisKey, rate: RateLimit) -> f64 {
    let begin = Instant::now();
    let count = Arc::new(AtomicU64::new(0));
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let (trypema, key, rate, count) = (Arc::clone(&trypema), key.clone(), rate, Arc::clone(&count));
            tokio::spawn(async move {
                while begin.elapsed() < SPELL && trypema.absolute().inc(&key, &rate, 1).await.is_ok() {
                    count.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for caller in callers {
        // A caller that panicked counts for what it did until then.
        let _ = caller.await;
    }
    count.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64()
}

fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
