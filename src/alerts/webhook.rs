//! Tells somebody by a POST: a JSON object of everything, or what a template makes of it.

use crate::alerts::http::{Body, Caller};
use crate::alerts::message::Message;
use crate::alerts::settings;
use crate::alerts::template::Template;

/// A place that gets a POST.
#[derive(Debug)]
pub(crate) struct Webhook {
    caller: Caller,
    template: Option<Box<Template>>,
}

impl Webhook {
    /// The one of a receiver.
    ///
    /// # Errors
    /// Why it cannot be called at all.
    pub(super) fn new(receiver: &settings::Receiver) -> Result<Self, String> {
        let template = receiver.template.as_ref().map(|text| Template::new(text, receiver.content_type.as_deref()));
        Ok(Self { caller: Caller::new(receiver, "")?, template: template.transpose()?.map(Box::new) })
    }

    /// Tells it one message.
    ///
    /// # Errors
    /// Why it did not take it.
    pub(super) async fn deliver(&self, message: &Message) -> Result<(), String> {
        let (content_type, bytes) = match &self.template {
            Some(template) => (template.content_type().to_owned(), template.render(message)?.into_bytes()),
            None => ("application/json".into(), serde_json::to_vec(message).map_err(|error| error.to_string())?),
        };
        self.caller.call(Some(Body { content_type, bytes, key: message.key.clone() })).await
    }
}
