//! Judges what was recorded and words it: objectives, incidents, timelines.

pub mod alerts;
pub mod cause;
pub mod condense;
pub mod cost;
pub mod detect;
pub mod digest;
pub mod episode;
pub mod formats;
pub mod gaps;
pub mod incident;
pub mod input;
pub mod interval;
pub mod link;
mod load;
pub mod period;
pub mod plan;
pub mod report;
pub mod said;
pub mod series;
pub mod settings;
pub mod slo;
pub mod slots;
pub mod slow;
pub mod stretches;
pub mod tally;
pub mod timeline;
pub mod wording;
