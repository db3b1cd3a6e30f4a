//! The text format that was there before OpenMetrics.

/// The same metrics as an OpenMetrics text has: a counter's ending belongs to its name in the older format.
pub(super) fn older(metrics: &str) -> String {
    let mut text = String::with_capacity(metrics.len() + metrics.len() / 64);
    let mut told = None;
    for line in metrics.lines().filter(|line| *line != "# EOF" && !line.starts_with("# UNIT ")) {
        let mut words = line.splitn(4, ' ');
        match (line.starts_with('#'), words.next(), words.next(), words.next(), words.next()) {
            // Help comes before the type, so it waits until the type is known.
            (true, _, Some("HELP"), Some(name), Some(help)) => told = Some((name, help)),
            (true, _, Some("TYPE"), Some(name), Some(kind)) => {
                let ending = if kind == "counter" { "_total" } else { "" };
                if let Some((_, help)) = told.take().filter(|(helped, _)| *helped == name) {
                    text.push_str(&format!("# HELP {name}{ending} {help}\n"));
                }
                text.push_str(&format!("# TYPE {name}{ending} {kind}\n"));
            }
            _ => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_older_format_has_the_ending_of_counters_in_their_names_and_no_end() {
        let newer =
            "# HELP a A counter\n# TYPE a counter\na_total 1\n# HELP b_a A gauge\n# TYPE b_a gauge\nb_a 1\n# EOF\n";
        let expected = "# HELP a_total A counter\n# TYPE a_total counter\na_total 1\n# HELP b_a A gauge\n# TYPE b_a gauge\nb_a 1\n";
        assert_eq!(older(newer), expected);
    }
}
