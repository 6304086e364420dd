"""What a listing is made of: pages by pattern, entries of YAML files, and entries that stand in the listing itself."""

from __future__ import annotations

import functools
import posixpath
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from press.core import yamlfile
from press.core.merging import as_list
from press.renderer import dateformat, markup_tools

LENGTH = re.compile(r"\d+(?:\.\d+)?(?:px|em|rem|%|vh|vw)?")


def length(value: Any) -> str:
    """A length as CSS writes it; a bare number counts pixels; "" if it is not one."""
    text = str(value if value is not None else "").strip()
    return "" if not LENGTH.fullmatch(text) else text + "px" if re.fullmatch(r"[\d.]+", text) else text


def chosen(
    listing: dict[str, Any], record: dict[str, Any], records: list[dict[str, Any]], root: Path
) -> list[dict[str, Any]]:
    """All that `contents:` names, each once, in its order."""
    folder = posixpath.dirname(record["input"])
    found: dict[str, dict[str, Any]] = {}
    by_input = {other["input"]: other for other in sorted(records, key=lambda other: other["input"])}
    for entry in as_list(listing.get("contents")) or ["*"]:
        if isinstance(entry, dict):
            entries = [(entry, (folder, ""))]
        elif isinstance(entry, str) and entry.endswith((".yml", ".yaml")):
            name = _path(entry, folder)
            entries = [(item, (posixpath.dirname(name), folder, "")) for item in _read(root / name)]
        else:
            _match(str(entry), folder, record, by_input, found)
            continue
        for item, folders in entries:
            made = _made(item, folders, by_input, root)
            outside = made.get("href") is not None
            found[f"{made['href']} {made['title']}" if outside else made["input"]] = made
    return list(found.values())


def files(listing: dict[str, Any], record: dict[str, Any]) -> list[str]:
    """The YAML files that a listing reads, relative to the root."""
    names = [entry for entry in as_list(listing.get("contents")) if isinstance(entry, str)]
    folder = posixpath.dirname(record["input"])
    return [_path(name, folder) for name in names if name.endswith((".yml", ".yaml"))]


def _match(
    pattern: str, folder: str, record: dict[str, Any], records: dict[str, Any], found: dict[str, dict[str, Any]]
) -> None:
    matcher = glob_of(pattern.lstrip("!"), folder)
    for name, other in records.items():
        if name != record["input"] and matcher.fullmatch(name):
            if pattern.startswith("!"):
                found.pop(name, None)
            else:
                found[name] = other


@functools.lru_cache(maxsize=256)
def glob_of(pattern: str, folder: str) -> re.Pattern[str]:
    """Which inputs a pattern stands for, as seen from a folder; a bare folder means everything in it."""
    if re.search(r"[*?].*\.\w+$", pattern) and not pattern.startswith(("/", ".", "**")):
        pattern = f"**/{pattern}"  # as in Quarto, `*.qmd` and `posts/*.qmd` stand for files at any depth
    pattern = _path(pattern, folder)
    if not re.search(r"[*?]|\.\w+$", pattern):
        pattern = "**" if pattern == "." else pattern + "/**"
    elif pattern in ("*", folder + "/*"):
        pattern = pattern[:-1] + "**"
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", pattern)
    table = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(table.get(part, re.escape(part)) for part in parts))


def _path(name: str, folder: str) -> str:
    return posixpath.normpath(name.lstrip("/") if name.startswith("/") else posixpath.join(folder, name))


def _read(path: Path) -> list[dict[str, Any]]:
    """The entries of a YAML file; none of one that is not there or not YAML, which `wrong` tells."""
    try:
        value = yamlfile.load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yamlfile.yaml.YAMLError):
        return []
    return [item for item in as_list(value) if isinstance(item, dict)]


def wrong(path: Path) -> str:
    """What is wrong with a YAML file of entries; "" for nothing."""
    if not path.is_file():
        return "file not found"
    try:
        value = yamlfile.load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yamlfile.yaml.YAMLError) as error:
        return f"not valid YAML: {str(error).splitlines()[0]}"
    return "" if isinstance(value, (list, dict)) else "a list of entries is needed, each a mapping such as title: ..."


def _made(
    item: dict[str, Any], folders: tuple[str, ...], records: dict[str, dict[str, Any]], root: Path
) -> dict[str, Any]:
    """An entry as if it were a page's record; where it names a page, over that page's.

    Args:
        folders: from which its paths may count: whichever has the file.
    """
    target = str(item.get("path") or item.get("href") or item.get("url") or "")
    page = None
    if target and not markup_tools.SCHEME.match(target):
        urls = {record["url"]: record for record in records.values()}
        names = [_path(target, folder) for folder in folders]
        page = next((found for name in names if (found := records.get(name) or urls.get(name))), None)
        target = "/" + next((name for name in names if (root / name).is_file()), names[0])
    image = str(item.get("image") or "")
    if image and not markup_tools.SCHEME.match(image):
        names = [_path(image, folder) for folder in folders]
        image = "/" + next((name for name in names if (root / name).is_file()), names[0])
    date = str(item.get("date") or "")
    authors = item.get("author") if item.get("author") is not None else []
    made = {
        "title": str(item.get("title") or ""),
        "subtitle": str(item.get("subtitle") or ""),
        "description": str(item.get("description") or item.get("abstract") or ""),
        "date": date,
        "date_iso": dateformat.show(date, "iso") if dateformat.parse(date) else "",
        "categories": [str(one) for one in as_list(item.get("categories"))],
        "author": [str(one.get("name") or "") if isinstance(one, dict) else str(one) for one in as_list(authors)],
        "image": image,
        "image_alt": str(item.get("image-alt") or ""),
    }
    if page:
        own = {key: value for key, value in made.items() if value}
        return page | own | {"extra": page["extra"] | dict(item), "url": page["url"]}
    shared = {"minutes": 0, "words": 0, "input": target, "url": "", "order": item.get("order")}
    return made | shared | {"extra": dict(item), "href": target}


def value_of(item: dict[str, Any], field: str) -> Any:
    """A field of an item: of those that all have, or what its author has named so."""
    own = {"filename": posixpath.basename(item["input"]), "path": item["input"]}
    own |= {"reading-time": f"{item['minutes']} min" if item["minutes"] else ""}
    own |= {"word-count": item.get("words", ""), "date-modified": item.get("modified", "")}
    if field in own:
        return own[field]
    value = item.get(field) if field in ("title", "subtitle", "description", "date", "categories", "author") else None
    value = item["extra"].get(field) if value is None else value
    return "" if value is None else value


def passes(item: dict[str, Any], listing: dict[str, Any]) -> bool:
    """Whether `include:` and `exclude:` leave an item in."""
    include = [rule for rule in as_list(listing.get("include")) if isinstance(rule, dict)]
    exclude = [rule for rule in as_list(listing.get("exclude")) if isinstance(rule, dict)]
    return (not include or any(_fits(item, rule) for rule in include)) and not any(_fits(item, r) for r in exclude)


def _fits(item: dict[str, Any], rule: dict[str, Any]) -> bool:
    return all(
        any(_like(value, str(want)) for value in as_list(value_of(item, str(field))) for want in as_list(wanted))
        for field, wanted in rule.items()
    )


def _like(value: Any, pattern: str) -> bool:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    pattern = pattern.lower() if isinstance(value, bool) else pattern
    return fnmatchcase(text, pattern)
