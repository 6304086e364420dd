"""What closes a page's text: how it may be used and cited."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from press.core import escapes
from press.core.merging import as_list
from press.core.yamlfile import Map
from press.renderer import authors, dateformat, texts
from press.renderer.traced import Document

if TYPE_CHECKING:
    from press.renderer.onepage import Site

CC = re.compile(r"CC[ -](BY(?:-(?:NC|ND|SA))*)(?:[ -](\d\.\d))?|CC0", re.IGNORECASE)
GPL = "https://www.gnu.org/licenses/gpl-3.0.html"


def variables(site: Site, document: Document, address: str) -> dict[str, Any]:
    """Licence, copyright and citation, where a page says any.

    Args:
        address: of the page on the web; "" if the site has none.
    """
    meta = document.meta
    return {
        "license": [_license(one) for one in as_list(meta.get("license")) if one],
        "copyright": _copyright(meta),
        "cite-as": _citation(meta, address, str(site.config.get("website.title") or "")) if _cited(meta) else {},
    }


def _license(value: Any) -> dict[str, Any]:
    said = value if isinstance(value, dict) else {}
    text = str(said.get("text") or said.get("type") or value)
    url = str(said.get("url") or "")
    if match := CC.fullmatch(text.strip()):
        kind = f"licenses/{match[1].lower()}/{match[2] or '4.0'}" if match[1] else "publicdomain/zero/1.0"
        url = url or f"https://creativecommons.org/{kind}/"
    return {"text": texts.inline(text), "url": url}


def _copyright(meta: Map) -> str:
    said = meta.get("copyright")
    if not said:
        return ""
    year, holder = _year(meta), ", ".join(one["name"] for one in authors.authors_of(meta))
    if isinstance(said, dict):
        if said.get("statement"):
            return texts.inline(str(said["statement"]))
        year = ", ".join(map(str, as_list(said.get("year")))) or year
        holder = str(said.get("holder") or holder)
    elif said is not True:
        return texts.inline(str(said))
    return " ".join(filter(None, ("Copyright", year, holder)))


def _cited(meta: Map) -> bool:
    return meta.get("citation") not in (None, False)


def _year(meta: Map) -> str:
    date = dateformat.parse(meta.get("date"))
    return f"{date.year:04}" if date else ""


def _citation(meta: Map, address: str, site: str) -> dict[str, str]:
    """The work as BibTeX has it, and as a line of text."""
    said = meta.get("citation") if isinstance(meta.get("citation"), dict) else {}
    people = authors.authors_of(Map(said)) or authors.authors_of(meta)
    date = dateformat.parse(said.get("issued") or meta.get("date"))
    title = str(said.get("title") or meta.get("title") or "")
    container = str(said.get("container-title") or "")
    url = str(said.get("url") or said.get("URL") or address)
    doi = str(said.get("doi") or said.get("DOI") or meta.get("doi") or "")
    last = people[0]["name"].split()[-1] if people else "anonymous"
    key = re.sub(r"\W+", "", f"{last}{date.year if date else ''}").lower()
    rows = [
        ("author", " and ".join(_bibtex_name(one["name"]) for one in people)),
        ("title", title),
        ("journal", container),
        ("date", date.strftime("%Y-%m-%d") if date else ""),
        ("url", url),
        ("doi", doi),
        ("langid", str(meta.get("lang") or "en")),
    ]
    kind = "article" if container else "online"
    body = ",\n".join(f"  {name} = {{{_bibtex(value)}}}" for name, value in rows if value)
    names = ", ".join(one["name"] for one in people)
    quoted = f"\N{LEFT DOUBLE QUOTATION MARK}{title}.\N{RIGHT DOUBLE QUOTATION MARK}"
    parts = [f"{names}.", f"{date.year}." if date else "", quoted]
    parts += [f"{container or site}.", f"https://doi.org/{doi}" if doi else url]
    lines = f"@{kind}{{{key},\n{body}\n}}".split("\n")
    shown = " ".join(part for part in parts if part.strip("."))
    return {"bibtex": Markup("\n").join(map(escapes.html, lines)), "text": shown}


def _bibtex_name(name: str) -> str:
    first, _, last = name.rpartition(" ")
    return f"{last}, {first}" if first else name


def _bibtex(text: str) -> str:
    return text.replace("{", "").replace("}", "").replace("\\", "")
