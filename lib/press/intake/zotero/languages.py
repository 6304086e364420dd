"""The languages that items are written in, by whatever name people give them."""

from __future__ import annotations

import re
import unicodedata

# A line: the name that babel, biblatex and Pandoc know; then codes of ISO 639 and names, without accents.
NAMES = """
afrikaans af afr
arabic ar ara arabe arabisch
basque eu eus baq
bulgarian bg bul
catalan ca cat catala
chinese zh zho chi chinois chinesisch mandarin
croatian hr hrv hrvatski
czech cs ces cze cestina tschechisch
danish da dan dansk danois danisch
dutch nl nld dut nederlands neerlandais niederlandisch vlaams flemish
english en eng anglais englisch engels engelsk ingles inglese american british
estonian et est eesti
finnish fi fin suomi finnois finnisch
french fr fra fre francais franzosisch
galician gl glg galego
german de deu ger deutsch allemand duits tysk aleman tedesco
greek el ell gre grec griechisch
hebrew he heb iw
hungarian hu hun magyar
icelandic is isl ice
italian it ita italiano italien italienisch
japanese ja jpn japonais japanisch
korean ko kor
latin la lat latein
latvian lv lav
lithuanian lt lit
norsk no nob nb nor nno nn norwegian bokmal norwegisch
polish pl pol polski polonais polnisch
portuguese pt por portugues portugais portugiesisch
romanian ro ron rum romana
russian ru rus russe russisch
serbian sr srp
slovak sk slk slo slovencina
slovene sl slv slovenian slovenscina
spanish es spa espanol castellano espagnol spanisch
swedish sv swe svenska suedois schwedisch
turkish tr tur turkce
ukrainian uk ukr
"""
LANGUAGES = {name: line.split()[0] for line in NAMES.split("\n") if line for name in line.split()}


def language(text: str) -> str:
    """The name by which babel, biblatex and Pandoc know a language; "" when this is none that is known here.

    Args:
        text: a code, with or without a region (`de-CH`, `ger`), or a name (`German`, `Deutsch`).
    """
    marks = unicodedata.normalize("NFKD", text.casefold())
    words = re.findall(r"[^\W\d_]+", "".join(c for c in marks if not unicodedata.combining(c)))
    return LANGUAGES.get(words[0], "") if words else ""
