//! What every page has: its head, the way around, and its foot.

use maud::{DOCTYPE, Markup, html};

use crate::web::access::Reach;

/// Where a page is among the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The first page.
    Overview,
    /// Incidents, or one of them.
    Incidents,
    /// Changes.
    Changes,
    /// Objectives.
    Slos,
    /// Results.
    Results,
    /// What happens now.
    Live,
    /// None of those.
    Elsewhere,
}

const WAYS: [(Place, &str, &str); 6] = [
    (Place::Overview, "/", "Overview"),
    (Place::Incidents, "/incidents", "Incidents"),
    (Place::Changes, "/changes", "Changes"),
    (Place::Slos, "/slos", "Objectives"),
    (Place::Results, "/results", "Results"),
    (Place::Live, "/live", "Live"),
];

/// What a page shows, without what every page has.
pub(super) struct Page {
    place: Place,
    title: String,
    content: Markup,
    unfinished: bool,
}

impl Page {
    /// A page of this title at this place.
    pub(super) fn new(place: Place, title: &str, content: Markup) -> Self {
        Self { place, title: title.to_owned(), content, unfinished: false }
    }

    /// The same page, of which more can be shown in a moment.
    pub(super) fn unfinished(self) -> Self {
        Self { unfinished: true, ..self }
    }

    /// What is shown while a window is judged for the first time.
    pub(super) fn waiting(place: Place, title: &str) -> Self {
        let shown = html! {
            h1 { (title) }
            p.lead role="status" { "This window is being judged for the first time. The page comes again by itself, within seconds." }
            p.quiet { "A long window of many probes takes the longest. The windows that pages offer are judged before anybody asks." }
        };
        Self::new(place, title, shown).unfinished()
    }

    /// Whether more can be shown in a moment.
    pub(super) fn is_unfinished(&self) -> bool {
        self.unfinished
    }

    /// The whole page for readers who came in so: only where there is a login is there a way out.
    pub(super) fn whole(self, reach: Reach) -> Markup {
        let Self { place, title, content, .. } = self;
        let top = html! {
            header.top {
                a.name href="/" { (mark()) "authprobe" }
                nav aria-label="Pages" {
                    ul { @for (way, path, name) in WAYS {
                        li { a href=(path) aria-current=[(way == place).then_some("page")] { (name) } }
                    } }
                }
                form.search role="search" action="/search" {
                    label.unseen for="q" { "Search targets, probes, changes, incidents" }
                    input #q name="q" type="search" maxlength="200" placeholder="Search …";
                    button { "Search" }
                }
                @if reach == Reach::Others {
                    form.out method="post" action="/logout" { button { "Log out" } }
                }
            }
        };
        page(&title, &top, &content)
    }
}

/// A page without the ways to the others, for who may not see them.
pub(super) fn bare(title: &str, content: &Markup) -> Markup {
    page(title, &html! { header.top { span.name { (mark()) "authprobe" } } }, content)
}

fn page(title: &str, top: &Markup, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) " · authprobe" }
                link rel="stylesheet" href="/assets/style.css";
                link rel="icon" href="/favicon.svg" type="image/svg+xml";
            }
            body {
                a.skip href="#content" { "To the content" }
                (top)
                main #content tabindex="-1" { (content) }
                footer {
                    p { "authprobe " (env!("CARGO_PKG_VERSION")) " · times are UTC · " a href="/api/v1/openapi.json" { "API" } }
                }
            }
        }
    }
}

fn mark() -> Markup {
    html! {
        svg.mark viewBox="0 0 16 16" width="18" height="18" aria-hidden="true" {
            path d="M8 1l6 2.4v4.3c0 3.6-2.4 6-6 7.3-3.6-1.3-6-3.7-6-7.3V3.4z" {}
            path.pulse d="M3.5 8.4h2.3L7 5.4l2 5 1.2-2h2.3" {}
        }
    }
}
