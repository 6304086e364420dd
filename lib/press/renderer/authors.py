"""Authors as a page names them: a text, a mapping, or a list of these, with what else is said about each."""

from __future__ import annotations

import re
from typing import Any

from press.core.merging import as_list
from press.core.yamlfile import Map

ORCID = re.compile(r"\d{4}-\d{4}-\d{4}-\d{3}[\dXx]")


def authors_of(meta: Map) -> list[dict[str, Any]]:
    """Each author with a name: name, url, email, orcid, affiliations, roles; what is not said is ""."""
    said = next((meta[key] for key in ("author", "authors", "by-author") if meta.get(key)), [])
    shared = {
        str(one["id"]): name_of(one)
        for one in as_list(meta.get("affiliations"))
        if isinstance(one, dict) and one.get("id") is not None
    }
    found = [_author(one, shared) for one in as_list(said) if isinstance(one, (str, dict, int, float))]
    return [one for one in found if one["name"]]


def name_of(value: Any) -> str:
    """A name, whether given as a text or in parts."""
    if not isinstance(value, dict):
        return "" if value is None or isinstance(value, list) else str(value)
    name = value.get("name") if value.get("name") is not None else value.get("literal", "")
    if isinstance(name, dict):
        parts = [name.get(key) for key in ("given", "dropping-particle", "non-dropping-particle", "family")]
        return str(name.get("literal") or " ".join(str(part) for part in parts if part))
    if not name and (value.get("given") or value.get("family")):
        name = " ".join(str(value[key]) for key in ("given", "family") if value.get(key))
    return "" if isinstance(name, list) else str(name or "")


def _author(value: Any, shared: dict[str, str]) -> dict[str, Any]:
    said = value if isinstance(value, dict) else {}
    where = [*as_list(said.get("affiliation")), *as_list(said.get("affiliations"))]
    places = [
        _place(shared.get(str(one["ref"]), "") if isinstance(one, dict) and "ref" in one else one) for one in where
    ]
    orcid = ORCID.search(str(said.get("orcid") or ""))
    roles = [name if isinstance(name, str) else ", ".join(name) for name in as_list(said.get("roles", said.get("role")))
             if isinstance(name, (str, dict))]  # fmt: skip
    return {
        "name": name_of(value),
        "url": _web(said.get("url")),
        "email": str(said.get("email") or ""),
        "orcid": orcid[0] if orcid else "",
        "affiliations": [{"text": place} for place in dict.fromkeys(places) if place],
        "roles": ", ".join(roles),
    }


def _place(value: Any) -> str:
    """An affiliation on one line: what it is called, and where it is."""
    if not isinstance(value, dict):
        return name_of(value)
    region = value.get("region") or value.get("state")
    parts = [value.get("department"), name_of(value), value.get("city"), region, value.get("country")]
    return ", ".join(str(part) for part in parts if part and not isinstance(part, (dict, list)))


def _web(value: Any) -> str:
    """An address on the web; "" for what leads elsewhere."""
    text = str(value or "")
    return text if re.match(r"https?://|/|\./|\.\./", text) else ""
