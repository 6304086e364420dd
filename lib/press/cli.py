"""The command line: what each command of `options.py` does."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from press.core.errors import PressError, Problem
from press.options import parser

if TYPE_CHECKING:
    from press.core.project import Project


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 done, 1 the work failed, 2 wrong usage."""
    options = parser().parse_args(arguments)
    try:
        return ACTS[options.command](options)
    except PressError as error:
        for problem in error.problems:
            print(f"error: {problem}", file=sys.stderr)
        print(_count(len(error.problems), "problem"), file=sys.stderr)
        if error.hint:
            print(error.hint, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; what had finished is in the cache", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _project(options: argparse.Namespace):
    from press.core.project import open_project

    root = options.root
    if root is None:
        here = Path.cwd()
        root = next((folder for folder in (here, *here.parents) if (folder / "_quarto.yml").is_file()), here)
    return open_project(root, options.profile)


def _parameters(options: argparse.Namespace) -> dict[str, Any]:
    import yaml

    from press.core.yamlfile import load

    values, problems = {}, []
    for name, text in options.parameters:
        try:
            values[name] = load(text)
        except yaml.YAMLError:
            problems.append(Problem("", 0, f"-p {name} {text!r}: not a YAML value"))
    if problems:
        raise PressError(problems)
    return values


def _count(number: int, what: str) -> str:
    return f"1 {what}" if number == 1 else f"{number} {what}s"


def act_build(options: argparse.Namespace) -> int:
    """`press build`."""
    from press import unchanged

    project, given = _project(options), _parameters(options)
    if options.dry_run:
        return _dry_run(project, [], given, options.force)
    how = {"given": given, "renderer": options.renderer}
    forced = options.force or options.force_render
    told = None if forced else unchanged.last_report(project, how)
    if told is None:
        told = _build(options, project, given, how)
    _say_all("warning", told["warnings"])
    _say_all("note", told["notes"])
    ran, drawn = told["executed"], told["rendered"]
    state = f"{ran} posts ran, {drawn} pages rendered" if ran or told["changed"] else "nothing changed, 0 posts ran"
    print(f"{project.site.relative_to(project.root)}/: {told['pages']} pages with {told['renderer']}; {state}")
    if count := len(told["warnings"]):
        print(f"{_count(count, 'warning')}; `press: checks: strict` in _quarto.yml makes each an error")
    if told["failed"]:
        print(f"failed: {', '.join(told['failed'])}; the page of each says where and why")
        raise PressError([Problem(*problem) for problem in told["problems"]])
    return 0


def _build(options: argparse.Namespace, project: Project, given: dict[str, Any], how: dict[str, Any]) -> dict[str, Any]:
    """Build, keep what the next build has to know to find nothing to do, and return what is to be told."""
    from dataclasses import astuple

    from press import unchanged
    from press.core.bars import Progress
    from press.core.manifest import Manifest
    from press.pipeline import build

    before, own = unchanged.table(project), set(Manifest(project).names())
    wishes = {"jobs": options.jobs, "dask": options.dask, "force": options.force, "force_render": options.force_render}
    with contextlib.closing(Progress()) as progress:
        wishes |= {"renderer": options.renderer, "keep_going": options.keep_going, "progress": progress}
        report = build(project, given, **wishes)
    told = {"warnings": list(map(str, report.warnings)), "notes": report.notes, "failed": report.failed}
    told |= {"pages": report.pages, "renderer": report.renderer, "problems": list(map(astuple, report.problems))}
    done = {"executed": len(report.executed), "rendered": len(report.rendered), "changed": report.changed}
    if not report.failed:
        own |= {*Manifest(project).names(), project.site.relative_to(project.root).as_posix()}
        nothing = {"executed": 0, "rendered": 0, "changed": False, "notes": []}
        unchanged.note(project, how, before, own, told | nothing)
    return told | done


def act_run(options: argparse.Namespace) -> int:
    """`press run`."""
    from press.core.bars import Progress
    from press.pipeline import run_posts

    project, given = _project(options), _parameters(options)
    if options.dry_run:
        return _dry_run(project, options.slugs, given, options.force)
    how = {"jobs": options.jobs, "dask": options.dask, "force": options.force}
    with contextlib.closing(Progress()) as progress:
        report = run_posts(project, options.slugs, given, progress=progress, **how)
    _tell_broken(report.elsewhere)
    _say_all("note", report.notes)
    print(f"{len(report.executed)} posts ran" + (": " + ", ".join(report.executed) if report.executed else ""))
    return 0


def _dry_run(project, slugs: list[str], given: dict[str, Any], force: bool) -> int:
    from press.preflight import planned

    plan, _ = planned(project, slugs, given, force)
    if plan.problems:
        raise PressError(plan.problems)
    _tell_broken(plan.elsewhere)
    for step in plan.stale:
        print(f"would run {step.post.slug}: {'; '.join(step.reasons)}")
    print(f"{len(plan.stale)} of {len(plan.steps)} posts would run")
    return 0


def act_why(options: argparse.Namespace) -> int:
    """`press why`."""
    from press.posts import stored
    from press.preflight import planned

    project = _project(options)
    plan, _ = planned(project, options.slugs, {})
    _tell_broken(plan.elsewhere)
    for step in plan.steps:
        state = "stale" if step.reasons else "up to date" if step.post.runs else "not executed: execute: enabled: false"
        print(f"{step.post.slug}: {state}")
        for reason in step.reasons:
            print(f"  {reason}")
    for source in plan.stored:
        print(f"{source.slug}: published with its stored outputs; `execute: enabled: true` has the press run it")
        for problem in stored.stale([source], project):
            print(f"  {problem.message}")
    for source in plan.frozen:
        print(f"{source.slug}: published with the results that Quarto froze, as `execute: freeze:` asks")
    if plan.problems:
        raise PressError(plan.problems)
    return 0


def _tell_broken(elsewhere: dict[str, list[Problem]]) -> None:
    """One line on posts that were not asked for and cannot be read."""
    if elsewhere:
        names = ", ".join(sorted(elsewhere))
        _say(f"note: left out, as their sources are broken: {names}. `press check` says what is wrong")


def act_preview(options: argparse.Namespace) -> int:
    """`press preview`."""
    from press.preview import preview

    return preview(_project(options), port=options.port, jobs=options.jobs, renderer=options.renderer)


def act_new(options: argparse.Namespace) -> int:
    """`press new post SLUG`."""
    from press.start.newpost import new_post

    name, notes = new_post(_project(options), options.slug, options.title, notebook=options.notebook)
    print(name)
    for note in notes:
        _say(f"note: {note}")
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
    done = fetch(_project(options), options.paper, _say, html=options.html, facts=options.facts, **given)
    _say_all("note", done.notes)
    print("\n".join(tell(done)))
    return 0


def _say_all(kind: str, lines: Iterable[Any]) -> None:
    for line in lines:
        _say(f"{kind}: {line}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def act_check(options: argparse.Namespace) -> int:
    """`press check`."""
    from press.intake.zotero.report import bibliography_report
    from press.pipeline import check

    project = _project(options)
    problems, notes = bibliography_report(project)
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
    errors, warnings = check(project)
    _say_all("warning", warnings)
    if problems := problems + errors:
        raise PressError(problems)
    print(f"no problems, {_count(len(warnings), 'warning')}" if warnings else "no problems")
    return 0


def act_claims(options: argparse.Namespace) -> int:
    """`press claims`."""
    from press.papers.ledger import as_json, as_table, ledger, select
    from press.papers.schema import read_papers
    from press.posts.collection import read_notebooks

    project = _project(options)
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
    outcome = sync(_project(options), wishes, lambda line: print(line, file=sys.stderr, flush=True))
    print("\n".join(tell(outcome, wishes.dry_run)))
    return 0


def act_clean(options: argparse.Namespace) -> int:
    """`press clean`."""
    from press.clean import clean

    gone, left = clean(_project(options), options.all, dry_run=options.dry_run)
    for name in gone:
        print(("would remove " if options.dry_run else "removed ") + name)
    for name in left:
        _say(f"left {name}: the press did not make it, or it was changed since. Delete it yourself if you wish")
    return 0


ACTS = {
    "init": act_init,
    "build": act_build,
    "run": act_run,
    "why": act_why,
    "preview": act_preview,
    "new": act_new,
    "fetch": act_fetch,
}
ACTS |= {"check": act_check, "claims": act_claims, "sync": act_sync, "clean": act_clean}

if __name__ == "__main__":
    sys.exit(main())
