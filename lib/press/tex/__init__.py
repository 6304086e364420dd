"""LaTeX sources as a paper: what TeX's eyes and mouth do, as far as numbered equations depend on it.

`lex` gives tokens, `reader` those of files that read files, `macros` expands them; `define`, `xparse`, `loops`,
`files`, `condition`, `choices`, `theorems` and `count` are LaTeX's own commands; `document` finds what is numbered, by
the rules of `classes`, `displayed` and `displays` read displays, `doubts` notes what was not understood, and `paper`
starts it; `rows`, `math` and `text` say formulas and titles in what Pandoc and people read; `data` is what comes out.
`formula` says a formula by itself in the same words.
"""
