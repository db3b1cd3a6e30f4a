"""Finds links that lead nowhere: to a file that is not there, or to a heading or an id that it does not have.

    links.py FILE...    pages in Markdown or HTML; links to other hosts are left alone
"""

import functools
import html.parser
import pathlib
import re
import sys
import urllib.parse

FENCE = re.compile(r"^( *)```.*?^ *```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"(`+)(?:(?!\1).)*?\1")
LINK = re.compile(r"\]\(<?([^)\s>]+)>?(?: \"[^\"]*\")?\)")
HEADING = re.compile(r"^#+ +(.*?) *#*$", re.MULTILINE)


class Page(html.parser.HTMLParser):
    """The links and the ids of a page in HTML."""

    def __init__(self):
        super().__init__()
        self.links, self.ids = [], set()

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name in ("id", "name") and value:
                self.ids.add(value)


def anchor(heading):
    """What the sites that show Markdown make of a heading."""
    words = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
    return re.sub(r"[^\w\- ]", "", words).replace(" ", "-")


@functools.cache
def parts(path):
    """The links and the anchors of a file."""
    text = path.read_text()
    if path.suffix == ".md":
        prose = FENCE.sub("", text)
        ids = set()
        for heading in HEADING.findall(prose):
            name, again = anchor(heading), 0
            while name + (f"-{again}" if again else "") in ids:
                again += 1
            ids.add(name + (f"-{again}" if again else ""))
        return LINK.findall(CODE.sub("", prose)), ids
    page = Page()
    page.feed(text)
    return page.links, page.ids


dead = count = 0
for name in sys.argv[1:]:
    path = pathlib.Path(name).resolve()
    for link in parts(path)[0]:
        there = urllib.parse.urlsplit(link)
        if there.scheme or there.netloc:
            continue
        count += 1
        to = (path.parent / urllib.parse.unquote(there.path)).resolve() if there.path else path
        anchors = there.fragment and to.suffix in (".md", ".html") and to.exists()
        if not to.exists() or anchors and urllib.parse.unquote(there.fragment) not in parts(to)[1]:
            print(f"links: {name}: {link} leads nowhere", file=sys.stderr)
            dead += 1
print(f"links: {count} links in {len(sys.argv) - 1} pages, {dead} dead")
sys.exit(1 if dead else 0)
