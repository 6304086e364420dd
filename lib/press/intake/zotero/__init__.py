"""References from Zotero: read the library, keep citation keys, write `references.bib`, report what is wrong in it.

One concern a file: `client` reads a library, over `transport`; `keys` names entries; `bibtex` turns an item into an
entry, with `latex`, `capitals` and `ordinary`, `names`, `dates`, `languages` and `identifiers`; `citing` finds and
rewrites citations; `succession` knows a work that comes again; `state` keeps the two files together; `sync` does the
whole; `report` judges. Heavy imports happen only when a sync runs.
"""
