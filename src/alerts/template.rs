//! The body of a webhook, as its template says.

use std::collections::BTreeSet;

use jiff::Timestamp;
use minijinja::{AutoEscape, Environment, ErrorKind, UndefinedBehavior};

use crate::alerts::alert::{Alert, Cause, Kind, Severity};
use crate::alerts::message::{Last, Message};

/// A template that was tried.
#[derive(Debug)]
pub(crate) struct Template {
    environment: Environment<'static>,
    text: String,
    content_type: String,
}

/// Steps that a template may take, so that none runs for ever.
const FUEL: u64 = 100_000;
/// Longest body, in bytes.
const LONGEST: usize = 256 * 1024;
/// Longest template, in bytes.
const LONGEST_TEXT: usize = 64 * 1024;

impl Template {
    /// Reads a template. Where it gives JSON, as without a media type, values are written as JSON, quotes included.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn new(text: &str, content_type: Option<&str>) -> Result<Self, String> {
        if text.len() > LONGEST_TEXT {
            return Err(format!("the template is longer than {LONGEST_TEXT} bytes"));
        }
        let content_type = content_type.unwrap_or("application/json").to_owned();
        let json = is_json(&content_type);
        let mut environment = Environment::new();
        environment.set_auto_escape_callback(move |_| if json { AutoEscape::Json } else { AutoEscape::None });
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        let template = Self { environment, text: text.to_owned(), content_type };
        for sample in samples() {
            let body = template.render(&sample)?;
            if json && let Err(error) = serde_json::from_str::<serde_json::Value>(&body) {
                return Err(format!(
                    "the template gives no JSON ({error}): a value is written with its quotes, as in \
                     `{{\"text\": {{{{ summary }}}}}}`; for another form give `content_type`, such as `text/plain`"
                ));
            }
        }
        Ok(template)
    }

    /// The media type of what it gives.
    pub(crate) fn content_type(&self) -> &str {
        &self.content_type
    }

    /// The body for a message.
    ///
    /// # Errors
    /// When the template fails on it, or gives too much.
    pub(crate) fn render(&self, message: &Message) -> Result<String, String> {
        let body = self.environment.render_named_str("template", &self.text, minijinja::value::Serde(message));
        let body = body.map_err(|error| match (error.line(), error.kind()) {
            (Some(line), ErrorKind::UndefinedError) => {
                format!("line {line} of the template: a name that no message has; there are `summary`, `severity`, `link` ..")
            }
            (Some(line), kind) => match error.detail() {
                Some(detail) => format!("line {line} of the template: {kind}: {detail}"),
                None => format!("line {line} of the template: {kind}"),
            },
            (None, kind) => format!("the template: {kind}"),
        })?;
        if body.len() > LONGEST { Err(format!("the template gives more than {LONGEST} bytes")) } else { Ok(body) }
    }
}

/// Whether a media type is one of JSON.
fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

/// A message with everything in it, hostile texts included, and one with nothing.
fn samples() -> [Message; 2] {
    let at = Timestamp::UNIX_EPOCH;
    let mut alert = Alert::new("incident/sample".into(), "Sample", Kind::Incident, Severity::Critical, at);
    alert.summary = "\"quoted\" \\ <b>".into();
    alert.targets = BTreeSet::from(["a\"b".to_owned()]);
    alert.cause = Some(Cause {
        says: "a \"cause\"".into(),
        probability: 0.9,
        label: "likely".into(),
        changes: vec!["c-1".into()],
    });
    let firing = Message::firing(&alert, "sample", None, "http://127.0.0.1:9464");
    let bare = Alert { cause: None, targets: BTreeSet::new(), ..alert };
    let last = Last { message: Message::firing(&bare, "sample", None, ""), at };
    [firing, Message::resolved(&last, "sample", at)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_writes_json_whatever_the_texts_hold() {
        let template =
            Template::new(r#"{"text": {{ "[" ~ severity ~ "] " ~ summary }}, "to": {{ targets }}}"#, None).unwrap();
        let [hostile, _] = samples();
        let body: serde_json::Value = serde_json::from_str(&template.render(&hostile).unwrap()).unwrap();
        assert_eq!(body["text"], "[critical] \"quoted\" \\ <b>");
        assert_eq!(body["to"][0], "a\"b");
    }

    #[test]
    fn a_template_of_text_writes_text_and_may_ask_whether_there_is_a_cause() {
        let text = "{{ status }}: {{ summary }}{% if cause %} because {{ cause.says }}{% endif %}";
        let template = Template::new(text, Some("text/plain")).unwrap();
        let [firing, resolved] = samples();
        assert_eq!(template.render(&firing).unwrap(), "firing: \"quoted\" \\ <b> because a \"cause\"");
        assert!(template.render(&resolved).unwrap().starts_with("resolved: over: "));
    }

    #[test]
    fn what_is_wrong_with_a_template_is_told_before_it_is_used() {
        let wrong = |text| Template::new(text, None).unwrap_err();
        assert!(wrong(r#"{"text": "{{ summary }}"}"#).contains("gives no JSON"));
        assert!(wrong("{{ sumary }}").contains("line 1"), "{}", wrong("{{ sumary }}"));
        assert!(wrong("{% if %}").contains("line 1"));
        assert!(
            wrong("{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}").contains("fuel")
        );
    }
}
