"""The base class of everything here that shows itself in a notebook."""

from __future__ import annotations


class Shown:
    """An object with an HTML form for pages and a plain form for terminals and diffs.

    Args:
        html: HTML without blank lines (a blank line would end a raw HTML block in Markdown).
        text: the plain form.
    """

    def __init__(self, html: str, text: str):
        self.html = "\n".join(line for line in html.splitlines() if line.strip())
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, str]:
        return {"text/html": self.html, "text/plain": self.text}
