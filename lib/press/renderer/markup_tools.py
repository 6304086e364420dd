"""Look into finished HTML: links, pictures, text; and the few changes that Pandoc's writer leaves to us."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin

LINKS = (("img", "src"), ("a", "href"), ("source", "src"), ("video", "src"), ("audio", "src"), ("iframe", "src"),
         ("video", "poster"), ("script", "src"), ("link", "href"), ("object", "data"))  # fmt: skip
SCHEME = re.compile(r"^(?:[a-zA-Z][\w+.-]*:|//|#)")
NOTES = '<section id="footnotes" class="footnotes footnotes-end-of-document" role="doc-endnotes">'


def tree(body: str) -> Any:
    """The body as an lxml element."""
    import lxml.html  # heavy; only builds that render need it

    return lxml.html.fragment_fromstring(body or "<p></p>", create_parent="div")


def examine(body: str) -> dict[str, Any]:
    """Local links, images with their classes, the text, and the first paragraph."""
    root = tree(body)
    links = [element.get(attribute) for tag, attribute in LINKS for element in root.iter(tag) if element.get(attribute)]
    paragraphs = (
        element
        for element in root.iter("p")
        if not any(a.get("class", "").startswith("cell") for a in element.iterancestors())
    )
    first = next((" ".join(p.text_content().split()) for p in paragraphs if p.text_content().strip()), "")
    return {
        "links": sorted({link for link in links if not SCHEME.match(link)}),
        "images": [
            [e.get("src"), e.get("class") or ""]
            for e in root.iter("img")
            if e.get("src") and not e.get("src").startswith("data:")
        ],
        "text": root.text_content(),
        "first_paragraph": first,
    }


def appendix(body: str, marker: str) -> str:
    """Put the references after the last section, not into it, and give the footnotes their heading.

    Args:
        marker: stands before and after the references, where there are any.
    """
    parts = body.split(marker)
    references = parts[1] + "\n" if len(parts) == 3 else ""
    body = parts[0] + parts[2] if references else body
    before, found, after = body.rpartition(NOTES)
    if not found:
        return body + references
    after = re.sub(r"^\s*<hr\s*/?>", "", after)
    return f'{before}{references}{found}\n<h2 class="anchored quarto-appendix-heading">Footnotes</h2>{after}'


def absolute(body: str, base: str) -> str:
    """The body as XHTML-safe HTML for a feed: URLs made absolute, scripts and controls removed."""
    import lxml.html

    root = tree(body)
    for element in [*root.iter("script"), *root.iter("button"), *root.iter("input"), *root.iter("style")]:
        element.drop_tree()
    # What links to the page, how a figure was made, where the notebook is: of use on the page only.
    for name in ("press-links", "press-made", "press-notebook"):
        for element in root.find_class(name):
            element.drop_tree()
    for tag, attribute in LINKS:
        for element in root.iter(tag):
            if element.get(attribute):
                element.set(attribute, urljoin(base, element.get(attribute)))
    inner = (root.text or "") + "".join(lxml.html.tostring(child, encoding="unicode") for child in root)
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f]", "", inner)
