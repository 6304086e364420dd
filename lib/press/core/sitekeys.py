"""What the embedded renderer knows about a project: the keys of `_quarto.yml` that no page has."""

from __future__ import annotations

from press.core.forms import TEXT, TEXTS, items, keys, mapping, mapping_or_flag, mapping_or_text, missing
from press.core.yamlfile import Value

OURS = "by design, pages of this renderer request nothing from other hosts of their own accord"
NAV_ITEM: dict[str, Value] = {
    **keys("text href url file icon aria-label rel target id section auto expanded"),
}
NAV_ITEM["menu"] = items(NAV_ITEM)
NAV_ITEM["contents"] = items(NAV_ITEM)

NAVBAR: dict[str, Value] = {
    **keys("title", TEXT),
    **keys("logo logo-light logo-dark logo-alt logo-href title-href background foreground"),
    **keys("search pinned collapse collapse-below toggle-position tools-collapse border"),
    **keys("left right", items(NAV_ITEM)),
    "tools": items(NAV_ITEM),
}
SIDEBAR: dict[str, Value] = {
    **keys("id title subtitle logo-alt logo-href style", TEXT),
    **keys("logo search pinned collapse-level alignment background foreground border header footer"),
    "tools": items(NAV_ITEM),
    "contents": items(NAV_ITEM),
}
FOOTER_SIDE = items(NAV_ITEM)
SEARCH = keys(
    "location type copy-button limit keyboard-shortcut show-item-context algolia collapse-after merge-navbar-crumbs "
    "hide-breadcrumbs"
)

WEBSITE: dict[str, Value] = {
    **keys("title description site-url site-path image image-alt favicon repo-url repo-branch repo-subdir", TEXT),
    **keys("issue-url repo-link-target repo-link-rel draft-mode", TEXT),
    **keys("drafts repo-actions", TEXTS),
    **keys("back-to-top-navigation page-navigation bread-crumbs"),
    "open-graph": mapping_or_flag(None),
    "twitter-card": mapping_or_flag(None),
    "search": mapping_or_flag(SEARCH),
    "navbar": mapping_or_flag(NAVBAR),
    "sidebar": items(SIDEBAR),
    "page-footer": mapping_or_text(
        {"left": FOOTER_SIDE, "center": FOOTER_SIDE, "right": FOOTER_SIDE, **keys("border background foreground")}
    ),
    "announcement": mapping_or_text(keys("content dismissable icon position type")),
    **missing(
        ("google-analytics plausible-analytics", f"visits are not counted: {OURS}"),
        ("cookie-consent", "nothing asks for consent: these pages set no cookies"),
        ("comments", f"there are no comments: {OURS}"),
        ("reader-mode", "there is no button that hides everything but the text"),
        ("margin-header margin-footer body-header body-footer", "nothing is shown there; Quarto puts it on every page"),
        ("other-links code-links", "these links are not shown; Quarto puts them beside the text"),
        ("llms-txt", "no llms.txt is written"),
    ),
}

PROJECT_KEYS: dict[str, Value] = {
    **keys("type lib-dir title", TEXT),
    **keys("output-dir"),  # sitefolder.py refuses anything but a folder for the site alone
    **keys("pre-render post-render resources render", TEXTS),
    **keys("execute-dir preview detect brand serve"),
}

SITE_KEYS: dict[str, Value] = {
    "project": mapping(PROJECT_KEYS),
    "website": mapping(WEBSITE),
    "metadata-files": TEXTS,
    **keys("profile environment"),
    **missing(("book manuscript", "only a website is made: chapters and cover are not combined into a book")),
}
