"""Look into finished HTML: links, pictures, text; and the few changes that Pandoc's writer leaves to us."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urljoin

from press.core import escapes

LINKS = (("img", "src"), ("a", "href"), ("source", "src"), ("video", "src"), ("audio", "src"), ("iframe", "src"),
         ("video", "poster"), ("script", "src"), ("link", "href"), ("object", "data"))  # fmt: skip
SCHEME = re.compile(r"^(?:[a-zA-Z][\w+.-]*:|//|#)")
SCROLLING = '<div class="table-scroll" tabindex="0" role="region" aria-label="Table {}">'
TABLE = re.compile(
    r"<(?P<skipped>script|style|textarea|template)\b.*?</(?P=skipped)>|<!--.*?-->"
    r'|(?P<before><div class="table-scroll"[^<>]*>\s*)?(?P<tag><table\b[^<>]*>)|(?P<end></table>)',
    re.DOTALL,
)
EMPTY_HEAD = re.compile(
    r"<(?P<skipped>script|style|textarea|template)\b.*?</(?P=skipped)>|<th\b([^<>]*)>\s*</th>", re.DOTALL
)
SCOPE = re.compile(r"""\s+scope=(?:"[^"]*"|'[^']*'|\S+)""")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")  # what XML cannot hold
RELATIVE = re.compile(r"""(\s(?:href|src|data-prefix)=)"(?![a-zA-Z][\w+.-]*:|/|#)([^"]*)\"""")
NOTES = '<section id="footnotes" class="footnotes footnotes-end-of-document" role="doc-endnotes">'


def tree(body: str) -> Any:
    """The body as an lxml element."""
    import lxml.html  # heavy; only builds that render need it

    return lxml.html.fragment_fromstring(body or "<p></p>", create_parent="div")


def examine(body: str) -> dict[str, Any]:
    """Local links, images with their classes, the text, and the first paragraph."""
    root = tree(body)
    links = [element.get(attribute) for tag, attribute in LINKS for element in root.iter(tag) if element.get(attribute)]
    return {
        "links": sorted({link for link in links if not SCHEME.match(link)}),
        "images": [
            [e.get("src"), " ".join(filter(None, (a.get("class") for a in (e, *e.iterancestors()))))]
            for e in root.iter("img")
            if e.get("src") and not e.get("src").startswith("data:")
        ],
        "lightbox": bool(root.xpath(".//a[contains(@class,'lightbox')]")),
        "text": root.text_content(),
        "first_paragraph": first_paragraph(root),
    }


def first_paragraph(root: Any) -> str:
    """The text of the first paragraph that the author wrote: none of what cells have shown."""
    for element in root.iter("p"):
        shown = any((above.get("class") or "").startswith("cell") for above in element.iterancestors())
        if not shown and element.text_content().strip():
            return " ".join(element.text_content().split())
    return ""


def appendix(body: str, marker: str, notes: str) -> str:
    """Put the references after the last section, not into it, and give the footnotes their heading.

    Args:
        marker: stands before and after the references, where there are any.
        notes: what the footnotes are called.
    """
    parts = body.split(marker)
    references = parts[1] + "\n" if len(parts) == 3 else ""
    body = parts[0] + parts[2] if references else body
    before, found, after = body.rpartition(NOTES)
    if not found:
        return body + references
    after = re.sub(r"^\s*<hr\s*/?>", "", after)
    heading = f'<h2 class="anchored quarto-appendix-heading">{escapes.html(notes)}</h2>'
    return f"{before}{references}{found}\n{heading}{after}"


def scrolling_tables(text: str) -> str:
    """HTML in which each table that is in no other, and none of ours that fold up, can be scrolled by itself."""
    done: list[str] = []
    at, depth, count, wrapped = 0, 0, 0, False
    for match in TABLE.finditer(text):
        if match["tag"]:
            depth += 1
            if depth == 1 and not match["before"] and "paper-table" not in match["tag"]:
                count += 1
                done += [text[at : match.start()], SCROLLING.format(count)]
                at, wrapped = match.start(), True
        elif match["end"] and depth:
            depth -= 1
            if depth == 0 and wrapped:
                done += [text[at : match.end()], "</div>"]
                at, wrapped = match.end(), False
    return "".join([*done, text[at:], "</div>" if wrapped else ""])


def without_empty_heads(text: str) -> str:
    """HTML in which a table's heading without words, as over the names of rows, is a plain cell: it names nothing."""
    return EMPTY_HEAD.sub(lambda match: match[0] if match["skipped"] else f"<td{SCOPE.sub('', match[2])}></td>", text)


def from_anywhere(page: str, base: str) -> str:
    """A page at the site's root whose links lead to the same places whatever the address at which it is shown.

    Args:
        base: where the site lies on its host, with a slash at both ends.
    """
    return RELATIVE.sub(lambda match: f'{match[1]}"{base}{match[2].removeprefix("./")}"', page)


def absolute(body: str, base: str) -> str:
    """The body as XHTML-safe HTML for a feed: URLs made absolute, scripts and controls removed.

    A picture that stands in the page itself becomes a link to its place: readers of feeds show no such pictures, and
    the frames of a slider weigh more than all the words.
    """
    import lxml.html

    root = tree(body)
    for element in [*root.iter("script"), *root.iter("button"), *root.iter("input"), *root.iter("style")]:
        element.drop_tree()
    # What links to the page, how a figure was made, where the notebook is: of use on the page only.
    for name in ("press-links", "press-made", "press-notebook"):
        for element in root.find_class(name):
            element.drop_tree()
    for element in list(root.iter("annotation")):
        element.drop_tree()
    for element in list(root.iter("pre")):  # the colours of code are classes, which no feed has styles for
        text, tail = CONTROL.sub("", element.text_content()), element.tail
        element.clear()
        element.text, element.tail = text, tail
    for image in [e for e in root.iter("img") if (e.get("src") or "").startswith("data:")]:
        _lead_to_page(image, base)
    for tag, attribute in LINKS:
        for element in root.iter(tag):
            if element.get(attribute) and not element.get(attribute).startswith("data:"):
                element.set(attribute, urljoin(base, element.get(attribute)))
    inner = (root.text or "") + "".join(lxml.html.tostring(child, encoding="unicode") for child in root)
    return CONTROL.sub("", inner)


def _lead_to_page(image: Any, base: str) -> None:
    import lxml.html

    above = next((e.get("id") for e in (image, *image.iterancestors()) if e.get("id")), "")
    link = lxml.html.Element("a", href=base + (f"#{above}" if above else ""))
    link.text = f"Picture: {image.get('alt')}" if image.get("alt") else "Picture on the page"
    link.tail = image.tail
    image.getparent().replace(image, link)
