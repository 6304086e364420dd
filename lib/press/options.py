"""What the command line understands: each command with its options."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from press import optionforms

DESCRIPTION = "Execute posts that are stale, render the site, check it, publish it in one step."


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    epilog = "See `press COMMAND --help` for the options of a command."
    main = argparse.ArgumentParser("press", description=DESCRIPTION, epilog=epilog)
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, about: str, *examples: str, root: bool = True) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=about,
            description=about,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog="examples:\n" + "\n".join(f"  {example}" for example in examples),
        )
        if root:
            command.add_argument(
                "--root", type=Path, default=None, help="the project's folder (default: here or above)"
            )
        command.add_argument(
            "--profile", default=os.environ.get("QUARTO_PROFILE", ""), help="merge _quarto-PROFILE.yml"
        )
        return command

    init = add(
        "init",
        "Start a blog in an empty or new folder. In an existing project: say what the press makes of it.",
        "press init blog",
        "press init",
        root=False,
    )
    init.add_argument("folder", nargs="?", type=Path, default=Path(), metavar="DIR", help="default: this folder")
    build = add(
        "build",
        "Execute what is stale, render and check the site.",
        "press build --jobs 4 -p seed 7",
        "press build --force-render",
        "press build --keep-going",
    )
    build.add_argument(
        "--keep-going",
        action="store_true",
        help="publish what ran, with an error page for each post that failed, and exit with 1",
    )
    build.add_argument("--force-render", action="store_true", help="re-render every page; execute only what is stale")
    _renderer(build)
    _execution(build)
    run = add("run", "Execute stale posts, render nothing.", "press run", "press run ddpm-ddim -p seed 7 --force")
    run.add_argument("slugs", nargs="*", metavar="SLUG", help="posts to run (default: all that are stale)")
    _execution(run)
    cache = add(
        "cache",
        "Write the results of the last build to a folder, for --cache-from elsewhere.",
        "press cache export executed",
        "press cache export /srv/www/blog-cache",
    )
    cache.add_argument("kind", choices=("export",))
    cache.add_argument("folder", type=Path, metavar="DIR", help="a new or empty folder, or a cache to add to")
    verify = add(
        "verify",
        "Run posts again and compare them with the results on the site; change nothing. Exit 1 if they disagree.",
        "press verify ddpm-ddim",
        "press verify --jobs 2",
    )
    verify.add_argument("slugs", nargs="*", metavar="SLUG", help="posts to run (default: all)")
    _jobs(verify)
    _parameters(verify)
    record = add(
        "record",
        "Run posts with seeds 1, 2, ... and keep what their claims measured in papers/KEY/record.toml. Each run is "
        "written as it ends: after a kill, the same command runs the rest. Nothing else "
        "in the project is changed.",
        "press record ddpm-ddim",
        "press record --seeds 20 --jobs 2",
        "press record guidance --seeds 5 -p n_prompts 200",
    )
    record.add_argument("slugs", nargs="*", metavar="SLUG", help="posts to run (default: all that measure claims)")
    record.add_argument(
        "--seeds", type=optionforms.positive, default=10, metavar="N", help="run the seeds 1 to N (default: 10)"
    )
    _jobs(record)
    _parameters(record)
    record.add_argument("--dry-run", action="store_true", help="say what would run, and do nothing")
    verdicts = add(
        "verdicts",
        "Run posts with other seeds, check their prose, and say for each claim if the verdict is the recorded one. "
        "Nothing is recorded; after a kill, the same command runs the rest. Exit 1 if a verdict differs.",
        "press verdicts",
        "press verdicts guidance ddpm-ddim --seeds 4 5 6 7",
    )
    verdicts.add_argument("slugs", nargs="*", metavar="SLUG", help="posts to run (default: all with a seed)")
    verdicts.add_argument(
        "--seeds",
        type=optionforms.seed,
        nargs="+",
        default=[1, 2, 3],
        metavar="SEED",
        help="default: 1 2 3; SLUGs come before it",
    )
    _jobs(verdicts)
    _parameters(verdicts)
    drift = add(
        "drift",
        "With the packages that are installed here, such as the newest ones: run all posts and the tests, and write to "
        "drift.toml what fails and when it last did not. The site stays as it is; after a kill, the same command runs "
        "the rest. Exit 1 if anything fails.",
        "press drift",
        "press drift --tests tests/loops --packages torch diffusers",
    )
    drift.add_argument(
        "--tests", nargs="+", default=[], metavar="PATH", help="what pytest is to run (default: nothing)"
    )
    drift.add_argument(
        "--packages",
        nargs="+",
        default=[],
        metavar="NAME",
        help="packages whose versions to record (default: those on pages)",
    )
    _jobs(drift)
    why = add("why", "Say why a post would run again.", "press why ddpm-ddim", "press why")
    why.add_argument("slugs", nargs="*", metavar="SLUG", help="posts to ask about (default: all)")
    preview = add("preview", "Serve the site and rebuild on save.", "press preview", "press preview --port 8000")
    preview.add_argument("--port", type=int, default=4848, help="default: 4848; 0 takes any free port")
    preview.add_argument("--open", action="store_true", help="open the first page in a browser")
    _renderer(preview)
    _execution(preview, short=True)
    new = add(
        "new",
        "Start a post from a template.",
        "press new post guidance --notebook",
        'press new post glide --title "GLIDE"',
    )
    new.add_argument("kind", choices=("post",))
    new.add_argument("slug", metavar="SLUG", help="folder below posts/, and the last part of the URL")
    new.add_argument("--title", default="", help="default: made from the slug")
    new.add_argument("--notebook", action="store_true", help="a Jupyter notebook instead of Quarto Markdown")
    fetch = add(
        "fetch",
        "Fetch a paper's numbered equations from its LaTeX source on arXiv into papers/.",
        "press fetch 2010.02502v4",
        "press fetch https://arxiv.org/abs/2006.11239 --citekey ho2020ddpm",
    )
    fetch.add_argument("paper", metavar="ID", help="arXiv ID, with or without a version, or its URL")
    fetch.add_argument(
        "--citekey", default="", metavar="KEY", help="folder below papers/ (default: from references.bib)"
    )
    fetch.add_argument(
        "--main", default="", metavar="FILE", help="LaTeX file to start from (default: found automatically)"
    )
    fetch.add_argument(
        "--latex", choices=("auto", "never"), default="auto", help="use pdflatex's numbers if it is installed"
    )
    fetch.add_argument("--html", action="store_true", help="compare the numbers with arXiv's HTML of the paper")
    fetch.add_argument("--facts", action="store_true", help="write numbers and labels only, to be committed")
    check = add(
        "check", "Report what is wrong with sources and site; write nothing.", "press check", "press check --strict"
    )
    claims = add(
        "claims",
        "List what papers claim, what posts measured, and the verdicts.",
        "press claims",
        'press claims --verdict "inconclusive" --json',
    )
    claims.add_argument("--json", action="store_true", help="everything, as JSON")
    claims.add_argument("--verdict", default="", help='only these, e.g. reproduced or "not measured"')
    claims.add_argument("--paper", default="", metavar="CITEKEY", help="only this paper's")
    claims.add_argument("--post", default="", metavar="SLUG", help="only what this post measured")
    sync = add(
        "sync",
        "Bring references.bib up to date with Zotero. The key is read from ZOTERO_API_KEY only.",
        "press sync --dry-run",
        "press sync --library-id 123456 --library-type group --tag diffusion",
    )
    _sync_options(sync)
    clean = add("clean", "Remove what was generated.", "press clean", "press clean --all")
    clean.add_argument("--all", action="store_true", help="executed results too, so that everything runs again")
    clean.add_argument("--dry-run", action="store_true", help="say what would be removed")
    for command in (build, check):
        command.add_argument("--strict", action="store_true", help="treat each warning as an error, as CI does")
    return main


def _renderer(command: argparse.ArgumentParser) -> None:
    kinds = ("auto", "quarto", "pandoc")
    command.add_argument("--renderer", choices=kinds, default="auto", help="default: quarto if on PATH")


def _jobs(command: argparse.ArgumentParser) -> None:
    cores = os.cpu_count() or 1
    command.add_argument(
        "--jobs", type=optionforms.positive, default=cores, help="notebooks at a time (default: cores)"
    )


def _parameters(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "-p",
        dest="parameters",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="set a parameter in the posts that declare it (YAML value); may be repeated",
    )


def _execution(command: argparse.ArgumentParser, short: bool = False) -> None:
    _jobs(command)
    if short:
        command.set_defaults(parameters=[], force=False, dask=None, cache_from="")
        return
    _parameters(command)
    command.add_argument("--force", action="store_true", help="execute everything again; build also renders it")
    command.add_argument(
        "--cache-from",
        type=optionforms.cache,
        default="",
        metavar="URL|DIR",
        help="take results of stale posts from a published cache if their keys match; not with --force",
    )
    command.add_argument("--dask", metavar="ADDRESS", help="execute on a Dask cluster, e.g. tcp://host:8786")
    command.add_argument("--dry-run", action="store_true", help="say what would run and why, and do nothing")


def _sync_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--local", action="store_true", help="ask the Zotero running on this machine; needs no key")
    command.add_argument("--library-id", type=optionforms.number, metavar="ID", help="default: $ZOTERO_LIBRARY_ID")
    command.add_argument("--library-type", choices=("user", "group"), help="default: $ZOTERO_LIBRARY_TYPE, else user")
    command.add_argument(
        "--collection", type=optionforms.collection, metavar="KEY", help='only this collection; remembered, "" for all'
    )
    command.add_argument("--tag", help='only items with this tag; remembered, "" for all')
    command.add_argument("--rewrite", action="store_true", help="where a key was renamed in Zotero, rewrite citations")
    command.add_argument("--full", action="store_true", help="read the whole library, not only what changed")
    command.add_argument("--dry-run", action="store_true", help="print the changes as a diff, and write nothing")
