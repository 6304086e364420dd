"""Bring references.bib up to date with Zotero: `python scripts/sync_zotero.py [options of press sync]`, installed or not."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from press.cli import main  # noqa: E402

sys.exit(main(["sync", *sys.argv[1:]]))
