"""What a paper's source says."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Section:
    """A heading: its number as printed ("" for none) and its title as plain text."""

    number: str
    title: str


@dataclass(frozen=True)
class Numbered:
    """An equation with a number.

    Args:
        number: as the paper prints it, without parentheses.
        label: its label; "" for none.
        section: number and title of the section that it stands in.
        latex: MathML-renderable LaTeX, the paper's own macros expanded.
        mathml: whether Pandoc can make MathML of it.
        unsure: why the number may be wrong, with file and line; "" if nothing speaks against it.
        place: file and line at which it begins.
    """

    number: str
    label: str
    section: str
    latex: str
    mathml: bool = True
    unsure: str = ""
    place: str = ""


@dataclass
class Paper:
    """A paper as its source has it. `warnings` say what could not be read, `blank` are numbers beside nothing."""

    main: str
    title: str = ""
    authors: list[str] = field(default_factory=list)
    sections: list[Section] = field(default_factory=list)
    equations: list[Numbered] = field(default_factory=list)
    blank: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
