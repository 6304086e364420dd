"""A stand-in for `quarto`: writes a project's pages in the shapes that Quarto 1.9.38 was seen to write.

Not a renderer: it has no cross references, citations or themes. What it copies is what Quarto does to pages like ours and
what our post-render step is there to mend: fixed widths of pictures, numbers within formulas, `data:` pictures taken
for previews, loaders from other hosts, a script that takes every link's address for a string, whole pages in the feed.

Run as `quarto render --output-dir DIR`; warnings go to the project's `.quarto/warnings.txt`.
"""

from __future__ import annotations

import base64
import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

from press.core.pandoc import binary
from press.core.project import open_project
from press.pipeline import site_pages

STYLE = """\
@import"https://fonts.googleapis.com/css2?family=Lato:ital,wght@0,400;0,700;1,400&display=swap";:root{--bs-blue:#375a7f}
body { margin: 0; font: 17px/1.5 Lato, sans-serif; } *, ::before { box-sizing: border-box; }
#quarto-content { display: grid; grid-template-columns: [screen-start] 1.5em [body-content-start] minmax(0, 1fr) [body-content-end] 1.5em; }
main.content { grid-column: body-content-start / body-content-end; max-width: 750px; }
.img-fluid { max-width: 100%; height: auto; } pre { overflow-x: auto; } table.table { width: 100%; border-collapse: collapse; }
.nav-footer { display: flex; justify-content: space-between; } .nav-footer > div { flex: 1 1 0; }
.table td { padding: .5rem; }
"""
SCRIPT = """\
window.document.addEventListener("DOMContentLoaded", function () {
  const links = window.document.querySelectorAll("a");
  for (let i = 0; i < links.length; i++) {
    if (links[i].href) {
      links[i].dataset.originalHref = links[i].href;
      links[i].href = links[i].href.replace(/\\/index\\.html/, "/");
    }
  }
  const internal = (href) => new RegExp("/" + window.location.host + "/").test(href);
  for (const link of window.document.querySelectorAll("a[href]:not(.nav-link)")) {
    if (!internal(link.href) && link.dataset.originalHref !== undefined) link.href = link.dataset.originalHref;
  }
});
"""
LOADERS = """\
<script src="https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.6/require.min.js" integrity="sha512-x" crossorigin="anonymous"></script>
<script src="https://cdnjs.cloudflare.com/ajax/libs/jquery/3.5.1/jquery.min.js" integrity="sha512-y" crossorigin="anonymous" data-relocate-top="true"></script>
<script type="application/javascript">define('jquery', [],function() {return window.jQuery;})</script>
"""
EQUATION = re.compile(r"\$\$\n(.*?)\n\$\$ \{#(eq-[\w-]+)\}", re.DOTALL)
OPTION = re.compile(r"#\| ([\w-]+): *(.*)")


def options_of(source: str) -> dict[str, str]:
    found = (OPTION.fullmatch(line) for line in source.split("\n"))
    return {match[1]: match[2].strip('"') for match in found if match}


def pandoc(text: str) -> str:
    count = 0

    def number(match: re.Match[str]) -> str:
        nonlocal count
        count += 1
        return f"[$$\n{match[1]} \\qquad({count})\n$$]{{#{match[2]}}}"

    command = [binary(), "--from", "markdown", "--to", "html", "--mathml", "--section-divs"]
    done = subprocess.run(command, input=EQUATION.sub(number, text), capture_output=True, text=True, check=True)
    return done.stdout


def picture(output: dict, folder: Path, name: str, alt: str, classes: str) -> str:
    file = folder / "index_files/figure-html" / f"{name}.png"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(base64.b64decode("".join(output["data"]["image/png"])))
    size = (output.get("metadata") or {}).get("image/png") or {}
    fixed = f' width="{size["width"]}" height="{size["height"]}"' if "width" in size else ""
    shape = "figure-img" if fixed else "img-fluid figure-img"
    source = f"index_files/figure-html/{name}.png"
    return f'<img src="{source}"{fixed} class="{classes} {shape}" alt="{html.escape(alt)}">'


def cell_html(cell: dict, folder: Path, number: int) -> str:
    source = "".join(cell["source"])
    options = options_of(source)
    if options.get("include") == "false":
        return ""
    classes = options.get("classes", "").strip("[]")
    code = "\n".join(line for line in source.split("\n") if not line.startswith("#|"))
    parts = [f'<div class="cell {classes}" data-execution_count="{number}">']
    if options.get("echo") != "false":
        parts.append(
            f'<div class="sourceCode"><pre class="sourceCode python"><code>{html.escape(code)}</code></pre></div>'
        )
    for place, output in enumerate(cell["outputs"], 1):
        data = output.get("data") or {}
        if "text/html" in data:
            parts.append(f'<div class="cell-output cell-output-display">{"".join(data["text/html"])}</div>')
        elif "image/png" in data:
            label = options.get("label", f"cell-{number}")
            name = f"{label}-output-{place}"
            image = picture(output, folder, name, options.get("fig-alt", ""), classes)
            caption = f"<figcaption>{html.escape(options.get('fig-cap', ''))}</figcaption>"
            parts.append(
                f'<div id="{label}" class="cell-output cell-output-display"><figure class="figure"><p>{image}</p>{caption}</figure></div>'
            )
        elif "text/plain" in data or "text" in output:
            text = "".join(data.get("text/plain") or output.get("text"))
            parts.append(
                f'<div class="cell-output cell-output-stdout"><pre><code>{html.escape(text)}</code></pre></div>'
            )
    return "\n".join([*parts, "</div>"])


def read(path: Path, folder: Path) -> tuple[dict, str, bool]:
    """Front matter, body, and whether outputs hold HTML."""
    if path.suffix != ".ipynb":
        _, front, body = path.read_text(encoding="utf-8").split("---\n", 2)
        return yaml.safe_load(front), pandoc(body), False
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    front = "".join(cells[0]["source"]).strip().strip("-")
    parts, loaded = [], False
    for number, cell in enumerate(cells[1:], 1):
        if cell["cell_type"] == "markdown":
            parts.append(pandoc("".join(cell["source"])))
        elif cell["cell_type"] == "raw":
            parts.append("".join(cell["source"]))
        else:
            loaded = loaded or any("text/html" in (out.get("data") or {}) for out in cell["outputs"])
            parts.append(cell_html(cell, folder, number))
    return yaml.safe_load(front), "\n".join(parts), loaded


def first_picture(body: str) -> str:
    marked = re.search(r'<img src="([^"]*)"[^>]*class="[^"]*preview-image', body)
    found = marked or re.search(r'<img[^>]*? ?src="([^"]*)"', body)
    return found[1] if found else ""


def page_html(url: str, meta: dict, body: str, loaded: bool, base: str) -> str:
    up = "../" * url.count("/")
    folder = url.rpartition("/")[0]
    image = first_picture(body)
    preview = f'<meta property="og:image" content="{base}/{folder + "/" if folder else ""}{image}">\n' if image else ""
    about = (
        f'<meta name="description" content="{html.escape(meta["description"])}">\n' if meta.get("description") else ""
    )
    sides = ["<p>Made by a build.</p>", "&nbsp;", "&nbsp;"]
    footer = "".join(
        f'<div class="nav-footer-{s}">{t}</div>' for s, t in zip(("left", "center", "right"), sides, strict=True)
    )
    title = html.escape(str(meta["title"]))
    return f"""<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head>
<meta charset="utf-8"><meta name="generator" content="quarto-1.9.38"><meta name="viewport" content="width=device-width, initial-scale=1.0">
{about}<title>{title}</title>
<link href="{up}site_libs/bootstrap/bootstrap.min.css" rel="stylesheet" id="quarto-bootstrap">
<script src="{up}site_libs/quarto-nav/quarto-nav.js"></script>
{LOADERS if loaded else ""}{preview}</head>
<body class="nav-fixed"><header id="quarto-header"><nav class="navbar"><a class="nav-link" href="{up}index.html">Home</a></nav></header>
<div id="quarto-content" class="quarto-container page-columns page-rows-contents page-layout-article">
<main class="content" id="quarto-document-content"><h1 class="title">{title}</h1>
{body}
</main></div>
<footer class="footer"><div class="nav-footer">{footer}</div></footer></body></html>
"""


def render(root: Path, out: Path) -> None:
    project = open_project(root, os.environ.get("QUARTO_PROFILE", ""))
    base = str((project.config.get("website") or {}).get("site-url") or "").rstrip("/")
    warnings, items, made = [], [], []
    for name, text in (("bootstrap/bootstrap.min.css", STYLE), ("quarto-nav/quarto-nav.js", SCRIPT)):
        path = out / "site_libs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for path in site_pages(project):
        url = path.relative_to(root).with_suffix(".html").as_posix()
        (out / url).parent.mkdir(parents=True, exist_ok=True)
        meta, body, loaded = read(path, (out / url).parent)
        body = re.sub(
            r'(?<![\w-])href="([^":#]*)\.(?:qmd|ipynb)(?=[#"])', lambda m, path=path: resolve(m, path, warnings), body
        )
        made.append((url, meta, body, loaded))
        if url.startswith("posts/"):
            items.append((url, meta, body))
    for url, meta, body, loaded in made:
        if url == "index.html":
            body += listing(items)
        (out / url).write_text(page_html(url, meta, body, loaded, base), encoding="utf-8")
    (out / "index.xml").write_text(feed(items, base), encoding="utf-8")
    (root / ".quarto").mkdir(exist_ok=True)
    (root / ".quarto/warnings.txt").write_text("\n".join(warnings), encoding="utf-8")


def resolve(match: re.Match[str], path: Path, warnings: list[str]) -> str:
    if not any((path.parent / f"{match[1]}{suffix}").exists() for suffix in (".qmd", ".ipynb")):
        warnings.append(f"WARN: Unable to resolve link target: {match[1]}")
        return match[0]
    return f'href="{match[1]}.html'


def listing(items: list) -> str:
    rows = []
    for url, meta, body in items:
        found = first_picture(body)
        image = f'<img src="{url.rpartition("/")[0]}/{found}" class="thumbnail-image">' if found else "&nbsp;"
        rows.append(f"""<div class="quarto-post image-right"><div class="thumbnail"><a href="./{url}" class="no-external">
<p>{image}</p></a></div><h3 class="no-anchor listing-title"><a href="./{url}">{html.escape(meta["title"])}</a></h3></div>""")
    return f'<div class="quarto-listing quarto-listing-container-default"><div class="list">{"".join(rows)}</div></div>'


def feed(items: list, base: str) -> str:
    rows = []
    for url, meta, body in items:
        folder, image = url.rpartition("/")[0], first_picture(body)
        media = f'<media:content url="{base}/{folder}/{image}" medium="image" type="image/png"/>' if image else ""
        rows.append(f"""<item>
  <title>{html.escape(meta["title"])}</title>
  <link>{base}/{folder}/</link>
  <description><![CDATA[ {body.replace("]]>", "]]]]><![CDATA[>")} ]]></description>
  <guid>{base}/{folder}/</guid>
  {media}
</item>""")
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<rss xmlns:atom="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/" version="2.0"><channel>
<title>Test</title><link>{base}/index.html</link><description>About</description><generator>quarto-1.9.38</generator>
{chr(10).join(rows)}
</channel></rss>
"""


if __name__ == "__main__":
    if sys.argv[1] == "--version":
        print("1.9.38")
    else:
        render(Path.cwd(), Path.cwd() / sys.argv[sys.argv.index("--output-dir") + 1])
