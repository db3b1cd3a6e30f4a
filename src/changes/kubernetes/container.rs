//! Containers: started again, or in a crash loop.

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ContainerStatus;

use crate::changes::kubernetes::pod::WORDS;

/// A container that ran for so long has recovered: the kubelet's own rule for its back-off.
const RECOVERED: SignedDuration = SignedDuration::from_mins(10);

/// What is known of a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Seen {
    restarts: i32,
    /// In a crash loop, which was told; its single restarts are not.
    looping: bool,
}

/// What is new of a container.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct News {
    pub(super) summary: String,
    /// When it was started, or ended last; by the cluster's clock.
    pub(super) moment: Option<Timestamp>,
}

impl Seen {
    /// A container that was not known: what it went through before is no news.
    pub(super) fn first(container: &ContainerStatus) -> Self {
        Self { restarts: container.restart_count, looping: loops(container) }
    }

    /// What is known of it from now on, and what is new.
    pub(super) fn see(self, container: &ContainerStatus) -> (Self, Option<News>) {
        let name = &container.name;
        let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
        let finished = last.and_then(|last| last.finished_at.as_ref()).map(|time| time.0);
        let ran = last.and_then(|last| Some(finished?.duration_since(last.started_at.as_ref()?.0)));
        let still = self.looping && ran.is_none_or(|ran| ran < RECOVERED);
        let more = container.restart_count.saturating_sub(self.restarts);
        let why = last.map_or_else(String::new, |last| {
            let reason: String = last.reason.iter().flat_map(|reason| reason.chars()).take(WORDS).collect();
            format!(": {reason}, exit code {}", last.exit_code)
        });
        let seen = |looping| Self { restarts: container.restart_count.max(self.restarts), looping };
        if !still && loops(container) {
            let summary = format!("container {name} is in a crash loop{why}");
            return (seen(true), Some(News { summary, moment: finished }));
        }
        let summary = match more {
            _ if still || more <= 0 => return (seen(still), None),
            1 => format!("container {name} restarted{why}"),
            _ => format!("container {name} restarted {more} times{why}"),
        };
        (seen(still), Some(News { summary, moment: started(container).or(finished) }))
    }
}

fn loops(container: &ContainerStatus) -> bool {
    let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
    waiting.and_then(|waiting| waiting.reason.as_deref()) == Some("CrashLoopBackOff")
}

fn started(container: &ContainerStatus) -> Option<Timestamp> {
    Some(container.state.as_ref()?.running.as_ref()?.started_at.as_ref()?.0)
}
