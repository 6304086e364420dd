"""The command line: `press build`, `run`, `why`, `preview`, `new`, `fetch`, `check`, `claims`, `sync`, `clean`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from press.errors import PressError, fail

DESCRIPTION = "Execute posts that are stale, render the site, check it, publish it in one step."


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    main = argparse.ArgumentParser("press", description=DESCRIPTION, epilog="press COMMAND --help tells more.")
    commands = main.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, act: Callable, about: str, *examples: str) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name,
            help=about,
            description=about,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            epilog="examples:\n" + "\n".join(f"  {example}" for example in examples),
        )
        command.set_defaults(act=act)
        command.add_argument("--root", type=Path, default=None, help="the project's folder (default: here or above)")
        command.add_argument(
            "--profile", default=os.environ.get("QUARTO_PROFILE", ""), help="merge _quarto-PROFILE.yml"
        )
        return command

    build = add(
        "build",
        act_build,
        "Execute what is stale, render and check the site.",
        "press build",
        "press build --jobs 4 -p seed 7",
    )
    build.add_argument(
        "--renderer", choices=("auto", "quarto", "pandoc"), default="auto", help="default: quarto if on PATH"
    )
    _execution(build)
    run = add(
        "run", act_run, "Execute stale posts, render nothing.", "press run", "press run ddpm-ddim -p seed 7 --force"
    )
    run.add_argument("slugs", nargs="*", metavar="SLUG", help="posts to run (default: all that are stale)")
    _execution(run)
    why = add("why", act_why, "Say why a post would run again.", "press why ddpm-ddim", "press why")
    why.add_argument("slugs", nargs="*", metavar="SLUG", help="posts to ask about (default: all)")
    preview = add(
        "preview", act_preview, "Serve the site and rebuild on save.", "press preview", "press preview --port 8000"
    )
    preview.add_argument("--port", type=int, default=4848, help="default: 4848; 0 takes any free port")
    preview.add_argument(
        "--renderer", choices=("auto", "quarto", "pandoc"), default="auto", help="default: quarto if on PATH"
    )
    _execution(preview, short=True)
    new = add(
        "new",
        act_new,
        "Start a post from a template.",
        "press new post guidance",
        'press new post glide --title "GLIDE"',
    )
    new.add_argument("kind", choices=("post",))
    new.add_argument("slug", metavar="SLUG", help="folder below posts/, and the last part of the URL")
    new.add_argument("--title", default="", help="default: made from the slug")
    fetch = add(
        "fetch",
        act_fetch,
        "Fetch a paper's numbered equations from its LaTeX source on arXiv into papers/.",
        "press fetch 2010.02502v4",
        "press fetch https://arxiv.org/abs/2006.11239 --citekey ho2020ddpm",
    )
    fetch.add_argument("paper", metavar="ID", help="arXiv id, with or without version, or its address")
    fetch.add_argument(
        "--citekey", default="", metavar="KEY", help="folder below papers/ (default: from references.bib)"
    )
    fetch.add_argument("--main", default="", metavar="FILE", help="LaTeX file to begin with (default: found)")
    fetch.add_argument(
        "--latex", choices=("auto", "never"), default="auto", help="take the numbers of pdflatex where it is installed"
    )
    fetch.add_argument("--html", action="store_true", help="compare the numbers with arXiv's HTML of the paper")
    add(
        "check",
        act_check,
        "Report what is wrong with sources and built site; write nothing.",
        "press check",
        "press check --root site",
    )
    claims = add(
        "claims",
        act_claims,
        "List what papers claim, what posts measured, and the verdicts.",
        "press claims",
        'press claims --verdict "not at this scale" --json',
    )
    claims.add_argument("--json", action="store_true", help="everything, as JSON")
    claims.add_argument("--verdict", default="", help='only these, e.g. reproduced or "not measured"')
    claims.add_argument("--paper", default="", metavar="CITEKEY", help="only this paper's")
    claims.add_argument("--post", default="", metavar="SLUG", help="only what this post measured")
    sync = add(
        "sync",
        act_sync,
        "Bring references.bib up to date with Zotero. The key is read from ZOTERO_API_KEY only.",
        "press sync --dry-run",
        "press sync --library-id 123456 --library-type group --tag diffusion",
    )
    _sync_options(sync)
    clean = add("clean", act_clean, "Remove what was generated.", "press clean", "press clean --all")
    clean.add_argument("--all", action="store_true", help="executed results too: everything runs again")
    clean.add_argument("--dry-run", action="store_true", help="say what would be removed")
    return main


def _execution(command: argparse.ArgumentParser, short: bool = False) -> None:
    command.add_argument(
        "--jobs", type=_positive, default=os.cpu_count() or 1, help="notebooks at a time (default: cores)"
    )
    if short:
        command.set_defaults(parameters=[], force=False, dask=None)
        return
    command.add_argument(
        "-p",
        dest="parameters",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="set a parameter in the posts that declare it (YAML value); may be repeated",
    )
    command.add_argument("--force", action="store_true", help="execute and render everything")
    command.add_argument("--dask", metavar="ADDRESS", help="execute on a Dask cluster, e.g. tcp://host:8786")
    command.add_argument("--dry-run", action="store_true", help="say what would run and why, and do nothing")


def _sync_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--local", action="store_true", help="ask the Zotero that runs on this machine; needs no key")
    command.add_argument("--library-id", type=_number, metavar="ID", help="default: $ZOTERO_LIBRARY_ID")
    command.add_argument("--library-type", choices=("user", "group"), help="default: $ZOTERO_LIBRARY_TYPE, else user")
    command.add_argument(
        "--collection", type=_collection, metavar="KEY", help='only this collection; remembered, "" for all'
    )
    command.add_argument("--tag", help='only items with this tag; remembered, "" for all')
    command.add_argument("--rewrite", action="store_true", help="where a key was renamed in Zotero, rewrite citations")
    command.add_argument("--full", action="store_true", help="read the whole library, not only what changed")
    command.add_argument("--dry-run", action="store_true", help="print the changes as a diff, and write nothing")


def _number(text: str) -> str:
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} must be a number; a user's stands at zotero.org/settings/keys")
    return text


def _collection(text: str) -> str:
    if text and not (len(text) == 8 and text.isascii() and text.isalnum()):
        raise argparse.ArgumentTypeError(f"{text!r} must be the 8 letters and digits at the end of its address")
    return text.upper()


def _positive(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 1")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 1 the work failed, 2 wrong usage."""
    options = parser().parse_args(arguments)
    try:
        return options.act(options)
    except PressError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        count = len(error.problems)
        print("1 problem" if count == 1 else f"{count} problems", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what had finished is in the cache", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _project(options: argparse.Namespace):
    from press.project import open_project

    root = options.root
    if root is None:
        here = Path.cwd()
        root = next((folder for folder in (here, *here.parents) if (folder / "_quarto.yml").is_file()), here)
    return open_project(root, options.profile)


def _parameters(options: argparse.Namespace) -> dict[str, Any]:
    import yaml

    values = {}
    for name, text in options.parameters:
        try:
            values[name] = yaml.safe_load(text)
        except yaml.YAMLError:
            raise fail("", 0, f"-p {name} {text!r}: not a YAML value") from None
    return values


def act_build(options: argparse.Namespace) -> int:
    """`press build`."""
    from press.build import build
    from press.progress import Progress

    project, given = _project(options), _parameters(options)
    if options.dry_run:
        return _dry_run(project, [], given, options.force)
    progress = Progress()
    try:
        report = build(
            project,
            given,
            jobs=options.jobs,
            dask=options.dask,
            force=options.force,
            renderer=options.renderer,
            progress=progress,
        )
    finally:
        progress.close()
    ran, drawn = len(report.executed), len(report.rendered)
    state = f"{ran} posts ran, {drawn} pages rendered" if ran or report.changed else "nothing changed, 0 posts ran"
    print(f"{project.site.name}/: {report.pages} pages with {report.renderer}; {state}")
    return 0


def act_run(options: argparse.Namespace) -> int:
    """`press run`."""
    from press.build import run_posts
    from press.progress import Progress

    project, given = _project(options), _parameters(options)
    if options.dry_run:
        return _dry_run(project, options.slugs, given, options.force)
    progress = Progress()
    try:
        report = run_posts(
            project, options.slugs, given, jobs=options.jobs, dask=options.dask, force=options.force, progress=progress
        )
    finally:
        progress.close()
    print(f"{len(report.executed)} posts ran" + (": " + ", ".join(report.executed) if report.executed else ""))
    return 0


def _dry_run(project, slugs: list[str], given: dict[str, Any], force: bool) -> int:
    from press.run import make_plan

    plan = make_plan(project, slugs, given, force)
    for step in plan.stale:
        print(f"would run {step.post.slug}: {'; '.join(step.reasons)}")
    print(f"{len(plan.stale)} of {len(plan.steps)} posts would run")
    return 0


def act_why(options: argparse.Namespace) -> int:
    """`press why`."""
    from press.run import make_plan

    plan = make_plan(_project(options), options.slugs, {})
    for step in plan.steps:
        print(f"{step.post.slug}: {'up to date' if not step.reasons else 'stale'}")
        for reason in step.reasons:
            print(f"  {reason}")
    return 0


def act_preview(options: argparse.Namespace) -> int:
    """`press preview`."""
    from press.preview import preview

    return preview(_project(options), port=options.port, jobs=options.jobs, renderer=options.renderer)


def act_new(options: argparse.Namespace) -> int:
    """`press new post SLUG`."""
    from press.new import new_post

    print(new_post(_project(options), options.slug, options.title))
    return 0


def act_fetch(options: argparse.Namespace) -> int:
    """`press fetch`."""
    from press.papers.fetch import fetch, tell

    given = {"citekey": options.citekey, "main": options.main, "latex": options.latex, "html": options.html}
    done = fetch(_project(options), options.paper, _say, **given)
    for note in done.notes:
        _say(f"note: {note}")
    print("\n".join(tell(done)))
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def act_check(options: argparse.Namespace) -> int:
    """`press check`."""
    from press.bibliography.report import bibliography_report
    from press.build import check

    project = _project(options)
    problems, notes = bibliography_report(project)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    problems += check(project)
    if problems:
        raise PressError(problems)
    print("no problems")
    return 0


def act_claims(options: argparse.Namespace) -> int:
    """`press claims`."""
    from press.claims import as_json, as_table, ledger, select

    entries = ledger(_project(options))
    chosen = select(entries, verdict=options.verdict, paper=options.paper, post=options.post)
    print(as_json(chosen) if options.json else as_table(chosen))
    return 0


def act_sync(options: argparse.Namespace) -> int:
    """`press sync`."""
    from press.bibliography.report import tell
    from press.bibliography.sync import Wishes, sync

    names = ("library_id", "library_type", "collection", "tag", "local", "rewrite", "dry_run", "full")
    wishes = Wishes(**{name: getattr(options, name) for name in names})
    outcome = sync(_project(options), wishes, lambda line: print(line, file=sys.stderr, flush=True))
    print("\n".join(tell(outcome, wishes.dry_run)))
    return 0


def act_clean(options: argparse.Namespace) -> int:
    """`press clean`."""
    from press.build import clean

    for name in clean(_project(options), options.all, dry_run=options.dry_run):
        print(("would remove " if options.dry_run else "removed ") + name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
