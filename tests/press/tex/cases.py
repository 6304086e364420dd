r"""Made-up papers and the numbers that LaTeX (TeX Live 2022) prints for them. `<a>` is an equation with the label a."""

from __future__ import annotations

HEAD = r"\documentclass{article}\usepackage{amsmath,amssymb}"

# name -> the files, of which the first is main.tex, and what is printed: number:label, in order
CASES: dict[str, tuple[dict[str, str], str]] = {
    "part-book": (
        {
            "main.tex": (
                r"\documentclass{book}\usepackage{amsmath,amssymb}\begin{document}\part{P}\chapter{C}<a>\part{Q}"
                r"\chapter{D}<b>\end{document}"
            ),
        },
        "1.1:a 2.1:b",
    ),
    "frontmatter": (
        {
            "main.tex": (
                r"\documentclass{book}\usepackage{amsmath,amssymb}\begin{document}\frontmatter\chapter{Pre}<z>"
                r"\mainmatter\chapter{C}\section{S}<a>\chapter*{X}<b>\backmatter\chapter{E}<c>\end{document}"
            ),
        },
        "1:z 1.1:a 1.2:b 1.3:c",
    ),
    "secnum0": (
        {
            "main.tex": HEAD
            + (
                r"\numberwithin{equation}{section}\setcounter{secnumdepth}{0}\begin{document}\section{A}<a>"
                r"\section{B}<b>\end{document}"
            ),
        },
        "0.1:a 0.2:b",
    ),
    "thm-eq": (
        {
            "main.tex": HEAD
            + (
                r"\newtheorem{thm}[equation]{T}\newtheorem{lem}{L}[section]\newtheorem*{rem}{R}\begin{document}"
                r"\section{S}\begin{thm}x\end{thm}<a>\begin{lem}y\end{lem}<b>\begin{rem}z\end{rem}<c>"
                r"\end{document}"
            ),
        },
        "2:a 3:b 4:c",
    ),
    "eq-in-thm": (
        {
            "main.tex": HEAD
            + (
                r"\newtheorem{thm}{T}[section]\numberwithin{equation}{thm}\begin{document}\section{S}"
                r"\begin{thm}x<a><b>\end{thm}\begin{thm}<c>\end{thm}\end{document}"
            ),
        },
        "1.1.1:a 1.1.2:b 1.2.1:c",
    ),
    "declare": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{amsthm,thmtools}\declaretheorem[numberlike=equation]{thm}"
                r"\declaretheorem[numberwithin=section]{lem}\begin{document}\section{S}\begin{thm}x\end{thm}<a>"
                r"\begin{lem}y\end{lem}<b>\end{document}"
            ),
        },
        "2:a 3:b",
    ),
    "aliascnt": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{aliascnt}\newaliascnt{foo}{equation}\newtheorem{foo}[foo]{F}\aliascntresetthe{foo}"
                r"\begin{document}<a>\begin{foo}x\end{foo}<b>\end{document}"
            ),
        },
        "1:a 3:b",
    ),
    "letc": (
        {
            "main.tex": HEAD
            + (
                r"\makeatletter\newtheorem{thm}{T}\let\c@thm\c@equation\makeatother\begin{document}<a>"
                r"\begin{thm}x\end{thm}<b>\end{document}"
            ),
        },
        "1:a 3:b",
    ),
    "advance": (
        {
            "main.tex": HEAD
            + (
                r"\begin{document}\makeatletter<a>\global\advance\c@equation by 3 <b>\c@equation=20 <c>\global"
                r"\advance\c@equation\m@ne<d>\makeatother\end{document}"
            ),
        },
        "1:a 5:b 21:c 21:d",
    ),
    "calc": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{calc}\newcounter{my}\setcounter{my}{4}\begin{document}<a>\setcounter{equation}{"
                r"\value{my}*2+1}<b>\addtocounter{equation}{-\value{my}}<c>\setcounter{equation}{\numexpr 3*(2+5)"
                r"\relax}<d>\end{document}"
            ),
        },
        "1:a 10:b 7:c 22:d",
    ),
    "savecount": (
        {
            "main.tex": HEAD
            + (
                r"\newcounter{save}\begin{document}<a><b>\setcounter{save}{\value{equation}}"
                r"\setcounter{equation}{0}\renewcommand\theequation{S\arabic{equation}}<c>\setcounter{equation}{"
                r"\value{save}}\renewcommand{\theequation}{\arabic{equation}}<d>\end{document}"
            ),
        },
        "1:a 2:b S1:c 3:d",
    ),
    "subeq-nested": (
        {
            "main.tex": HEAD
            + (
                r"\begin{document}\begin{subequations}\label{p}\begin{align}a&=1\label{a}\\b&=2\label{b}"
                r"\end{align}text \begin{equation}c\label{c}\end{equation}\end{subequations}<d>\end{document}"
            ),
        },
        "1a:a 1b:b 1c:c 2:d",
    ),
    "subeq-own": (
        {
            "main.tex": HEAD
            + (
                r"\begin{document}\begin{subequations}\renewcommand{\theequation}{\theparentequation."
                r"\arabic{equation}}<a><b>\end{subequations}<c>\end{document}"
            ),
        },
        "1.1:a 1.2:b 2:c",
    ),
    "fnsym": (
        {
            "main.tex": HEAD
            + (
                r"\renewcommand{\theequation}{\Roman{equation}}\begin{document}<a>\begin{align}a\tag{A}\\b"
                r"\label{b}\end{align}<c>\end{document}"
            ),
        },
        "I:a A: II:b III:c",
    ),
    "tagstar": (
        {
            "main.tex": HEAD
            + (
                r"\begin{document}\begin{equation}a\tag*{[X]}\label{a}\end{equation}\begin{equation}\tag{"
                r"\ref{b}a}c\label{c}\end{equation}<b>\begin{equation*}z\tag{$\dagger$}\label{z}\end{equation*}"
                r"\end{document}"
            ),
        },
        "[X]:a 1a:c 1:b †:z",
    ),
    "counterwithin-inside": (
        {
            "main.tex": HEAD
            + (
                r"\begin{document}\section{S}<a>\counterwithin{equation}{section}<b>\section{T}<c>"
                r"\counterwithout{equation}{section}<d>\end{document}"
            ),
        },
        "1:a 1.2:b 2.1:c 2:d",
    ),
    "counterwithinstar": (
        {
            "main.tex": HEAD
            + r"\counterwithin*{equation}{section}\begin{document}\section{S}<a>\section{T}<b>\end{document}",
        },
        "1:a 1:b",
    ),
    "nwsub": (
        {
            "main.tex": HEAD
            + (
                r"\numberwithin{equation}{subsection}\begin{document}\section{S}\subsection{U}<a>"
                r"\subsection{V}<b>\section{W}<c>\end{document}"
            ),
        },
        "1.1.1:a 1.2.1:b 2.0.1:c",
    ),
    "atbegin": (
        {
            "main.tex": HEAD
            + r"\AtBeginDocument{\numberwithin{equation}{section}}\begin{document}\section{S}<a>\end{document}",
        },
        "1.1:a",
    ),
    "own-appendix": (
        {
            "main.tex": HEAD
            + (
                r"\makeatletter\g@addto@macro\appendix{\counterwithin{equation}{section}}\makeatother"
                r"\begin{document}\section{S}<a>\appendix\section{T}<b>\end{document}"
            ),
        },
        "1:a A.1:b",
    ),
    "own-appendix2": (
        {
            "main.tex": HEAD
            + (
                r"\let\oldappendix\appendix\renewcommand{\appendix}{\oldappendix\setcounter{equation}{0}"
                r"\renewcommand{\theequation}{\thesection\arabic{equation}}}\begin{document}\section{S}<a>"
                r"\appendix\section{T}<b>\end{document}"
            ),
        },
        "1:a A1:b",
    ),
    "appto": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{etoolbox}\appto\appendix{\numberwithin{equation}{section}}\pretocmd{\section}{"
                r"\setcounter{equation}{0}}{}{}\begin{document}\section{S}<a>\section{X}<x>\appendix"
                r"\section{T}<b>\end{document}"
            ),
        },
        "1:a 1:x A.1:b",
    ),
    "ieee-sub": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{IEEEtrantools}\begin{document}\begin{IEEEeqnarray}{rCl}a&=&1\IEEEyessubnumber"
                r"\label{a}\\b&=&2\IEEEyessubnumber\label{b}\\c&=&3\label{c}\\d&=&4\nonumber\end{IEEEeqnarray}"
                r"\begin{IEEEeqnarray}{c}e\IEEEyessubnumber*\label{e}\\f\label{f}\\g\IEEEnosubnumber*\label{g}\\h"
                r"\label{h}\end{IEEEeqnarray}\begin{IEEEeqnarray*}{c}k\\l\IEEEyesnumber\label{l}"
                r"\end{IEEEeqnarray*}<z>\end{document}"
            ),
        },
        "0a:a 0b:b 1:c 1a:e 1b:f 2:g 3:h 4:l 5:z",
    ),
    "subnumcases": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{cases}\begin{document}\begin{subnumcases}{\label{w}f(x)=}0&if $x<0$\label{a}"
                r"\\1&else\label{b}\end{subnumcases}<c>\end{document}"
            ),
        },
        "1a:a 1b:b 2:c",
    ),
    "mini": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{optidef}\begin{document}\begin{mini!}|s|[2]<b>{x}{f(x)\label{o}}{\label{p}}{}"
                r"\addConstraint{x}{\ge 0\label{q}}\addConstraint{y}{\le 1}{\quad\forall y}\end{mini!}"
                r"\begin{maxi*}{x}{g}{}{}\addConstraint{x}{=1}\end{maxi*}\begin{argmini}{w}{h(w)}{\label{r}}{}"
                r"\end{argmini}<c>\end{document}"
            ),
        },
        "1a:o 1b:q 1c: 2:r 3:c",
    ),
    "lstenv": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{listings}\lstnewenvironment{code}{\lstset{basicstyle=\ttfamily}}{}\begin{document}"
                "\\begin{code}\n\\begin{equation}no\\end{equation}\n\\end{code}\n<a>\\end{document}"
            ),
        },
        "1:a",
    ),
    "fancyvrb": (
        {
            "main.tex": HEAD
            + (
                "\\usepackage{fancyvrb}\\DefineVerbatimEnvironment{vb}{Verbatim}{}\\begin{document}\\begin{vb}\n"
                "\\begin{equation}no\\end{equation}\n\\end{vb}\n<a>\\end{document}"
            ),
        },
        "1:a",
    ),
    "comment": (
        {
            "main.tex": HEAD
            + (
                "\\usepackage{comment}\\excludecomment{sol}\\includecomment{ans}\\begin{document}\\begin{sol}\n<n>\n"
                "\\end{sol}\n\\begin{ans}\n<a>\n\\end{ans}\n\\end{document}"
            ),
        },
        "1:a",
    ),
    "ifnum": (
        {
            "main.tex": HEAD
            + (
                r"\newcounter{x}\setcounter{x}{3}\begin{document}\ifnum\value{x}>2 <a>\else <b><c>\fi\ifodd"
                r"\value{x} <d>\fi\ifcase\value{x} <e>\or\or\or <f><g>\else <h>\fi\end{document}"
            ),
        },
        "1:a 2:d 3:f 4:g",
    ),
    "toggles": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{etoolbox}\newtoggle{long}\toggletrue{long}\newbool{b}\booltrue{b}\begin{document}"
                r"\iftoggle{long}{<a>}{<b><c>}\ifbool{b}{}{<d>}\ifdef{\foo}{<x>}{}\ifstrequal{a}{a}{<e>}{}"
                r"\ifdefempty{\empty}{<f>}{}\end{document}"
            ),
        },
        "1:a 2:e 3:f",
    ),
    "ifthen": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{ifthen}\newboolean{v}\setboolean{v}{true}\begin{document}\ifthenelse{"
                r"\boolean{v}}{<a>}{<b><b2>}\ifthenelse{\equal{a}{b}}{<c>}{}\ifthenelse{1<2}{<d>}{<f><g>}<h>"
                r"\end{document}"
            ),
        },
        "1:a 2:d 3:h",
    ),
    "ifpackage": (
        {
            "main.tex": HEAD
            + (
                r"\makeatletter\@ifpackageloaded{amsmath}{\numberwithin{equation}{section}}{}"
                r"\@ifundefined{chapter}{}{\BAD}\makeatother\begin{document}\section{S}<a>\end{document}"
            ),
        },
        "1.1:a",
    ),
    "xparse-types": (
        {
            "main.tex": HEAD
            + (
                r"\NewDocumentCommand\f{s t! d() r<> D||{z} m e{^_} O{q} g}{\IfBooleanTF{#1}{A}{B}"
                r"\IfBooleanT{#2}{!}\IfValueT{#3}{(#3)}#4#5#6\IfValueT{#7}{^{#7}}\IfValueT{#8}{_{#8}}#9}"
                r"\begin{document}\begin{equation}\f*!(p)<q>|k|{m}^{2}_3[o]\label{a}\end{equation}"
                r"\begin{equation}\f<q>{m}\label{b}\end{equation}\end{document}"
            ),
        },
        "1:a 2:b",
    ),
    "nde": (
        {
            "main.tex": HEAD
            + (
                r"\NewDocumentEnvironment{myeq}{o m +b}{\begin{equation}\IfValueT{#1}{#1:}\label{#2}#3"
                r"\end{equation}}{}\NewDocumentEnvironment{al}{}{\align}{\endalign}\begin{document}"
                r"\begin{myeq}[h]{a}x=1\end{myeq}\begin{al}a&=1\label{b}\\c&=2\label{c}\end{al}\end{document}"
            ),
        },
        "1:a 2:b 3:c",
    ),
    "newenviron": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{environ}\NewEnviron{al}[1][]{\begin{align#1}\BODY\end{align#1}}\begin{document}"
                r"\begin{al}a&=1\label{a}\\b&=2\label{b}\end{al}\begin{al}[*]c&=1\end{al}<d>\end{document}"
            ),
        },
        "1:a 2:b 3:d",
    ),
    "beq": (
        {
            "main.tex": HEAD
            + (
                r"\def\beq{\begin{equation}}\def\eeq{\end{equation}}\newcommand{\bea}{\begin{eqnarray}}"
                r"\newcommand{\eea}{\end{eqnarray}}\def\nn{\nonumber}\begin{document}\beq x\label{a}\eeq"
                r"\bea a&=&b\nn\\ c&=&d\label{b}\eea\end{document}"
            ),
        },
        "1:a 2:b",
    ),
    "eqarg": (
        {
            "main.tex": HEAD
            + (
                r"\newcommand{\eq}[2]{\begin{equation}#2\label{#1}\end{equation}}\newcommand{\als}[1]{"
                r"\begin{align*}#1\end{align*}}\newcommand{\al}[1]{\begin{align}#1\end{align}}\begin{document}"
                r"\eq{a}{x=1}\als{a&=1\\b&=2}\al{c&=1\label{c}\\d&=2\label{d}}\end{document}"
            ),
        },
        "1:a 2:c 3:d",
    ),
    "for": (
        {
            "main.tex": HEAD
            + (
                r"\makeatletter\@for\x:=a,b,c\do{\expandafter\edef\csname bf\x\endcsname{\noexpand\mathbf{\x}}}"
                r"\@tfor\y:=AB\do{\expandafter\edef\csname c\y\endcsname{\noexpand\mathcal{\y}}}\makeatother"
                r"\begin{document}\begin{equation}\bfa+\bfc+\cA\label{a}\end{equation}\end{document}"
            ),
        },
        "1:a",
    ),
    "forcsv": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{etoolbox}\newcommand{\mk}[1]{\csdef{v#1}{\mathbf{#1}}}\forcsvlist{\mk}{x,y,z}"
                r"\begin{document}\begin{equation}\vx+\vz\label{a}\end{equation}\end{document}"
            ),
        },
        "1:a",
    ),
    "loop": (
        {
            "main.tex": HEAD
            + (
                r"\newcount\n \n=0 \loop\advance\n by 1 \expandafter\edef\csname m\romannumeral\n\endcsname{M_{"
                r"\the\n}}\ifnum\n<5 \repeat\begin{document}\begin{equation}\mi+\miv\label{a}\end{equation}"
                r"\end{document}"
            ),
        },
        "1:a",
    ),
    "showonly": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{mathtools}\mathtoolsset{showonlyrefs}\begin{document}<a><b>\begin{align}c\label{c}"
                r"\\d\label{d}\end{align}\eqref{b}\eqref{d}\end{document}"
            ),
        },
        "1:b 2:d",
    ),
    "autonum": (
        {
            "main.tex": (
                r"\documentclass{article}\usepackage{amsmath}\usepackage{autonum}\begin{document}<a><b>\cref{b}"
                r"\eqref{b}\end{document}"
            ),
        },
        "1:b",
    ),
    "kernel-nonumber": (
        {
            "main.tex": (
                r"\documentclass{article}\begin{document}\begin{equation}x\nonumber\label{a}\end{equation}"
                r"\begin{equation}y\label{b}\end{equation}\end{document}"
            ),
        },
        "1:a 2:b",
    ),
    "ams-nonumber": (
        {
            "main.tex": HEAD + r"\begin{document}\begin{equation}x\nonumber\end{equation}<b>\end{document}",
        },
        "1:b",
    ),
    "endinput": (
        {
            "main.tex": HEAD + r"\begin{document}\input{s}<b>\end{document}",
            "s.tex": "<a>\\endinput\n<no>",
        },
        "1:a 2:b",
    ),
    "subimport": (
        {
            "main.tex": HEAD + r"\usepackage{import}\begin{document}\import{d/}{m}<z>\end{document}",
            "d/m.tex": r"\subimport{e/}{n}<m>",
            "d/e/n.tex": r"\input{o}<n>",
            "d/e/o.tex": r"<o>",
        },
        "1:o 2:n 3:m 4:z",
    ),
    "twicepkg": (
        {
            "main.tex": HEAD
            + r"\usepackage{mine}\usepackage{mine}\begin{document}\section{S}<a>\section{T}<b>\end{document}",
            "mine.sty": (
                r"\ProvidesPackage{mine}\addtocounter{equation}{1}\RequirePackage{amsmath}"
                r"\numberwithin{equation}{section}"
            ),
        },
        "1.1:a 2.1:b",
    ),
    "cls-report": (
        {
            "main.tex": (
                r"\documentclass[12pt]{mythesis}\begin{document}\chapter{A}\section{S}<a>\appendix\chapter{B}<b>"
                r"\end{document}"
            ),
            "mythesis.cls": (
                r"\ProvidesClass{mythesis}\DeclareOption*{\PassOptionsToClass{\CurrentOption}{report}}"
                r"\ProcessOptions\LoadClass{report}\RequirePackage{amsmath}\renewcommand{\theequation}{"
                r"\thechapter-\arabic{equation}}"
            ),
        },
        "1-1:a A-1:b",
    ),
    "pkgoption": (
        {
            "main.tex": HEAD + r"\usepackage[bysec]{mine}\begin{document}\section{S}<a>\end{document}",
            "mine.sty": (
                r"\newif\ifb \DeclareOption{bysec}{\btrue}\ProcessOptions\ifb\@addtoreset{equation}{section}"
                r"\renewcommand{\theequation}{\thesection.\arabic{equation}}\fi"
            ),
        },
        "1.1:a",
    ),
    "multline-etc": (
        {
            "main.tex": HEAD
            + (
                r"\begin{document}\begin{multline}a\\b\label{a}\end{multline}\begin{gather}a\\b\notag\\c\label{c}"
                r"\end{gather}\begin{flalign}a&=b&\label{d}\end{flalign}\begin{alignat}{2}a&=b\label{e}\\c&=d"
                r"\end{alignat}\end{document}"
            ),
        },
        "1:a 2: 3:c 4:d 5:e 6:",
    ),
    "intertexts": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{mathtools}\begin{document}\begin{align}a&=1\label{a}\\ \intertext{and} b&=2"
                r"\label{b}\shortintertext{or}c&=3\notag\intertext{x}d&=4\label{d}\end{align}<e>\end{document}"
            ),
        },
        "1:a 2:b 3:d 4:e",
    ),
    "condpar": (
        {
            "main.tex": HEAD
            + (
                r"\def\x#1{a}\def\y#1{a}\def\z#1{b}\newif\ifp\begin{document}\ifx\x\y <a>\fi\ifx\x\z <b>\fi"
                r"\ifp <c>\else <d>\fi\ptrue\ifp <f>\fi\iffalse <g>\ifp\fi\fi<h>\end{document}"
            ),
        },
        "1:a 2:d 3:f 4:h",
    ),
    "nestedfiles": (
        {
            "main.tex": r"\input{pre}\begin{document}\input body <b>\end{document}",
            "pre.tex": r"\documentclass{article}\input{macros}",
            "macros.tex": r"\usepackage{amsmath}\numberwithin{equation}{section}",
            "body.tex": r"\section{S}<a>",
        },
        "1.1:a 1.2:b",
    ),
    "thefam": (
        {
            "main.tex": HEAD
            + (
                r"\renewcommand{\theequation}{\arabic{section}.\arabic{equation}}\makeatletter"
                r"\@addtoreset{equation}{section}\makeatother\begin{document}\section{S}<a>\section{T}<b>"
                r"\end{document}"
            ),
        },
        "1.1:a 2.1:b",
    ),
    "class-revtex4-2": (
        {
            "main.tex": (
                r"\documentclass{revtex4-2}\usepackage{amsmath}\begin{document}\section{S}<a>\section{T}<b>"
                r"\appendix \section{U}<c><d>\section{V}<f>\end{document}"
            ),
        },
        "1:a 2:b A1:c A2:d B1:f",
    ),
    "class-IEEEtran": (
        {
            "main.tex": (
                r"\documentclass{IEEEtran}\usepackage{amsmath}\begin{document}\section{S}<a>\section{T}<b>"
                r"\appendix \section{U}<c><d>\section{V}<f>\end{document}"
            ),
        },
        "1:a 2:b 3:c 4:d 5:f",
    ),
    "class-elsarticle": (
        {
            "main.tex": (
                r"\documentclass{elsarticle}\usepackage{amsmath}\begin{document}\section{S}<a>\section{T}<b>"
                r"\appendix \section{U}<c><d>\section{V}<f>\end{document}"
            ),
        },
        "1:a 2:b A.1:c A.2:d B.1:f",
    ),
    "class-aastex631": (
        {
            "main.tex": (
                r"\documentclass{aastex631}\usepackage{amsmath}\begin{document}\section{S}<a>\section{T}<b>"
                r"\appendix \section{U}<c><d>\section{V}<f>\end{document}"
            ),
        },
        "1:a 2:b A1:c A2:d B3:f",
    ),
    "class-acmart": (
        {
            "main.tex": (
                r"\documentclass{acmart}\begin{document}\section{S}<a>\section{T}<b>\appendix \section{U}<c><d>"
                r"\section{V}<f>\end{document}"
            ),
        },
        "1:a 2:b 3:c 4:d 5:f",
    ),
    "class-jmlr": (
        {
            "main.tex": (
                r"\documentclass{jmlr}\begin{document}\section{S}<a>\section{T}<b>\appendix \section{U}<c><d>"
                r"\section{V}<f>\end{document}"
            ),
        },
        "1:a 2:b 3:c 4:d 5:f",
    ),
    "class-llncs": (
        {
            "main.tex": (
                r"\documentclass{llncs}\usepackage{amsmath}\begin{document}\section{S}<a>\section{T}<b>\appendix "
                r"\section{U}<c><d>\section{V}<f>\end{document}"
            ),
        },
        "1:a 2:b 3:c 4:d 5:f",
    ),
    "class-scrartcl": (
        {
            "main.tex": (
                r"\documentclass{scrartcl}\usepackage{amsmath}\begin{document}\section{S}<a>\section{T}<b>"
                r"\appendix \section{U}<c><d>\section{V}<f>\end{document}"
            ),
        },
        "1:a 2:b 3:c 4:d 5:f",
    ),
    "class-scrreprt": (
        {
            "main.tex": (
                r"\documentclass{scrreprt}\usepackage{amsmath}\begin{document}\chapter{C}\section{S}<a>"
                r"\section{T}<b>\appendix \chapter{C}\section{U}<c><d>\section{V}<f>\end{document}"
            ),
        },
        "1.1:a 1.2:b A.1:c A.2:d A.3:f",
    ),
    "class-extreport": (
        {
            "main.tex": (
                r"\documentclass{extreport}\usepackage{amsmath}\begin{document}\chapter{C}\section{S}<a>"
                r"\section{T}<b>\appendix \chapter{C}\section{U}<c><d>\section{V}<f>\end{document}"
            ),
        },
        "1.1:a 1.2:b A.1:c A.2:d A.3:f",
    ),
    "class-amsart": (
        {
            "main.tex": (
                r"\documentclass{amsart}\usepackage{amsmath}\begin{document}\section{S}<a>\section{T}<b>"
                r"\appendix \section{U}<c><d>\section{V}<f>\end{document}"
            ),
        },
        "1:a 2:b 3:c 4:d 5:f",
    ),
    "class-mnras": (
        {
            "main.tex": (
                r"\documentclass{mnras}\usepackage{amsmath}\begin{document}\section{S}<a>\section{T}<b>\appendix "
                r"\section{U}<c><d>\section{V}<f>\end{document}"
            ),
        },
        "1:a 2:b A1:c A2:d B1:f",
    ),
    "class-amsbook": (
        {
            "main.tex": (
                r"\documentclass{amsbook}\usepackage{amsmath}\begin{document}\chapter{C}\section{S}<a>"
                r"\section{T}<b>\appendix \chapter{C}\section{U}<c><d>\section{V}<f>\end{document}"
            ),
        },
        "1:a 2:b 3:c 4:d 5:f",
    ),
    "class-tufte-book": (
        {
            "main.tex": (
                r"\documentclass{tufte-book}\usepackage{amsmath}\begin{document}\chapter{C}\section{S}<a>"
                r"\section{T}<b>\appendix \chapter{C}\section{U}<c><d>\section{V}<f>\end{document}"
            ),
        },
        "1:a 2:b 3:c 4:d 5:f",
    ),
    "class-article": (
        {
            "main.tex": (
                r"\documentclass{article}\usepackage{amsmath}\begin{document}\section{S}<a>\section{T}<b>"
                r"\appendix \section{U}<c><d>\section{V}<f>\end{document}"
            ),
        },
        "1:a 2:b 3:c 4:d 5:f",
    ),
    "files-exist": (
        {
            "main.tex": HEAD
            + (
                r"\begin{document}\IfFileExists{s.tex}{<a>}{}\IfFileExists{nosuchfile}{<n>}{<b>}"
                r"\InputIfFileExists{s}{<c>}{}<d>\end{document}"
            ),
            "s.tex": r"<e>",
        },
        "1:a 2:b 3:c 4:e 5:d",
    ),
    "tikz": (
        {
            "main.tex": HEAD
            + (
                r"\usepackage{tikz,url}\begin{document}\begin{tikzpicture}\path (0,0) -- (1,1);"
                r"\draw[->] (0,0)--(1,0);\path[draw] (0,0) circle (1);\end{tikzpicture}<a> see \path|a_b| and "
                r"\url{x%y} [z] <b>\end{document}"
            ),
        },
        "1:a 2:b",
    ),
}
