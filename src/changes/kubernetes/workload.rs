//! Deployments, StatefulSets and DaemonSets as one thing: a template, and how far its rollout is.

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{DaemonSet, Deployment, StatefulSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use storage::record::MountHow;

use crate::changes::kubernetes::consumers::uses;
use crate::changes::kubernetes::observe::Key;
use crate::changes::kubernetes::template::Template;

/// The number that a Deployment gives each template, the older of them anew after a rollback.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// The number that a DaemonSet gives each template.
const GENERATION: &str = "deprecated.daemonset.template.generation";

/// A workload as far as its rollouts need it.
#[derive(Debug, Clone)]
pub(super) struct Workload {
    pub(super) key: Key,
    /// `Deployment/NAMESPACE/NAME` and the like.
    pub(super) object: String,
    pub(super) uid: String,
    pub(super) created: Option<Timestamp>,
    pub(super) generation: i64,
    pub(super) template: Template,
    /// The Secrets and ConfigMaps that its pods take in.
    pub(super) uses: Vec<(String, MountHow)>,
    /// How many pods are wanted; none where the nodes decide.
    pub(super) replicas: Option<i32>,
    /// Why a new template has no effect for now.
    pub(super) held: Option<String>,
    /// What a person must know of how templates are rolled out here.
    pub(super) remark: Option<String>,
    /// Pods that keep the old template.
    pub(super) partition: i32,
    /// Whether it is about to be deleted.
    pub(super) deleting: bool,
    /// Of the template, where the controller has taken it up already.
    pub(super) revision: Option<String>,
    pub(super) standing: Standing,
    /// Whether pods of an older template are being replaced, or a new one has never been complete.
    pub(super) under_way: bool,
    /// Share of the pods of the new template that are ready, as the status tells; 0 to 1.
    pub(super) share: f64,
    /// Who wrote the template last.
    pub(super) template_by: Written,
    /// Who wrote the number of replicas last.
    pub(super) replicas_by: Written,
}

/// How far the controller is, by the rules of `kubectl rollout status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Pods are missing or not available yet.
    Going,
    /// The controller gave up waiting, at some moment of the cluster's clock.
    Stuck(Option<Timestamp>),
    /// Every pod is new and available, since some moment of the cluster's clock where that is told.
    Done(Option<Timestamp>),
}

/// The newest entry of `managedFields` that owns a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Written {
    /// The manager's name.
    pub(super) by: Option<String>,
    /// By the cluster's clock, in whole seconds.
    pub(super) at: Option<Timestamp>,
}

/// A kind of workload.
pub(super) trait Rolls: Send + 'static {
    /// The kind as the API writes it.
    const KIND: &'static str;
    /// What of it is needed; nothing of an object without a name or a template.
    fn read(self) -> Option<Workload>;
}

impl Rolls for Deployment {
    const KIND: &'static str = "Deployment";

    /// See `rollout_status.go` of kubectl, `DeploymentStatusViewer`.
    fn read(self) -> Option<Workload> {
        let (spec, status) = (self.spec?, self.status.unwrap_or_default());
        let mut workload = common(Self::KIND, self.metadata, &spec.template)?;
        let wanted = spec.replicas.unwrap_or(1);
        let updated = status.updated_replicas.unwrap_or(0);
        let total = status.replicas.unwrap_or(0);
        let observed = status.observed_generation.is_some_and(|observed| observed >= workload.generation);
        let progressing = status.conditions.unwrap_or_default().into_iter().find(|found| found.type_ == "Progressing");
        let updated_at = progressing.as_ref().and_then(|found| found.last_update_time.as_ref()).map(|time| time.0);
        let reason = progressing.and_then(|found| found.reason).unwrap_or_default();
        workload.standing = if !observed {
            Standing::Going
        } else if reason == "ProgressDeadlineExceeded" {
            Standing::Stuck(updated_at)
        } else if updated < wanted || total > updated || status.available_replicas.unwrap_or(0) < updated {
            Standing::Going
        } else {
            Standing::Done(updated_at)
        };
        let new = ["NewReplicaSetCreated", "FoundNewReplicaSet", "ReplicaSetUpdated"];
        workload.under_way = workload.standing == Standing::Going && (!observed || new.contains(&reason.as_str()));
        let ready = status.ready_replicas.unwrap_or(0);
        workload.share = if observed { share(updated, total, ready, wanted) } else { 0.0 };
        workload.replicas = Some(wanted);
        workload.held = spec.paused.unwrap_or(false).then(|| "paused".to_owned());
        workload.revision = workload.revision.filter(|_| observed);
        Some(workload)
    }
}

impl Rolls for StatefulSet {
    const KIND: &'static str = "StatefulSet";

    /// See `rollout_status.go` of kubectl, `StatefulSetStatusViewer`. It refuses `OnDelete`: that is done when every
    /// pod was replaced.
    fn read(self) -> Option<Workload> {
        let (spec, status) = (self.spec?, self.status.unwrap_or_default());
        let mut workload = common(Self::KIND, self.metadata, &spec.template)?;
        let strategy = spec.update_strategy.unwrap_or_default();
        let on_delete = strategy.type_.as_deref() == Some("OnDelete");
        let partition =
            strategy.rolling_update.and_then(|rolling| rolling.partition).filter(|_| !on_delete).unwrap_or(0);
        let wanted = spec.replicas.unwrap_or(1);
        let new = (wanted - partition).max(0);
        let (ready, updated) = (status.ready_replicas.unwrap_or(0), status.updated_replicas.unwrap_or(0));
        let observed = status.observed_generation.is_some_and(|observed| observed >= workload.generation);
        workload.standing =
            if !observed || ready < wanted || updated < new { Standing::Going } else { Standing::Done(None) };
        workload.under_way = workload.standing == Standing::Going && (!observed || updated < new);
        workload.share = if observed { share(updated, status.replicas, ready, new) } else { 0.0 };
        workload.replicas = Some(wanted);
        workload.partition = partition;
        workload.held = (new == 0 && wanted > 0).then(|| format!("partition {partition} holds every pod back"));
        workload.remark = match partition {
            _ if on_delete => Some(ON_DELETE.to_owned()),
            0 => None,
            _ => Some(format!("partition {partition}")),
        };
        workload.revision = status.update_revision.filter(|_| observed);
        Some(workload)
    }
}

impl Rolls for DaemonSet {
    const KIND: &'static str = "DaemonSet";

    /// See `rollout_status.go` of kubectl, `DaemonSetStatusViewer`.
    fn read(self) -> Option<Workload> {
        let (spec, status) = (self.spec?, self.status.unwrap_or_default());
        let mut workload = common(Self::KIND, self.metadata, &spec.template)?;
        let wanted = status.desired_number_scheduled;
        let updated = status.updated_number_scheduled.unwrap_or(0);
        let observed = status.observed_generation.is_some_and(|observed| observed >= workload.generation);
        workload.standing = if !observed || updated < wanted || status.number_available.unwrap_or(0) < wanted {
            Standing::Going
        } else {
            Standing::Done(None)
        };
        workload.under_way = workload.standing == Standing::Going && (!observed || updated < wanted);
        workload.share =
            if observed { share(updated, status.current_number_scheduled, status.number_ready, wanted) } else { 0.0 };
        let on_delete = spec.update_strategy.and_then(|strategy| strategy.type_).as_deref() == Some("OnDelete");
        workload.remark = on_delete.then(|| ON_DELETE.to_owned());
        Some(workload)
    }
}

const ON_DELETE: &str = "takes effect as pods are deleted";

/// What the kinds have in common; the status is filled in by each.
fn common(kind: &str, mut metadata: ObjectMeta, template: &PodTemplateSpec) -> Option<Workload> {
    let key = key(&metadata)?;
    let annotations = metadata.annotations.take().unwrap_or_default();
    let revision = annotations.get(REVISION).or_else(|| annotations.get(GENERATION)).cloned();
    Some(Workload {
        object: format!("{kind}/{}/{}", key.namespace, key.name),
        template_by: written(&metadata, "/f:spec/f:template"),
        replicas_by: written(&metadata, "/f:spec/f:replicas"),
        uid: metadata.uid.unwrap_or_default(),
        created: metadata.creation_timestamp.map(|time| time.0),
        generation: metadata.generation.unwrap_or(0),
        template: Template::of(&key.namespace, template),
        uses: uses(&key.namespace, template),
        key,
        replicas: None,
        held: None,
        remark: None,
        partition: 0,
        deleting: metadata.deletion_timestamp.is_some(),
        revision,
        standing: Standing::Going,
        under_way: false,
        share: 0.0,
    })
}

/// Where an object lies; nothing of one without a name.
pub(super) fn key(metadata: &ObjectMeta) -> Option<Key> {
    Some(Key { namespace: metadata.namespace.clone().unwrap_or_default(), name: metadata.name.clone()? })
}

/// Who wrote the field at a place in `fieldsV1` last.
fn written(metadata: &ObjectMeta, place: &str) -> Written {
    let entries = metadata.managed_fields.iter().flatten();
    let owns = entries.filter(|entry| entry.fields_v1.as_ref().is_some_and(|fields| fields.0.pointer(place).is_some()));
    let newest = owns.max_by_key(|entry| entry.time.as_ref().map(|time| time.0));
    newest.map_or_else(Written::default, |entry| Written {
        by: entry.manager.clone(),
        at: entry.time.as_ref().map(|time| time.0),
    })
}

/// The status does not say how many of the updated pods are ready: those that are not are taken for new ones.
fn share(updated: i32, total: i32, ready: i32, wanted: i32) -> f64 {
    let unready = total.saturating_sub(ready).max(0);
    if wanted <= 0 { 1.0 } else { (f64::from(updated.saturating_sub(unready)) / f64::from(wanted)).clamp(0.0, 1.0) }
}
