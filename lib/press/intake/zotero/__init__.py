"""References from Zotero: read the library, keep citation keys, write `references.bib`, report what is wrong in it.

One concern a file: `client` reads a library, over `transport`; `keys` names entries; `bibtex` turns an item into an
entry, with `latex`, `capitals`, `names` and `dates`; `citing` finds and rewrites citations; `state` keeps the two files
together; `sync` does the whole; `report` judges. Heavy imports happen only when a sync runs.
"""
