"""equations.toml: what `press fetch` writes of a paper."""

from __future__ import annotations

from press.intake.metadata import Metadata
from press.tex.data import Paper


def facts_toml(key: str, metadata: Metadata, paper: Paper) -> str:
    """The numbers and labels of a paper's equations as TOML: facts, which may be committed."""
    lines = [
        "# Made by `press fetch --facts`, which overwrites it: the numbers and labels of the paper's equations.",
        f"citekey = {toml_text(key)}",
        f"arxiv = {toml_text(metadata.id)}",
        f"source = {toml_text(paper.main)}",
    ]
    for equation in paper.equations:
        given = {name: getattr(equation, name) for name in ("number", "label", "unsure")}
        lines += ["", "[[equations]]", *(f"{name} = {toml_text(text)}" for name, text in given.items() if text)]
    return "\n".join(lines) + "\n"


def equations_toml(key: str, metadata: Metadata, paper: Paper) -> str:
    """All sections and numbered equations of a paper as TOML."""
    lines = [
        "# Made by `press fetch`, which overwrites it. Copy the equations that matter to paper.toml.",
        f"citekey = {toml_text(key)}",
        f"arxiv = {toml_text(metadata.id)}",
        f"title = {toml_text(metadata.title)}",
        f"authors = [{', '.join(map(toml_text, metadata.authors))}]",
        f"source = {toml_text(paper.main)}",
    ]
    for section in paper.sections:
        lines += ["", "[[sections]]", f"number = {toml_text(section.number)}", f"title = {toml_text(section.title)}"]
    for equation in paper.equations:
        lines += ["", "[[equations]]"]
        lines += [f"{name} = {toml_text(getattr(equation, name))}" for name in ("number", "label", "section", "latex")]
        if equation.unsure:
            lines.append(f"unsure = {toml_text(equation.unsure)}")
        if not equation.mathml:
            lines.append("mathml = false  # Pandoc cannot make MathML from it")
    return "\n".join(lines) + "\n"


def toml_text(text: str) -> str:
    """A TOML string with this text; LaTeX in the form that needs no escapes, where there is one."""
    clean = "".join(c if c.isprintable() else " " for c in text)
    if "\\" not in clean and '"' not in clean:
        return f'"{clean}"'
    if "'" not in clean:
        return f"'{clean}'"
    if "'''" not in clean and not clean.endswith("'"):
        return f"'''{clean}'''"
    escaped = clean.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
