//! Checks objectives and corrections against the targets.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use probes::kinds::api_key::ApiKey;
use probes::kinds::jwt::Jwt;
use probes::kinds::login::Login;
use reports::settings::{Correction, Problem, Settings, Slo, glob};
use storage::record::{Expect, ProbeKind};

use crate::config::TargetConfig;
use crate::config::fault::nearest;
use crate::config::mistake::Findings;
use crate::config::spot::Spot;

/// Says what is wrong with objectives and corrections, and puts them together. `root` is the whole document.
pub(in crate::config) fn check(
    slos: Vec<Slo>,
    corrections: Vec<Correction>,
    targets: &[TargetConfig],
    root: &Spot<'_>,
    findings: &mut Findings,
) -> Settings {
    let every = targets.iter().map(|config| (config.target.name.clone(), config.schedule.interval())).collect();
    let probes = probes(targets, &every);
    // Where a target could not be read, nobody can tell which names exist.
    let known = !root.key("targets").broken() && targets.len() == root.key("targets").elements().len();

    let mut names = HashSet::new();
    for (slo, spot) in slos.iter().zip(root.key("slos").elements()) {
        if !names.insert(slo.name.as_str()) {
            findings.mistakes.push(spot.key("name").mistake(format!("`{}` is already an objective", slo.name)));
        }
        let matchers = slo.matchers();
        let concerned = probes.iter().filter(|(name, _)| matchers.iter().any(|matcher| matcher.is_match(name)));
        let problems = slo.check(concerned.map(|(_, every)| *every).max());
        told(problems, &spot, findings);
        if known {
            selectors(slo, &probes, &spot, findings);
        }
    }
    let existing: Vec<&str> = targets.iter().map(|config| config.target.name.as_str()).collect();
    for (correction, spot) in corrections.iter().zip(root.key("corrections").elements()) {
        told(correction.check(if known { &existing } else { &[] }), &spot, findings);
    }
    Settings { slos, corrections, every, ..Settings::default() }
}

fn told(problems: Vec<Problem>, spot: &Spot<'_>, findings: &mut Findings) {
    let said = problems.into_iter().map(|Problem { field, message }| spot.at(&field).mistake(message));
    findings.mistakes.extend(said);
}

fn selectors(slo: &Slo, probes: &BTreeMap<String, Duration>, spot: &Spot<'_>, findings: &mut Findings) {
    for (index, selector) in slo.probes.iter().enumerate().filter(|(_, selector)| selector.contains('/')) {
        let Ok(matcher) = glob(selector) else { continue };
        if probes.keys().any(|name| matcher.is_match(name)) {
            continue;
        }
        let near = nearest(selector, probes.keys().map(String::as_str));
        let remedy =
            near.map_or_else(|| format!("the probes are {}", some(probes)), |near| format!("did you mean `{near}`?"));
        let place = spot.key("probes").element(index);
        findings.mistakes.push(place.mistake(format!("`{selector}` matches no probe; {remedy}")));
    }
}

/// The first few names.
fn some(probes: &BTreeMap<String, Duration>) -> String {
    const FEW: usize = 6;
    let names: Vec<String> = probes.keys().take(FEW).map(|name| format!("`{name}`")).collect();
    let more = if probes.len() > FEW { format!(" and {} more", probes.len() - FEW) } else { String::new() };
    format!("{}{more}", names.join(", "))
}

/// Every `target/probe` with its interval; a probe with a beat of its own comes as rarely as that.
fn probes(targets: &[TargetConfig], every: &BTreeMap<String, Duration>) -> BTreeMap<String, Duration> {
    let mut all = BTreeMap::new();
    for TargetConfig { target, .. } in targets {
        let every = every.get(&target.name).copied().unwrap_or_default();
        let login = |login: &Login| login.deny_every;
        let jwt = |jwt: &Jwt| jwt.deny_every.unwrap_or_default();
        let api_key = |api_key: &ApiKey| api_key.deny_every.unwrap_or_default();
        for plan in target.probes.plans() {
            let own = match (plan.expect, plan.kind) {
                (Expect::Deny, ProbeKind::Login) => target.probes.login.as_ref().map(login),
                (Expect::Deny, ProbeKind::Jwt) => target.probes.jwt.as_ref().map(jwt),
                (Expect::Deny, ProbeKind::ApiKey) => target.probes.api_key.as_ref().map(api_key),
                (Expect::Deny, ProbeKind::Permission) | (Expect::Allow, _) => None,
            };
            all.insert(format!("{}/{}", target.name, plan.name), every.max(own.unwrap_or_default()));
        }
    }
    all
}
