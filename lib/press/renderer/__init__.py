"""The embedded renderer: the site without Quarto, from the same inputs, under the same addresses.

The flow, one module per step:

    core.config _quarto.yml, profiles, _metadata.yml -> Config; core.selection: which inputs `render:` selects
    page        a .qmd or an executed .ipynb -> one Markdown document whose lines know file and line (traced)
                (cells and outputs write code cells, ansi and interactive what terminals and plots say; foreign
                shows cells that are not run; mathmacros finds macros; shortcodes, with media, resolves {{< ... >}})
    convert     the document -> HTML, through filters/*.lua and template.html; warnings become problems
                (rescue says formulas in other words that Pandoc cannot read)
    onepage     ties these together for one page, under a key that covers all the page is made of (pageoptions: what its
                front matter has the filters do; pagelinks: where its links to sources lead)
    record      what a page leaves for the others: title, date, picture, links
    store       the page cache: written aside, renamed last, verified on every read
    previews    what a link to the page shows before it is followed; symbols: what formulas' symbols mean
    libraries   the JavaScript for diagrams, plots and widgets, served by the site itself
    livemodels  the same for live figures: what the package `live` makes of the checkpoints that they name
    assemble    page records -> listing, feed, sitemap, search index, link check, the finished directory

What surrounds a page's text: chrome fills the template (from titleblock, authors, closing, social, includes, colours,
icons, texts, codetools); around puts in what needs to know of all pages (navitems, sidebars); listed the lists of pages
(listing, listitems, feed); phrases the words of the page's language (`languages/`). drafts, aliases, targets (of links)
and themes (by sass) are for the site as a whole.

What Quarto knows and this renderer does not is shown as well as it can be, and told by name, with file and line;
`press: checks:` says whether that stops the build (core.strictness). A page that Pandoc cannot read is shown as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from press.core.config import Config
    from press.core.errors import Problem


@dataclass(frozen=True)
class SiteReport:
    """What a call did.

    Args:
        pages: URLs of all pages, e.g. "posts/x/index.html".
        rendered: those that were rendered now; the others came from the cache.
        changed: False where the finished site was there already and nothing was written.
        warnings: what is wrong with pages and does not stop the build.
    """

    pages: list[str]
    rendered: list[str]
    changed: bool
    warnings: list[Problem] = field(default_factory=list)


def render_site(
    settings: Config,
    *,
    out: Path,
    cache: Path,
    jobs: int = 2,
    on_page: Callable[[str], None] = lambda page: None,
    force: bool = False,
    current: Path | None = None,
    notebooks: Mapping[str, Path] | None = None,
) -> SiteReport:
    """Render the project into the directory `out`.

    Args:
        out: is made complete. May hold an earlier site of ours: then only what differs is written.
        cache: rendered pages by content; safe to delete, safe against kill -9, shared by concurrent builds.
        jobs: how many pages to render at a time.
        on_page: called with the URL of each page that is rendered now.
        force: render all pages, whatever the cache holds.
        notebooks: page -> the executed notebook to read in its place.
        current: where the finished site may be already, if not in `out` (the live one, say); if it is, nothing is
            written.

    Raises:
        PressError: every problem of every page.
    """
    from press.core.errors import Problem
    from press.core.refused import refused
    from press.core.selection import missing_resources, resources, site_inputs, twins
    from press.core.strictness import stop_at
    from press.renderer import assemble, drafts, navitems, onepage, search, store, symbols, themes

    problems = [*settings.problems, *refused(settings), *missing_resources(settings), *navitems.check(settings)]
    problems += twins(settings)
    warnings = stop_at(problems, settings.settings())
    root = settings.root
    site = onepage.open_site(settings, site_inputs(settings), notebooks)
    keys = {path: onepage.page_key(site, path) for path in site.inputs}
    pages = [site.urls[path.relative_to(root).as_posix()] for path in site.inputs]
    static = [str(path.relative_to(root)) + store.digest(path.read_bytes()) for path in resources(settings)]
    key = store.digest(
        site.settings,
        search.version(),
        *keys.values(),
        symbols.stamp(root),
        themes.stamp(settings),
        "resources",
        *static,
    )
    if not force and assemble.is_current(current or out, key, root, cache):
        return SiteReport(pages, [], changed=False, warnings=list(dict.fromkeys(warnings + store.told(cache, key))))
    records, rendered = _render_pages(site, cache, keys, jobs, on_page, force)
    warnings += assemble.assemble(site, cache, out, records, key)
    warnings += [Problem(*problem) for record in records for problem in record["warnings"]]
    store.prune(cache, set(keys.values()))
    warnings = list(dict.fromkeys(warnings))
    store.tell(cache, key, warnings)
    pages = [record["url"] for record in drafts.published(settings, records)]
    return SiteReport(pages, rendered, changed=True, warnings=warnings)


def _render_pages(
    site: Any, cache: Path, keys: dict[Path, str], jobs: int, on_page: Callable[[str], None], force: bool
) -> tuple[list[dict[str, Any]], list[str]]:
    """Records of all pages, in the inputs' order, and the URLs of those that were rendered now."""
    from concurrent.futures import ThreadPoolExecutor

    from press.core.errors import PressError
    from press.renderer import onepage

    rendered: list[str] = []
    problems: list[Problem] = []

    def one(path: Path) -> None:
        url = site.urls[path.relative_to(site.root).as_posix()]
        on_page(url)
        try:
            records[path] = onepage.render_page(site, cache, path, keys[path])
            rendered.append(url)
        except PressError as error:
            problems.extend(error.problems)

    records = {path: None if force else onepage.load_page(site, cache, key) for path, key in keys.items()}
    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        list(pool.map(one, [path for path, record in records.items() if record is None]))
    if problems:
        raise PressError(sorted(set(problems)))
    return [record | {"key": keys[path]} for path, record in records.items() if record is not None], sorted(rendered)
