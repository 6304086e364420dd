"""What stands above a page's text, or around that of an about page: as variables of our template."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from press.core import templates
from press.core.errors import Problem
from press.core.merging import as_list
from press.core.yamlfile import Map, place_of
from press.renderer import authors, codetools, colours, dateformat, icons, listitems, texts
from press.renderer.markup_tools import SCHEME
from press.renderer.traced import Document

if TYPE_CHECKING:
    from press.renderer.onepage import Site

TEMPLATES = ("jolla", "trestles", "solana", "marquee", "broadside")
SHAPES = ("rectangle", "round", "rounded")
LABELS = {
    "author-title": "title-block-author-single", "published-title": "title-block-published",
    "modified-title": "title-block-modified", "abstract-title": "section-title-abstract",
    "affiliation-title": "title-block-affiliation-single", "doi-title": "",
}  # fmt: skip


def variables(site: Site, document: Document, href: Any) -> dict[str, Any]:
    """Title, authors, dates and banner, or the frame of an about page.

    Args:
        href: a target of the page's own -> the same as its template writes it.
    """
    meta = document.meta
    style = str(meta.get("date-format") or "medium")
    people = authors.authors_of(meta)
    names = [one["name"] for one in people]
    plain = not any(one["url"] or one["email"] or one["orcid"] or one["affiliations"] or one["roles"] for one in people)
    words = document.phrases
    found: dict[str, Any] = {name: str(meta.get(name) or words.get(key, "DOI")) for name, key in LABELS.items()}
    if "author-title" not in meta and len(names) > 1:
        found["author-title"] = words["title-block-author-plural"]
    found |= {
        "date": dateformat.show(meta.get("date"), style, words),
        "date-iso": dateformat.show(meta.get("date"), "iso"),
        "date-modified": dateformat.show(meta.get("date-modified"), style, words),
        "by-author": [] if plain else people,
        "affiliations": [{"text": text} for text in _places(people)],
        "doi": str(meta.get("doi") or "").removeprefix("https://doi.org/"),
        "envelope": icons.svg("envelope"),
    }
    found |= codetools.variables(site, document, href)
    found["has-meta"] = bool(people or found["date"] or found["date-modified"] or found["doi"])
    framed = about(document, href)
    found |= {"about": framed if framed and not framed["id"] else {}}
    return found | {"banner": False, "banner-style": "", "shaded": False} | _banner(meta, href)


def _places(people: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(place["text"] for one in people for place in one["affiliations"]))


def _banner(meta: Map, href: Any) -> dict[str, Any]:
    """`title-block-banner:` true, a colour, or a picture of the project."""
    said = meta.get("title-block-banner")
    if said in (None, False, "false", "none") or not meta.get("title"):
        return {}
    letters = meta.get("title-block-banner-color")
    if said is True or said == "true":
        return {"banner": True, "banner-style": colours.style("primary", letters)}
    if style := colours.style(said, letters):
        return {"banner": True, "banner-style": style}
    if is_picture(said):
        address = str(href(str(said))).replace("\\", "").replace("'", "%27")
        ink = colours.legal(letters) or "#ffffff"
        return {"banner": True, "banner-style": f"--letters:{ink};background-image:url('{address}')", "shaded": True}
    return {"banner": True, "banner-style": colours.style("primary", letters)}


def is_picture(value: Any) -> bool:
    """Whether a banner names a file."""
    return isinstance(value, str) and bool(re.search(r"\.(png|jpe?g|gif|webp|svg|avif)$", value, re.IGNORECASE))


def about_of(meta: Map) -> dict[str, Any]:
    """`about:` with its template; {} if this is not an about page."""
    said = meta.get("about")
    if not said:
        return {}
    return dict(said) if isinstance(said, dict) else {"template": str(said) if isinstance(said, str) else "jolla"}


def about(document: Document, href: Any) -> dict[str, Any]:
    """The frame of an about page: of its whole text, or of the part that `id:` names."""
    meta = document.meta
    said = about_of(meta)
    if not said:
        return {}
    name = said.get("template") if said.get("template") in TEMPLATES else "jolla"
    image = str(said.get("image") or meta.get("image") or "")
    shape = said.get("image-shape")
    width, height = (listitems.length(said.get(f"image-{side}")) for side in ("width", "height"))
    size = [f"width:{width}" if width else "", f"height:{height};object-fit:cover" if height else ""]
    made = templates.render(
        "renderer/about.html",
        image=href(image) if image else "",
        alt=str(said.get("image-alt") or meta.get("image-alt") or ""),
        hover=str(said.get("image-title") or ""),
        shape=shape if shape in SHAPES else "rectangle" if name in ("marquee", "broadside") else "round",
        style=";".join(filter(None, size)),
        links=[_link(one, href) for one in as_list(said.get("links")) if isinstance(one, (str, dict))],
    )
    image_part, _, links = made.partition("<!--text-->")
    return {"template": name, "id": str(said.get("id") or ""), "image": image_part.strip(), "links": links.strip()}


def _link(item: Any, href: Any) -> dict[str, Any]:
    item = item if isinstance(item, dict) else {"href": item}
    target = str(item.get("href") or item.get("url") or item.get("file") or "")
    icon = icons.svg(str(item.get("icon") or ""))
    said = item.get("text")
    if said is None and (not icon or not item.get("aria-label")):
        said = item.get("aria-label") or (str(item["icon"]).capitalize() if item.get("icon") else target)
    return {
        "href": href(target),
        "icon": icon,
        "text": texts.inline(str(said)) if said is not None else "",
        "label": str(item.get("aria-label") or ""),
        "new": item.get("target") == "_blank",
    }


def check(document: Document) -> list[Problem]:
    """What of an about page or a banner is not as asked for."""
    meta, problems = document.meta, []

    def tell(key: str, message: str) -> None:
        place = place_of(meta, key) or (document.input, 0)
        problems.append(Problem(*place, message, check="unsupported"))

    said = about_of(meta)
    if said and said.get("template", "jolla") not in TEMPLATES:
        tell("about.template", f"about template {said['template']!r} is shown as jolla. Choose: {', '.join(TEMPLATES)}")
    for item in as_list(said.get("links")):
        if isinstance(item, dict) and item.get("icon") and not icons.known(str(item["icon"])):
            tell("about.links", f"icon {item['icon']!r} is not among Bootstrap's icons; the text is shown without it")
    banner = meta.get("title-block-banner")
    known = not isinstance(banner, str) or banner in ("true", "false", "none") or is_picture(banner)
    if not known and not colours.legal(banner):
        tell("title-block-banner", f"title-block-banner {banner!r} is neither true, a colour nor a picture")
    return problems


def pictures(meta: Map) -> list[str]:
    """Files that stand around the text: to be published with the page."""
    said = about_of(meta)
    found = [str(said.get("image") or meta.get("image") or "")] if said else []
    found += [str(meta["title-block-banner"])] if is_picture(meta.get("title-block-banner")) else []
    return [name for name in found if name and not SCHEME.match(name)]
