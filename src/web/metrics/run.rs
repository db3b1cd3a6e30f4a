//! The metrics of one run that was asked for.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use storage::record::{Outcome, ProbeResult, Reason};

use crate::tally::results::Newest;
use crate::web::metrics::page::Page;
use crate::web::metrics::series::newest;

/// The results of a run.
#[derive(Debug)]
pub(super) struct Run(pub(super) Vec<ProbeResult>);

impl Collector for Run {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let page = &mut Page(encoder);
        let seen: Vec<_> = self.0.iter().map(|result| (labels(result), of(result))).collect();
        newest(page, &seen)?;
        let help = "How each probe of this run ended, and why";
        let rows = self.0.iter().map(|result| {
            let [target, probe, agent] = labels(result);
            let reason = result.reason.map_or("", Reason::as_str);
            ([target, probe, agent, ("outcome", result.outcome.as_str()), ("reason", reason)], 1.0)
        });
        page.gauges("authprobe_probe_info", help, rows)
    }
}

/// What the run says of a probe: what was not executed did not succeed.
fn of(result: &ProbeResult) -> Newest {
    Newest {
        time: result.time,
        success: result.outcome == Outcome::Success,
        status: result.status,
        took_us: result.took_us,
        phases: result.phases_us,
    }
}

fn labels(result: &ProbeResult) -> [(&'static str, &str); 3] {
    [("target", &result.target), ("probe", &result.probe), ("agent", &result.agent)]
}
