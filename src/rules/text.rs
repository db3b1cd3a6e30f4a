//! The YAML of a rules file. Names from the configuration go through one door, so that none of them says more than a name.

use std::fmt::Write;

/// A rules file that is being written.
pub(super) struct Rules {
    /// What is written so far.
    pub(super) text: String,
    url: String,
}

/// An alerting rule.
pub(super) struct Alert<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// When it fires, in lines.
    pub(super) expression: &'a str,
    /// How long that must last.
    pub(super) lasts: &'a str,
    /// `page` or `ticket`.
    pub(super) severity: &'a str,
    /// Further labels.
    pub(super) labels: &'a [(&'a str, &'a str)],
    /// What happened, in a line; may use templates.
    pub(super) summary: &'a str,
    /// What it means and what to look at; may use templates.
    pub(super) description: &'a str,
}

impl Rules {
    /// A file without rules.
    pub(super) fn new(url: &str) -> Self {
        let text = "# Rules of Prometheus for authprobe, written by `authprobe rules`. Write them anew when objectives change.\ngroups:\n";
        Self { text: text.into(), url: url.trim_end_matches('/').to_owned() }
    }

    /// Begins a group.
    pub(super) fn group(&mut self, name: &str) {
        self.add(&format!("  - name: {}\n    rules:", quoted(name)));
    }

    /// Adds a recording rule of an objective. That its series have the label already is not seen by who checks rules.
    pub(super) fn record(&mut self, name: &str, slo: &str, expression: &str) {
        self.add(&format!("      - record: {name}"));
        self.block("expr", expression);
        self.add(&format!("        labels:\n          slo: {}", quoted(slo)));
    }

    /// Adds an alerting rule.
    pub(super) fn alert(&mut self, alert: &Alert<'_>) {
        let Alert { name, expression, lasts, severity, labels, summary, description } = alert;
        self.add(&format!("      - alert: {name}"));
        self.block("expr", expression);
        if !lasts.is_empty() {
            self.add(&format!("        for: {lasts}"));
        }
        self.add(&format!("        labels:\n          severity: {severity}"));
        for (label, value) in *labels {
            self.add(&format!("          {label}: {}", quoted(&verbatim(value))));
        }
        let link = quoted(&verbatim(&self.url));
        let (summary, description) = (quoted(summary), quoted(description));
        self.add(&format!(
            "        annotations:\n          summary: {summary}\n          description: {description}\n          link: {link}"
        ));
    }

    fn block(&mut self, key: &str, lines: &str) {
        self.add(&format!("        {key}: |-"));
        for line in lines.lines() {
            self.add(&format!("          {line}"));
        }
    }

    fn add(&mut self, lines: &str) {
        self.text.push_str(lines);
        self.text.push('\n');
    }
}

/// A text in double quotes, as YAML and PromQL both read it: of one line, and of ASCII.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for one in text.chars() {
        match u32::from(one) {
            0x22 | 0x5c => quoted.extend(['\\', one]),
            0x20..=0x7e => quoted.push(one),
            code @ ..=0xffff => push(&mut quoted, format_args!("\\u{code:04x}")),
            code => push(&mut quoted, format_args!("\\U{code:08x}")),
        }
    }
    quoted.push('"');
    quoted
}

fn push(text: &mut String, part: std::fmt::Arguments<'_>) {
    // Writing to a text in memory does not fail.
    let _ = text.write_fmt(part);
}

/// A text that Prometheus' templates leave as it is.
fn verbatim(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}
