"""What the embedded renderer knows: every key, cell option and class that it honours or refuses by name."""

from __future__ import annotations

from typing import Any

from press.core.yamlfile import ANY, Kind


def keys(names: str) -> dict[str, Any]:
    """A schema in which each of the words is a known key with anything below it."""
    return dict.fromkeys(names.split(), ANY)


CONTENT = keys("crossref lightbox code-line-numbers code-annotations")
HTML: dict[str, Any] = (
    CONTENT
    | keys(
        "toc toc-depth toc-title number-sections number-depth html-math-method code-fold code-summary code-copy "
        "canonical-url code-overflow link-citations citations-hover crossrefs-hover footnotes-hover css page-layout "
        "reference-section-title"
    )
    | {"theme": ANY, "highlight-style": ANY}
)
"""`format.html` keys. theme and highlight-style have no effect here: this renderer has one design of its own."""

EXECUTE = keys("enabled eval echo output warning error include cache freeze")
NAV_ITEM: dict[str, Any] = keys("text href icon aria-label")

QUARTO_YML: dict[str, Any] = {
    "project": keys("type output-dir pre-render post-render render resources lib-dir title"),
    "website": {
        "title": ANY,
        "description": ANY,
        "site-url": ANY,
        "image": ANY,
        "favicon": ANY,
        "repo-url": ANY,
        "repo-branch": ANY,
        "open-graph": {},
        "search": {},
        "back-to-top-navigation": ANY,
        "navbar": {"title": ANY, "left": NAV_ITEM, "right": NAV_ITEM},
        "page-footer": {"left": NAV_ITEM, "center": NAV_ITEM, "right": NAV_ITEM},
    },
    "format": {"html": HTML},
    "execute": EXECUTE,
    "press": ANY,
    "profile": ANY,
    **keys("lang date-format bibliography csl link-citations nocite author engine jupyter"),
    **CONTENT,
}

LISTING = {
    **keys("id contents type sort categories fields page-size max-description-length date-format"),
    "feed": keys("title description items type language"),
}

AUTHOR = keys("name")
PAGE_HTML = {key: value for key, value in HTML.items() if key != "css"}
FRONT_MATTER: dict[str, Any] = {
    **PAGE_HTML,
    **keys(
        "title subtitle date date-modified date-format categories description abstract image image-alt keywords lang"
    ),
    **keys("bibliography csl nocite suppress-bibliography pagetitle jupyter kernelspec engine"),
    **keys("press params order data timeout idle-timeout"),
    "author": AUTHOR,
    "listing": LISTING,
    "execute": EXECUTE,
    "format": {"html": PAGE_HTML},
}

CELL = keys(
    "label tags echo output include eval warning error code-fold code-summary code-overflow fig-cap fig-alt fig-subcap "
    "fig-width fig-height fig-align fig-dpi fig-format fig-cap-location tbl-cap tbl-subcap tbl-cap-location "
    "layout layout-ncol layout-nrow column classes lst-label lst-cap cache "
    "fig-link lightbox code-line-numbers layout-valign layout-align filename"
)

PROJECT = Kind("project configuration", "project key", QUARTO_YML)
FOLDER = Kind("folder metadata", "metadata key", FRONT_MATTER)
PAGE = Kind("front matter", "front matter key", FRONT_MATTER)
CELL_OPTIONS = Kind("cell option", "cell option", CELL)

ICONS = ("rss", "github", "envelope", "search", "mastodon", "house", "journal", "info-circle")

COLUMNS = ("margin", "body", "body-outset", "body-outset-left", "body-outset-right")
COLUMNS += ("page", "page-left", "page-right", "page-inset", "page-inset-left", "page-inset-right")
COLUMNS += ("screen", "screen-left", "screen-right", "screen-inset", "screen-inset-left", "screen-inset-right")
COLUMNS += ("screen-inset-shaded", "leftmargin")
"""Values of `column:` and of `.column-*` that have a place in our page grid."""
