//! What people and machines do to the world, with what the feeds write about it.

use storage::record::{Change, ChangeKind, Gap, Known, Mount, MountHow, Operation, SecretRole};

use crate::scene::{Scene, moment};
use crate::world::secret::Mounting;
use crate::world::service::{Build, Service};
use crate::world::target::{Issuer, Key};

/// A Secret of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Object {
    /// What tokens are signed with.
    Signing,
    /// The list of API keys.
    ApiKeys,
    /// The database password.
    Password,
    /// The certificate.
    Certificate,
}

/// Which of a target's services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The API.
    Api,
    /// The issuer of its tokens.
    Issuer,
}

/// How new pods come up.
#[derive(Debug, Clone)]
pub struct Rollout {
    /// When it begins.
    pub at: f64,
    /// How long it takes, in seconds.
    pub takes: f64,
    /// What it brings.
    pub build: Build,
    /// Share of the replicas that it replaces; the rest keep the old program.
    pub share: f64,
    /// Secrets that the new template names.
    pub secret_refs: Vec<String>,
    /// The rollout that it undoes.
    pub reverts: Option<String>,
}

impl Rollout {
    /// A rollout of all replicas.
    #[must_use]
    pub fn new(at: f64, takes: f64, build: Build) -> Rollout {
        Rollout { at, takes, build, share: 1.0, secret_refs: Vec::new(), reverts: None }
    }
}

impl Scene {
    /// The name of a Secret: `Secret/NAMESPACE/NAME`.
    #[must_use]
    pub fn secret_name(&self, target: usize, object: Object) -> String {
        let is = &self.world.targets[target];
        let name = match object {
            Object::Signing => is.signing_name.clone(),
            Object::ApiKeys => format!("{}-api-keys", is.name),
            Object::Password => format!("{}-db", is.name),
            Object::Certificate => format!("{}-tls", is.name),
        };
        format!("Secret/{}/{name}", is.namespace)
    }

    /// A Secret gets another content; the id of the change.
    pub fn write_secret(&mut self, target: usize, object: Object, at: f64, content: u32) -> String {
        let is = &mut self.world.targets[target];
        match object {
            Object::Signing => is.signing.set(at, content),
            Object::ApiKeys => is.api_keys.set(at, content),
            Object::Password => is.password.set(at, content),
            Object::Certificate => is.certificate.set(at, content),
        }
        let change = self.secret_change(target, object, at, true);
        self.record(change)
    }

    /// A Secret is written again with the content that it had before a change.
    pub fn restore_secret(&mut self, target: usize, object: Object, at: f64, content: u32, undone: &str) -> String {
        let id = self.write_secret(target, object, at, content);
        let told = self.dice.chance(0.7);
        if let Some(change) = self.changes.iter_mut().find(|change| change.id == id && told) {
            change.reverts = Some(undone.to_owned());
        }
        id
    }

    /// A Secret is written without its content changing, and the feed knows it.
    pub fn touch_secret(&mut self, target: usize, object: Object, at: f64) -> String {
        let change = self.secret_change(target, object, at, false);
        self.record(change)
    }

    /// What the feed writes about a Secret.
    pub fn secret_change(&mut self, target: usize, object: Object, at: f64, data: bool) -> Change {
        let name = self.secret_name(target, object);
        let mut change = self.observed(at, ChangeKind::Secret, name, Some(target));
        let is = &self.world.targets[target];
        let mounting = if object == Object::Signing { is.service.signing } else { is.service.others };
        if self.feed.mounts {
            change.mounts.push(Mount { workload: is.service.workload.clone(), how: mounting.how });
        }
        let role = match object {
            Object::Signing => SecretRole::JwtSigning,
            Object::ApiKeys => SecretRole::ApiKeys,
            Object::Password => SecretRole::Password,
            Object::Certificate => SecretRole::Tls,
        };
        change.secret_role = self.feed.roles.then_some(role);
        change.data_changed = Some(match (data, self.feed.data) {
            (false, _) => Known::No,
            (true, true) => Known::Yes,
            (true, false) => Known::Unknown,
        });
        change.operation = Some(Operation::Updated);
        change.actor =
            Some(self.dice.pick(&["external-secrets", "argocd", "kubectl-edit", "helm", "vault-agent"]).into());
        if data {
            change.keys = vec![self.dice.pick(&["secret", "hs256", "value", "key"]).into()];
        }
        change.summary = if data { "data changed" } else { "metadata changed" }.into();
        change
    }

    /// How the API takes its signing secret in.
    pub fn mount_signing(&mut self, target: usize, mounting: Mounting) {
        self.world.targets[target].service.signing = mounting;
    }

    /// How the API takes its other objects in.
    pub fn mount_others(&mut self, target: usize, mounting: Mounting) {
        self.world.targets[target].service.others = mounting;
    }

    /// A service of a target.
    pub fn service(&mut self, target: usize, part: Part) -> &mut Service {
        let is = &mut self.world.targets[target];
        match (&mut is.issuer, part) {
            (Issuer::Apart(service, _), Part::Issuer) => service,
            _ => &mut is.service,
        }
    }

    /// Another program is rolled out; the id of the change.
    pub fn roll_out(&mut self, target: usize, part: Part, rollout: Rollout) -> String {
        let Rollout { at, takes, build, share, secret_refs, reverts } = rollout;
        let first = self.dice.between(0.1, 0.5);
        let service = self.service(target, part);
        service.builds.push(build);
        let number = service.builds.len() - 1;
        let count = service.replicas.len();
        let replaced = ((count as f64 * share).ceil() as usize).clamp(1, count);
        let mut ready = Vec::new();
        for place in 0..replaced {
            // The first new pod needs its time to start; the others follow.
            let done = at + takes * (first + (1.0 - first) * (place + 1) as f64 / replaced as f64);
            service.replicas[place].start(done, number);
            ready.push((done, (place + 1) as f64 / count as f64));
        }
        let workload = service.workload.clone();
        let zero = self.zero;
        let told = self.dice.chance(0.85);
        let revision = self.dice.below(400) + 2;
        let mut change = self.observed(at, ChangeKind::Rollout, workload, Some(target));
        change.until = (share >= 1.0).then(|| self.at(at + takes));
        if told {
            change.progress = ready.into_iter().map(|(when, share)| (moment(zero, when), share)).collect();
        }
        change.secret_refs = secret_refs;
        change.reverts = reverts;
        change.revision = Some(revision.to_string());
        change.actor = Some(self.dice.pick(&["argocd", "helm", "kubectl", "ci"]).into());
        change.summary = format!("image v{}.{}", revision / 10, revision % 10);
        self.record(change)
    }

    /// How long a rollout takes.
    pub fn rollout_takes(&mut self) -> f64 {
        self.dice.lognormal(110.0, 0.7).clamp(20.0, 1200.0)
    }

    /// The program before a rollout comes back; the id of the change.
    pub fn roll_back(&mut self, target: usize, part: Part, at: f64, undone: &str) -> String {
        let takes = self.rollout_takes().min(240.0);
        let told = self.dice.chance(0.8).then(|| undone.to_owned());
        let back = Rollout { reverts: told, ..Rollout::new(at, takes, Build::default()) };
        self.roll_out(target, part, back)
    }

    /// A pod is started again, or is replaced by one like it; the id of the change.
    pub fn restart(&mut self, target: usize, replicas: &[usize], at: f64) -> String {
        let service = &mut self.world.targets[target].service;
        for replica in replicas {
            let build = service.replicas[*replica].boot(at).build;
            service.replicas[*replica].start(at, build);
        }
        let workload = service.workload.clone();
        let is = &self.world.targets[target];
        let pod = format!("Pod/{}/{}-{:05x}", is.namespace, is.name, self.dice.below(0xf_ffff));
        let object = if replicas.len() == 1 { pod } else { workload.clone() };
        let mut change = self.observed(at, ChangeKind::Restart, object, Some(target));
        change.workload = Some(workload);
        change.summary = self.dice.pick(&["container restarted", "evicted", "node drained", "OOMKilled"]).into();
        if replicas.len() > 1 {
            let takes = self.dice.between(5.0, 60.0);
            change.until = Some(self.at(at + takes));
        }
        self.record(change)
    }

    /// Pods join; the id of the change.
    pub fn scale_out(&mut self, target: usize, more: usize, at: f64) -> String {
        let mut pods: Vec<_> = (0..more).map(|_| crate::world::service::Replica::new(&mut self.dice)).collect();
        let service = &mut self.world.targets[target].service;
        let build = service.replicas[0].boot(at).build;
        for pod in &mut pods {
            pod.since = at;
            pod.start(at, build);
        }
        service.replicas.extend(pods);
        let (workload, count) = (service.workload.clone(), service.replicas.len());
        let mut change = self.observed(at, ChangeKind::Scale, workload.clone(), Some(target));
        change.workload = Some(workload);
        change.summary = format!("{} -> {count} replicas", count - more);
        change.actor = Some("horizontal-pod-autoscaler".into());
        self.record(change)
    }

    /// The configuration of a target gets another content; the id of the change.
    pub fn write_config(&mut self, target: usize, at: f64, content: u32) -> String {
        let is = &mut self.world.targets[target];
        is.config.set(at, content);
        let (namespace, name) = (is.namespace.clone(), is.name.clone());
        let mount = Mount { workload: is.service.workload.clone(), how: is.service.others.how };
        let mut change =
            self.observed(at, ChangeKind::Configmap, format!("ConfigMap/{namespace}/{name}-config"), Some(target));
        // Nothing but the mount links a ConfigMap where no target is named.
        change.mounts = vec![mount];
        change.data_changed = Some(Known::Yes);
        change.keys = vec!["auth.yaml".into()];
        change.actor = Some(self.dice.pick(&["argocd", "helm"]).into());
        change.summary = "key auth.yaml changed".into();
        self.record(change)
    }

    /// A key set changes; the id of the change.
    pub fn key_set(&mut self, idp: usize, kind: ChangeKind, at: f64, keys: Vec<Key>, targets: &[usize]) -> String {
        self.world.idps[idp].keys.set(at, keys);
        let mut change = self.polled(at, kind, "https://idp.example.com/.well-known/jwks.json".into(), targets, "jwks");
        change.summary = kind.as_str().replace('_', " ");
        self.record(change)
    }

    /// The identity provider signs with another key; the id of the change.
    pub fn signing_switch(&mut self, idp: usize, at: f64, key: Key, targets: &[usize]) -> String {
        self.world.idps[idp].signing.set(at, key);
        let mut change = self.polled(
            at,
            ChangeKind::SigningSwitch,
            "https://idp.example.com/.well-known/jwks.json".into(),
            targets,
            "jwks",
        );
        change.summary = format!("tokens carry kid {}", key.kid);
        self.record(change)
    }

    /// A row of the database; `own` says whether it concerns the prober. The id of the change.
    pub fn row(&mut self, kind: ChangeKind, at: f64, target: usize, own: bool, what: &str) -> String {
        let row = if own { "prober".to_owned() } else { format!("row-{}", self.dice.below(9000)) };
        let object = format!("{}/{row}", if kind == ChangeKind::Rbac { "user_role" } else { "api_key" });
        let mut change = self.polled(at, kind, object, &[target], "postgres");
        let known = if own { Known::Yes } else { Known::No };
        change.touches_probe = self.feed.touches.then_some(known);
        change.summary = what.to_owned();
        self.record(change)
    }

    /// Something reaches its end; the id of the change.
    pub fn expiry(&mut self, at: f64, target: usize, object: &str) -> String {
        let mut change = self.observed(at, ChangeKind::Expiry, object.to_owned(), Some(target));
        change.targets = vec![self.world.targets[target].name.clone()];
        change.source = "certificates".into();
        change.known_at = Some(self.at(at - 86_400.0));
        change.summary = "reaches its end".into();
        self.record(change)
    }

    /// A feed was blind.
    pub fn blind(&mut self, feed: &str, from: f64, until: f64) {
        let gap = Gap { feed: feed.into(), from: self.at(from), until: self.at(until), why: "connection lost".into() };
        self.gaps.push(gap);
    }

    /// An object of which nobody knows who mounts it.
    pub fn unknown_mount(&mut self, id: &str) {
        for change in self.changes.iter_mut().filter(|change| change.id == id) {
            for mount in &mut change.mounts {
                mount.how = MountHow::Unknown;
            }
        }
    }
}
