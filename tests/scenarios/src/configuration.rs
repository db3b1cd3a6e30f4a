//! The configuration file of a scene, as `authprobe report -c` reads it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use storage::record::Record;

use crate::scene::Played;

/// The file: the links of the targets, the objectives and the corrections.
#[must_use]
pub fn yaml(played: &Played) -> String {
    let mut page = String::from("store: authprobe.db\ntargets:\n");
    let targets: BTreeMap<&str, f64> = played
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Result(result) => Some((result.target.as_str(), result.every_s?)),
            Record::Change(_) | Record::Gap(_) | Record::Verdict(_) => None,
        })
        .collect();
    for (name, every) in targets {
        let _ = writeln!(page, "  - name: {name}\n    url: https://{name}.example.com\n    every: {every}s");
        if let Some(link) = played.settings.links.get(name) {
            let _ = writeln!(page, "    kubernetes:\n      namespace: {}", link.namespace);
            let _ = writeln!(page, "      workloads: [{}]\n      secrets:", link.workloads.join(", "));
            let roles = [
                ("jwt_signing", &link.secrets.jwt_signing),
                ("api_keys", &link.secrets.api_keys),
                ("password", &link.secrets.password),
                ("tls", &link.secrets.tls),
            ];
            for (role, secret) in roles {
                if let Some(secret) = secret {
                    let _ = writeln!(page, "        {role}: {secret}");
                }
            }
        }
        page.push_str("    probes:\n      login: { path: /login, username: { env: PROBE_USER }, ");
        page.push_str("password: { env: PROBE_PASSWORD }, token: /access_token }\n");
    }
    if !played.settings.slos.is_empty() {
        page.push_str("slos:\n");
    }
    for slo in &played.settings.slos {
        let probes: Vec<String> = slo.probes.iter().map(|probes| format!("\"{probes}\"")).collect();
        let _ =
            write!(page, "  - {{ name: {}, probes: [{}], objective: {}", slo.name, probes.join(", "), slo.objective);
        if let Some(latency) = slo.latency {
            let _ = write!(page, ", latency: {}ms", latency.as_millis());
        }
        page.push_str(" }\n");
    }
    page
}
