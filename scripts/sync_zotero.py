"""`press sync` without installing the press: `python scripts/sync_zotero.py [options]`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "lib"))

from press.cli import main

sys.exit(main(["sync", *sys.argv[1:]]))
