//! Pods behind a load balancer: what each runs, since when, and when its files are renewed.

use storage::record::Reason;

use crate::dice::Dice;
use crate::world::prober::Role;
use crate::world::secret::Mounting;
use crate::world::steps::Steps;

/// A workload.
#[derive(Debug, Clone)]
pub struct Service {
    /// `Deployment/NAMESPACE/NAME`.
    pub workload: String,
    /// Its pods.
    pub replicas: Vec<Replica>,
    /// The programs that ever ran.
    pub builds: Vec<Build>,
    /// How the signing secret is taken in.
    pub signing: Mounting,
    /// How the other objects are.
    pub others: Mounting,
    /// How long a key set is kept, in seconds.
    pub key_set_ttl: f64,
    /// Whether an unknown key makes it fetch the key set, at most every 30 s.
    pub refetches: bool,
    /// How long an API key row is kept, in seconds.
    pub key_ttl: f64,
    /// How long roles are kept, in seconds.
    pub role_ttl: f64,
}

/// A pod, or the place of one.
#[derive(Debug, Clone)]
pub struct Replica {
    boots: Vec<Boot>,
    /// Stretches in which it does not answer.
    pub down: Vec<(f64, f64)>,
    /// From when on it gets requests.
    pub since: f64,
    /// Seconds by which its clock is ahead.
    pub skew: Steps<f64>,
    sync: f64,
    phase: f64,
    reload: f64,
}

/// A start of the process.
#[derive(Debug, Clone, Copy)]
pub struct Boot {
    /// When.
    pub at: f64,
    /// Which program, by its number in the service.
    pub build: usize,
}

/// A program.
#[derive(Debug, Clone, Default)]
pub struct Build {
    /// What is wrong with it.
    pub bugs: Vec<Bug>,
    /// The signing material that its template names, in place of the secret's.
    pub signing: Option<u32>,
    /// The configuration that its template carries, in place of the object's.
    pub config: Option<u32>,
}

/// Something that is wrong with a program.
#[derive(Debug, Clone)]
pub struct Bug {
    /// Which requests suffer.
    pub roles: Vec<Role>,
    /// How they fail; [`Reason::Slow`] makes them slow.
    pub reason: Reason,
    /// Seconds after the start.
    pub after: f64,
    /// Share of the requests.
    pub share: f64,
}

impl Service {
    /// A service of so many replicas.
    pub fn new(workload: String, count: usize, dice: &mut Dice) -> Service {
        Service {
            workload,
            replicas: (0..count.max(1)).map(|_| Replica::new(dice)).collect(),
            builds: vec![Build::default()],
            signing: Mounting::LIVE,
            others: Mounting::LIVE,
            key_set_ttl: dice.lognormal(400.0, 1.0).clamp(10.0, 3600.0),
            refetches: false,
            key_ttl: dice.weibull(40.0, 0.9).clamp(0.0, 600.0),
            role_ttl: dice.weibull(60.0, 0.8).clamp(0.0, 1800.0),
        }
    }

    /// Numbers of the replicas that get requests at a moment; never empty.
    #[must_use]
    pub fn serving(&self, at: f64) -> Vec<usize> {
        let serving = self.replicas.iter().enumerate().filter(|(_, replica)| replica.since <= at);
        serving.map(|(number, _)| number).collect()
    }

    /// Lets the programs look for a changed file only so often, each in its own time.
    pub fn read_again_after(&mut self, longest: f64, dice: &mut Dice) {
        for replica in &mut self.replicas {
            replica.reload = dice.between(0.0, longest);
        }
    }

    /// The program that a replica runs at a moment.
    #[must_use]
    pub fn build(&self, replica: usize, at: f64) -> &Build {
        &self.builds[self.replicas[replica].boot(at).build]
    }
}

impl Replica {
    /// A pod that has run for long.
    pub fn new(dice: &mut Dice) -> Replica {
        // The kubelet syncs a pod every 60 to 90 s; the program notices with a delay of its own.
        let sync = dice.between(60.0, 90.0);
        Replica {
            boots: vec![Boot { at: f64::NEG_INFINITY, build: 0 }],
            down: Vec::new(),
            since: f64::NEG_INFINITY,
            skew: Steps::new(0.0),
            phase: dice.between(0.0, sync),
            sync,
            reload: dice.gamma(1.3, 5.0).min(120.0),
        }
    }

    /// The newest start at or before a moment.
    #[must_use]
    pub fn boot(&self, at: f64) -> Boot {
        let place = self.boots.partition_point(|boot| boot.at <= at);
        self.boots[place.saturating_sub(1)]
    }

    /// Starts the process anew, with another program or the same.
    pub fn start(&mut self, at: f64, build: usize) {
        let place = self.boots.partition_point(|boot| boot.at <= at);
        self.boots.insert(place, Boot { at, build });
    }

    /// When the program works with what was written to a mounted object at a moment.
    #[must_use]
    pub fn renewed(&self, written: f64) -> f64 {
        let rounds = ((written - self.phase) / self.sync).ceil();
        self.phase + rounds * self.sync + self.reload
    }

    /// The last beat at or before a moment of something that this replica repeats, such as emptying a cache.
    #[must_use]
    pub fn beat(&self, every: f64, at: f64) -> f64 {
        if every <= 0.0 {
            return at;
        }
        let offset = (self.phase * 7.31).rem_euclid(every);
        let beat = ((at - offset) / every).floor() * every + offset;
        beat.max(self.boot(at).at)
    }

    /// Whether it answers.
    #[must_use]
    pub fn up(&self, at: f64) -> bool {
        self.down.iter().all(|(from, until)| !(*from <= at && at < *until))
    }
}
