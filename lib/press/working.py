"""The commands about running posts and their results: build, run, record, verdicts, cache, verify, why."""

from __future__ import annotations

import argparse
import contextlib
from typing import Any

from press.asked import parameters_of, project_of
from press.core.errors import PressError, Problem
from press.core.project import Project
from press.telling import count, folded, say, say_all

IDLE = "not executed, as `execute: enabled: false` or `engine: markdown` asks for"


def act_build(options: argparse.Namespace) -> int:
    """`press build`."""
    from press import unchanged

    project, given = project_of(options), parameters_of(options)
    if options.dry_run:
        return _dry_run(project, [], given, options)
    how = {"given": given, "renderer": options.renderer, "strict": options.strict}
    forced = options.force or options.force_render
    before = unchanged.table(project)
    told = None if forced else unchanged.last_report(project, how, before)
    if told is None:
        told = _build(options, project, given, how, before)
    say_all("warning", told["warnings"])
    say_all("note", told["notes"])
    ran, drawn = told["executed"], told["rendered"]
    state = (
        f"{_taken(told['taken'])}{ran} posts ran, {drawn} pages rendered"
        if ran or told["changed"]
        else "nothing changed, 0 posts ran"
    )
    print(f"{project.site.relative_to(project.root)}/: {told['pages']} pages with {told['renderer']}; {state}")
    if number := len(told["warnings"]):
        more = f" about {told['places']} places, which `press check` lists" if told["places"] > number else ""
        print(f"{count(number, 'warning')}{more}; `--strict` makes each an error")
    if told["failed"]:
        print(f"failed: {', '.join(told['failed'])}; each one's page says where and why")
        raise PressError([Problem(*problem) for problem in told["problems"]])
    return 0


def _build(
    options: argparse.Namespace, project: Project, given: dict[str, Any], how: dict[str, Any], before: Any
) -> dict[str, Any]:
    """Build, keep what the next build has to know to find nothing to do, and return what is to be told.

    Args:
        before: the table of files, as `unchanged` has it.
    """
    from dataclasses import astuple

    from press import unchanged
    from press.core.bars import Progress
    from press.core.manifest import Manifest
    from press.pipeline import build

    own = set(Manifest(project).names())
    names = ("jobs", "dask", "force", "force_render", "renderer", "keep_going", "cache_from")
    wishes = {name: getattr(options, name) for name in names}
    with contextlib.closing(Progress()) as progress:
        report = build(project, given, progress=progress, **wishes)
    told = {"warnings": list(map(str, folded(report.warnings))), "notes": report.notes, "failed": report.failed}
    told["places"] = len(report.warnings)
    told |= {"pages": report.pages, "renderer": report.renderer, "problems": list(map(astuple, report.problems))}
    done = {
        "executed": len(report.executed),
        "taken": len(report.taken),
        "rendered": len(report.rendered),
        "changed": report.changed,
    }
    if not report.failed:
        own |= {*Manifest(project).names(), project.site.relative_to(project.root).as_posix()}
        nothing = {"executed": 0, "taken": 0, "rendered": 0, "changed": False, "notes": []}
        unchanged.note(project, how, before, own, report.outside, told | nothing)
    return told | done


def act_run(options: argparse.Namespace) -> int:
    """`press run`."""
    from press.core.bars import Progress
    from press.pipeline import run_posts

    project, given = project_of(options), parameters_of(options)
    if options.dry_run:
        return _dry_run(project, options.slugs, given, options)
    how = {name: getattr(options, name) for name in ("jobs", "dask", "force", "cache_from")}
    with contextlib.closing(Progress()) as progress:
        report = run_posts(project, options.slugs, given, progress=progress, **how)
    _tell_broken(report.elsewhere)
    say_all("note", report.notes)
    print(
        f"{_taken(len(report.taken))}{len(report.executed)} posts ran"
        + (": " + ", ".join(report.executed) if report.executed else "")
    )
    return 0


def _taken(number: int) -> str:
    """How many results came from a cache, if any did."""
    return f"{number} taken from a cache, " if number else ""


def act_cache(options: argparse.Namespace) -> int:
    """`press cache export DIR`."""
    from press.shared.exporting import export

    done = export(project_of(options), options.folder)
    say_all("left out", done.left)
    print(f"{options.folder}: {count(len(done.slugs), 'post')} with {done.size / 1e6:.1f} MB")
    return 0


def act_verify(options: argparse.Namespace) -> int:
    """`press verify`."""
    from press.core.bars import Progress
    from press.core.manifest import at_work
    from press.preflight import planned
    from press.shared.verifying import table, verify

    project, given = project_of(options), parameters_of(options)
    with at_work(project), contextlib.closing(Progress()) as progress:
        plan, papers = planned(project, options.slugs, given)
        found, failed = verify(project, plan, papers, jobs=options.jobs, progress=progress)
    _tell_broken(plan.elsewhere)
    say_all("error", failed)
    print("\n".join(table(found)))
    return 0 if all(one.agrees for one in found) else 1


def act_record(options: argparse.Namespace) -> int:
    """`press record`."""
    from press.core.bars import Progress
    from press.core.manifest import at_work
    from press.papers.recorded import SEED
    from press.papers.schema import read_papers
    from press.preflight import planned
    from press.shared.recording import record, summary, wanted

    project, given = project_of(options), parameters_of(options)
    if SEED in given:
        raise PressError(Problem("", 0, f"-p {SEED}: press record sets it itself. Choose how many with --seeds"))
    with contextlib.nullcontext() if options.dry_run else at_work(project):
        plan, papers = planned(project, options.slugs, given)
        work = wanted(plan, papers, options.slugs, options.seeds, project.root)
        _tell_broken(plan.elsewhere)
        for one in work:
            if one.earlier and one.seeds:
                what = (
                    "a record of another version, or with different parameters, stays until this one has as many seeds"
                )
                say(f"note: {one.step.post.slug}: {what}")
        if options.dry_run:
            return _dry_record(work)
        with contextlib.closing(Progress()) as progress:
            problems = record(project, plan, papers, work, jobs=options.jobs, progress=progress)
        print("\n".join(summary(work, read_papers(project.root), project.root)))
    if problems:
        raise PressError(problems, "what ran is recorded; the same command runs the rest")
    return 0


def act_verdicts(options: argparse.Namespace) -> int:
    """`press verdicts`."""
    from press.checks.sources import bibliography_keys, check_pages
    from press.core.bars import Progress
    from press.core.manifest import at_work
    from press.papers.recorded import SEED
    from press.preflight import planned
    from press.shared.otherseeds import chosen, rows_of, run_with, table

    project, given = project_of(options), parameters_of(options)
    seeds = list(dict.fromkeys(options.seeds))
    if SEED in given:
        raise PressError(Problem("", 0, f"-p {SEED}: press verdicts sets it itself. Choose them with --seeds"))
    with at_work(project), contextlib.closing(Progress()) as progress:
        plan, papers = planned(project, options.slugs, given)
        steps, without = chosen(plan, options.slugs)
        runs, problems = run_with(project, plan, papers, steps, seeds, jobs=options.jobs, progress=progress)
        known = bibliography_keys(project)
        for run in runs:
            page = project.root / run.step.post.page
            problems += check_pages(project, [page], {page: run.book}, known)
    _tell_broken(plan.elsewhere)
    say_all("note", [f"left out, as they have no parameter {SEED!r}: {', '.join(without)}"] if without else ())
    say_all("error", sorted(set(problems)))
    rows = rows_of(runs, seeds)
    differing = sum(bool(row.differing) for row in rows)
    print("\n".join(table(rows, seeds)))
    print(f"{count(len(rows), 'claim')}, {count(len(seeds), 'seed')}: {differing or 'none'} with another verdict")
    return 1 if differing or problems else 0


def _dry_record(work: list[Any]) -> int:
    for one in work:
        seeds = ", ".join(map(str, one.seeds))
        print(f"would run {one.step.post.slug} with seed {seeds}" if seeds else f"{one.step.post.slug}: on record")
    print(count(sum(len(one.seeds) for one in work), "run"))
    return 0


def _dry_run(project: Project, slugs: list[str], given: dict[str, Any], options: argparse.Namespace) -> int:
    from press.preflight import planned

    plan, _ = planned(project, slugs, given, options.force)
    if plan.problems:
        raise PressError(plan.problems)
    _tell_broken(plan.elsewhere)
    if options.cache_from:
        say("note: a dry run asks no cache; results that match there would be taken")
    for step in plan.stale:
        print(f"would run {step.post.slug}: {'; '.join(step.reasons)}")
    print(f"{len(plan.stale)} of {len(plan.steps)} posts would run")
    return 0


def act_why(options: argparse.Namespace) -> int:
    """`press why`."""
    from press.posts import stored
    from press.preflight import planned

    project = project_of(options)
    plan, _ = planned(project, options.slugs, {})
    _tell_broken(plan.elsewhere)
    for step in plan.steps:
        state = "stale" if step.reasons else "up to date" if step.post.runs else IDLE
        print(f"{step.post.slug}: {state}")
        for reason in step.reasons:
            print(f"  {reason}")
    for source in plan.stored:
        print(f"{source.slug}: published with its stored outputs; `execute: enabled: true` makes the press run it")
        for problem in stored.stale([source], project):
            print(f"  {problem.message}")
    for source in plan.frozen:
        print(f"{source.slug}: published with the results that Quarto froze, because of `execute: freeze:`")
    if plan.problems:
        raise PressError(plan.problems)
    return 0


def _tell_broken(elsewhere: dict[str, list[Problem]]) -> None:
    """One line on posts that were not asked for and cannot be read."""
    if elsewhere:
        names = ", ".join(sorted(elsewhere))
        say(f"note: left out, as their sources are broken: {names}. `press check` says what is wrong")
