//! The numbers that the limiter hands to the facade `metrics`; needs the feature of that name.

use std::time::Duration;

use limiter_core::{Limiter, Request};
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

#[test]
fn grants_waits_and_denials_are_counted_by_pool_and_dimension() {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    metrics::with_local_recorder(&recorder, || {
        runtime.expect("a runtime").block_on(async {
            let limiter = Limiter::memory().max_concurrency(1).build().expect("in range");
            let held = limiter.acquire("glm").await.expect("free");
            assert!(limiter.try_acquire("glm", Request::default()).await.is_err());
            assert!(limiter.acquire("glm").timeout(Duration::from_secs(2)).await.is_err());
            drop(held);
        });
    });
    let mut told: Vec<String> = snapshotter
        .snapshot()
        .into_vec()
        .into_iter()
        .map(|(key, _, _, value)| {
            let labels: Vec<_> =
                key.key().labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
            let value = match value {
                DebugValue::Counter(count) => count.to_string(),
                DebugValue::Gauge(gauge) => gauge.to_string(),
                DebugValue::Histogram(values) => format!("{values:?}"),
            };
            format!("{}{{{}}} {value}", key.key().name(), labels.join(","))
        })
        .collect();
    told.sort_unstable();
    assert_eq!(
        told,
        [
            "ratepilot_denials_total{pool=glm,dimension=concurrency} 2",
            "ratepilot_grants_total{pool=glm} 1",
            "ratepilot_timeouts_total{pool=glm,dimension=concurrency} 1",
            "ratepilot_wait_seconds{pool=glm} [0.0]",
        ]
    );
}
