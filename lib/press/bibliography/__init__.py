"""References from Zotero: read the library, keep citation keys, write `references.bib`, report what is wrong in it.

One concern a file: `client` reads over HTTP, `keys` names entries, `latex` escapes text, `bibtex` turns an item into an
entry, `citing` finds and rewrites citations, `state` keeps the two files together, `sync` does the whole, `report` judges.
Only `client` and `bibtex` import anything heavy, and only when a sync runs.
"""
