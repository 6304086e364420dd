"""The command line: what each command of `options.py` does."""

from __future__ import annotations

import argparse
import os
import sys

from press.asked import project_of
from press.core.errors import PressError
from press.options import parser
from press.telling import count, say, say_all
from press.working import act_build, act_cache, act_record, act_run, act_verdicts, act_verify, act_why


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 1 the work failed, 2 wrong usage."""
    options = parser().parse_args(arguments)
    try:
        return ACTS[options.command](options)
    except PressError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        print(count(len(error.problems), "problem"), file=sys.stderr)
        if error.hint:
            print(error.hint, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what had finished is in the cache", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def act_preview(options: argparse.Namespace) -> int:
    """`press preview`."""
    from press.preview import preview

    how = {"port": options.port, "jobs": options.jobs, "renderer": options.renderer, "browser": options.open}
    return preview(project_of(options), **how)


def act_new(options: argparse.Namespace) -> int:
    """`press new post SLUG`."""
    from press.start.newpost import new_post

    name, notes = new_post(project_of(options), options.slug, options.title, notebook=options.notebook)
    print(name)
    for note in notes:
        say(f"note: {note}")
    return 0


def act_init(options: argparse.Namespace) -> int:
    """`press init [DIR]`: a first blog, or in a project that is there already a report."""
    if (options.folder / "_quarto.yml").is_file():
        from press.adopt import look, tell

        print("\n".join(tell(look(options.folder, options.profile))))
        return 0
    from press.start.blog import begin, tell_begun

    print("\n".join(tell_begun(options.folder, begin(options.folder))))
    return 0


def act_fetch(options: argparse.Namespace) -> int:
    """`press fetch`."""
    from press.core.extras import need

    need("press fetch", "arxiv", "httpx2", "pylatexenc")
    from press.intake.fetch import fetch, tell

    given = {"citekey": options.citekey, "main": options.main, "latex": options.latex}
    done = fetch(project_of(options), options.paper, say, html=options.html, facts=options.facts, **given)
    say_all("note", done.notes)
    print("\n".join(tell(done)))
    return 0


def act_check(options: argparse.Namespace) -> int:
    """`press check`."""
    from press.intake.zotero.report import bibliography_report
    from press.pipeline import check

    project = project_of(options)
    problems, notes = bibliography_report(project)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    errors, warnings = check(project)
    say_all("warning", warnings)
    if problems := problems + errors:
        raise PressError(problems)
    print(f"no problems, {count(len(warnings), 'warning')}" if warnings else "no problems")
    return 0


def act_claims(options: argparse.Namespace) -> int:
    """`press claims`."""
    from press.papers.ledger import as_json, as_table, ledger, select
    from press.papers.schema import read_papers
    from press.posts.collection import read_notebooks

    project = project_of(options)
    entries = ledger(read_papers(project.root), read_notebooks(project))
    chosen = select(entries, verdict=options.verdict, paper=options.paper, post=options.post)
    print(as_json(chosen) if options.json else as_table(chosen))
    return 0


def act_sync(options: argparse.Namespace) -> int:
    """`press sync`."""
    from press.core.extras import need

    need("press sync", "zotero", "bibtexparser", "httpx2", "pyzotero")
    from press.intake.zotero.report import tell
    from press.intake.zotero.sync import Wishes, sync

    names = ("library_id", "library_type", "collection", "tag", "local", "rewrite", "dry_run", "full")
    wishes = Wishes(**{name: getattr(options, name) for name in names})
    outcome = sync(project_of(options), wishes, lambda line: print(line, file=sys.stderr, flush=True))
    print("\n".join(tell(outcome, wishes.dry_run)))
    return 0


def act_drift(options: argparse.Namespace) -> int:
    """`press drift`."""
    import contextlib

    from press.core.bars import Progress
    from press.core.extras import need
    from press.core.manifest import at_work
    from press.pages.driftpage import check_piece, write_drift
    from press.papers.driftfile import read_drift
    from press.preflight import planned
    from press.shared.drifting import check_tests, compared, installed, run_posts_through, run_tests, table

    project = project_of(options)
    if options.tests:
        need("press drift --tests", "test", "pytest")
    check_tests(project, options.tests)
    with at_work(project), contextlib.closing(Progress()) as progress:
        before = read_drift(project.root)
        check_piece(project.root)
        plan, papers = planned(project, [], {})
        versions = installed(plan, options.packages)
        posts = run_posts_through(project, plan, papers, jobs=options.jobs, progress=progress)
    tests = run_tests(project, options.tests, say) if options.tests else None  # they may run the press here themselves
    drift = compared(before, versions, tests, posts, plan)
    write_drift(project.root, drift)
    print("\n".join(table(drift)))
    return 1 if drift.failed else 0


def act_clean(options: argparse.Namespace) -> int:
    """`press clean`."""
    from press.clean import clean

    gone, left = clean(project_of(options), options.all, dry_run=options.dry_run)
    for name in gone:
        print(("would remove " if options.dry_run else "removed ") + name)
    for name in left:
        say(f"left {name}: the press did not make it, or it was changed since. Delete it yourself if you wish")
    return 0


ACTS = {
    "init": act_init,
    "build": act_build,
    "run": act_run,
    "record": act_record,
    "verdicts": act_verdicts,
    "why": act_why,
    "cache": act_cache,
    "verify": act_verify,
    "preview": act_preview,
    "new": act_new,
    "fetch": act_fetch,
}
ACTS |= {"drift": act_drift, "check": act_check, "claims": act_claims, "sync": act_sync, "clean": act_clean}

if __name__ == "__main__":
    sys.exit(main())
