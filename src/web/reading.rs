//! What pages and the reading half of the API are made from.

use std::path::Path;
use std::sync::Arc;

use reports::settings::Settings as Judging;
use tokio_util::sync::CancellationToken;

use crate::config::TargetConfig;
use crate::web::Settings;
use crate::web::access::Access;
use crate::web::desk::Desk;
use crate::web::kept::Shared;
use crate::web::tail::Tail;
use crate::web::watched::Watched;

/// What pages and the reading half of the API are made from.
pub(crate) struct Reading {
    /// Answers questions about the store.
    pub(super) desk: Desk,
    /// Hands out new results.
    pub(super) tail: Tail,
    /// Knows who may read.
    pub(super) access: Access,
}

impl Reading {
    /// Everything for one store, until `stop`.
    pub(crate) fn start(
        store: &Path,
        judging: Arc<Judging>,
        targets: &[TargetConfig],
        web: &Settings,
        kept: Arc<Shared>,
        stop: CancellationToken,
    ) -> Self {
        let (tail, looking) = Tail::new(store);
        tokio::spawn(async move { stop.run_until_cancelled(looking).await });
        let desk = Desk::new(store, judging, targets.iter().map(Watched::of).collect(), kept);
        Self { desk, tail, access: Access::new(web.reach()) }
    }
}
