"""What comes in from outside, as files: equations from arXiv (fetch, tex), the bibliography from Zotero (zotero)."""
