"""What the embedded renderer knows about pages: each key and cell option, the form of its value, what is not done."""

from __future__ import annotations

from press.core.forms import (
    MAPPING,
    NAME,
    NAMES,
    TEXT,
    TEXTS,
    WHOLE,
    items,
    keys,
    mapping_or_flag,
    mapping_or_text,
    missing,
)
from press.core.merging import LIFTED
from press.core.sitekeys import OURS, SITE_KEYS
from press.core.yamlfile import Kind, Value

HTML: dict[str, Value] = {
    **keys("toc number-sections link-citations citations-hover crossrefs-hover footnotes-hover code-copy"),
    **keys("canonical-url link-external-newwindow link-external-icon link-external-filter"),
    **keys("toc-depth number-depth", WHOLE),
    **keys("toc-title code-fold code-summary code-overflow page-layout reference-section-title", TEXT),
    **keys("title-block-banner title-block-banner-color title-block-style title-block-categories", TEXT),
    **keys("reference-location citation-location author-title published-title modified-title abstract-title", TEXT),
    **keys("description-title doi-title affiliation-title keywords-title", TEXT),
    **keys("css", NAMES),
    **keys("include-in-header include-before-body include-after-body theme highlight-style lightbox crossref"),
    **keys("html-math-method"),  # MathML, whatever is asked for: it reads the same
    # What changes nothing that a reader of these pages would miss, or what is always so here.
    **keys("anchor-sections smooth-scroll toc-location toc-expand toc-float number-offset section-divs fontsize"),
    **keys("mainfont monofont fontcolor linkcolor monobackgroundcolor backgroundcolor linestretch max-width"),
    **keys("margin-left margin-right margin-top margin-bottom grid body-classes classoption document-css"),
    **keys("respect-user-color-scheme syntax-highlighting code-block-bg code-block-border-left code-line-numbers"),
    **keys("code-annotations code-link tab-stop tbl-cap-location fig-cap-location cap-location tbl-colwidths"),
    **keys("fig-width fig-height fig-dpi fig-align fig-format fig-asp fig-responsive df-print capsule"),
    **keys("self-contained embed-resources self-contained-math minimal standalone output-ext html-q-tags ascii"),
    **keys("html-table-processing callout-appearance callout-icon appendix-style appendix-cite-as axe shift-heading"),
    **keys("output-file", TEXT),
    **keys("code-tools"),
    **keys("email-obfuscation identifier-prefix wrap columns eol dpi slide-level strip-comments"),
    **keys("prefer-html plotly-connected mermaid mermaid-format keep-md keep-source keep-hidden clean-supporting"),
    **keys("notebook-links notebook-view notebook-preview-options format-links quarto-required validate-yaml"),
    **keys("ipynb-shell-interactivity default-image-extension citeproc cite-method shift-heading-level-by tables"),
    **missing(
        ("comments hypothesis", f"there are no comments: {OURS}"),
        ("filters", "these filters do not run; Quarto applies them to the page"),
        ("ipynb-filters", "these filters do not run; Quarto applies them to the notebook"),
        ("shortcodes", "these shortcodes are not supported; Quarto reads them from the file"),
        ("brand", "colours, fonts and logo of the brand are not used; this renderer has one design of its own"),
        ("template template-partials", "the template is not used; this renderer has one of its own"),
        ("from reader", "the page is read as Pandoc's Markdown; Quarto reads it with these extensions"),
        ("resource-path resources", "these files are copied only where a page links to them"),
        ("margin-header margin-footer body-header body-footer", "it is not shown; Quarto adds it around the text"),
        ("other-links code-links", "these links are not shown; Quarto puts them beside the text"),
        ("shiny server", "nothing runs behind the page; Quarto's needs a server"),
        ("reader-mode", "there is no button that hides everything but the text"),
        ("ojs-engine", "Observable cells are not run"),
        ("variant", "the variant has no effect"),
    ),
}
"""Keys of `format: html:`, which may stand beside it as well; so may all others of a page stand below it."""

OTHER_FORMATS = missing(
    ("pdf latex beamer typst docx odt pptx epub rtf context jats ipynb asciidoc rst", "only HTML is written"),
    ("revealjs dashboard", "the page is written as an ordinary page, not as slides or a dashboard"),
    ("gfm commonmark markdown md hugo hugo-md docusaurus-md native plain opml man texinfo ms", "only HTML is written"),
)
EXECUTE = keys(
    "enabled eval echo output warning error include cache freeze daemon daemon-restart debug keep-md keep-ipynb "
    "ipynb message fig-width fig-height fig-format fig-dpi"
)

FEED = keys("title description language image categories items type xml-stylesheet")
LISTING: dict[str, Value] = {
    **keys("id contents sort filter-ui sort-ui include exclude template-params"),
    **keys("type image-placeholder image-align image-height image-lazy-loading date-format", TEXT),
    **keys("max-description-length page-size max-items grid-columns", WHOLE),
    **keys("fields field-links field-required", TEXTS),
    **keys("field-display-names field-types", MAPPING),
    **keys("categories grid-item-border grid-item-align table-striped table-hover"),
    "feed": mapping_or_flag(FEED),
    **missing(("template", "the listing is shown as a list; Quarto fills this template")),
}
ABOUT = keys("id image-width image-height image-shape image-alt image-title template", TEXT) | {
    **keys("image", TEXT),
    "links": items(keys("icon text href aria-label rel target")),
}

AUTHOR = keys(
    "name id url orcid email corresponding corresponding-author equal-contributor deceased affiliation affiliations "
    "roles role degrees note notes number phone fax group given family non-dropping-particle dropping-particle "
    "attributes metadata literal acknowledgements twitter github website bio image avatar profile"
)
FRONT_MATTER: dict[str, Value] = {
    **HTML,
    **keys("title subtitle pagetitle date date-modified date-format description abstract image image-alt lang", TEXT),
    **keys("image-width image-height dir doi license-url description-meta title-prefix quarto-version", TEXT),
    **keys("categories keywords subject", TEXTS),
    **keys("csl metadata-file", NAME),
    **keys("metadata-files", NAMES),
    **keys("bibliography", NAMES),
    **keys("nocite", TEXTS),
    **keys(" ".join(LIFTED)),
    **keys("suppress-bibliography draft order search aliases exclude-from-listing bread-crumbs pdf-engine"),
    **keys("jupyter kernelspec jupytext language_info engine knitr julia params press data timeout idle-timeout"),
    **keys("editor execute-dir language"),
    **keys("citation license copyright funding date-meta page-navigation thanks"),
    **keys("back-to-top-navigation navbar sidebar website twitter-card open-graph google-scholar repo-actions"),
    **keys("affiliations affiliation institute number version status canonical"),
    **keys("path-step path-purpose path-difficulty path-time"),  # which posts/way.py adds
    "author": items(AUTHOR),
    "authors": items(AUTHOR),
    "by-author": items(AUTHOR),
    "listing": Value(
        "true, a type, a mapping or a list of these",
        lambda value: all(isinstance(i, (bool, str, dict)) for i in (value if isinstance(value, list) else [value])),
        LISTING,
    ),
    "about": mapping_or_text(ABOUT),
    "execute": mapping_or_flag(EXECUTE),
}
FRONT_MATTER["format"] = mapping_or_text({"html": mapping_or_text(dict(FRONT_MATTER)), **OTHER_FORMATS})

CELL = keys(
    "label tags echo output include eval warning error code-fold code-summary code-overflow fig-cap fig-alt fig-subcap "
    "fig-width fig-height fig-align fig-dpi fig-format fig-cap-location tbl-cap tbl-subcap tbl-cap-location "
    "layout layout-ncol layout-nrow column classes lst-label lst-cap cache "
    "fig-link lightbox code-line-numbers layout-valign layout-align filename"
)

QUARTO_YML: dict[str, Value] = {
    **FRONT_MATTER,
    **SITE_KEYS,
    "press": MAPPING,
}

PROJECT = Kind("project configuration", "project key", QUARTO_YML)
FOLDER = Kind("folder metadata", "metadata key", FRONT_MATTER)
PAGE = Kind("front matter", "front matter key", FRONT_MATTER)
CELL_OPTIONS = Kind("cell option", "cell option", CELL)

COLUMNS = ("margin", "body", "body-outset", "body-outset-left", "body-outset-right")
COLUMNS += ("page", "page-left", "page-right", "page-inset", "page-inset-left", "page-inset-right")
COLUMNS += ("screen", "screen-left", "screen-right", "screen-inset", "screen-inset-left", "screen-inset-right")
COLUMNS += ("screen-inset-shaded", "leftmargin")
"""Values of `column:` and of `.column-*` that have a place in our page grid."""
