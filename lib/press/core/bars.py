"""What a build tells while it works: a bar on a terminal, plain lines elsewhere. All of it on standard error."""

from __future__ import annotations

import sys
import time


class Progress:
    """Follows one build. Quiet about pages unless there are many; never writes to standard output."""

    def __init__(self, quiet: bool = False):
        self.quiet = quiet
        self.terminal = sys.stderr.isatty()
        self.running: list[str] = []
        self.bar = None
        self.pages = None

    def planned(self, stale: list[str], total: int) -> None:
        """The build knows which posts are to run."""
        if self.quiet:
            return
        if stale and self.terminal:
            from tqdm import tqdm

            self.bar = tqdm(total=len(stale), desc="posts", unit="post", file=sys.stderr, leave=False)
        self.said(f"{len(stale)} of {total} posts to run" + (f": {', '.join(stale)}" if 0 < len(stale) <= 20 else ""))

    def said(self, line: str) -> None:
        """Something happened that whoever is watching should know at once."""
        if self.quiet:
            return
        if self.bar is not None:
            self.bar.write(f"[{time.strftime('%H:%M:%S')}] {line}", file=sys.stderr)
        else:
            print(line, file=sys.stderr, flush=True)

    def started(self, slug: str) -> None:
        """A post was handed to a worker."""
        self.running.append(slug)
        self._show()

    def finished(self, slug: str, seconds: float) -> None:
        """A post ran through."""
        self._end(slug, f"ran {slug} in {seconds:.1f} s")

    def failed(self, slug: str, seconds: float) -> None:
        """A post failed; what and where is reported at the end."""
        self._end(slug, f"FAILED {slug} after {seconds:.1f} s")

    def tick(self) -> None:
        """Time goes by."""
        if self.bar is not None:
            self.bar.refresh()

    def rendered(self, page: str) -> None:
        """A page was rendered."""
        if self.quiet or not self.terminal:
            return
        if self.pages is None:
            from tqdm import tqdm

            self.close()
            self.pages = tqdm(desc="pages", unit="page", file=sys.stderr, leave=False)
        self.pages.set_postfix_str(page)
        self.pages.update()

    def close(self) -> None:
        """Remove the bars."""
        for bar in (self.bar, self.pages):
            if bar is not None:
                bar.close()
        self.bar = self.pages = None

    def _end(self, slug: str, line: str) -> None:
        if slug in self.running:
            self.running.remove(slug)
        self.said(line)
        if self.bar is not None:
            self.bar.update()
        self._show()

    def _show(self) -> None:
        if self.bar is not None:
            self.bar.set_postfix_str(", ".join(self.running[:3]) + ("..." if len(self.running) > 3 else ""))
