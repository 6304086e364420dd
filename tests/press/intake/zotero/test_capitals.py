"""Capitals that matter survive a style that writes titles in lower case; those of English headlines do not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from press.intake.zotero import bibtex
from press.intake.zotero.languages import language
from press.intake.zotero.latex import plain, rich
from press.intake.zotero.ordinary import is_ordinary
from tests.press.intake.zotero.reading import pandoc
from tests.press.intake.zotero.reading import parse as parse_bibtex
from tests.press.intake.zotero.zotero import item


def read_back(*titles: str, field: str = "title") -> list[str]:
    """Titles as Pandoc shows them in sentence case, without its markup."""
    text = "\n".join(f"@book{{k{i},\n  title = {{{rich(plain(title))}}},\n}}\n" for i, title in enumerate(titles))
    seen = pandoc(text)
    shown = [re.sub("<[^>]*>", "", seen[f"k{i}"][field]) for i in range(len(titles))]
    return [title.replace("\u2019", "'") for title in shown]


NAMES = "African Newton Danish Parker Hawking Andes Ford Provence Einsteinian Zürich Ōsaka"
ORDINARY = "Models Denoising Thermodynamics Probabilistic Studies Unreasonable Multilingual"
GERMAN = "der die und Welt Haus Zeit Geist Wort Hand Form og i en Danmark Skov"
OTHERS = """Die Verwandlung der Welt. Eine Geschichte des 19. Jahrhunderts
Zur Elektrodynamik bewegter Körper
Kritik der reinen Vernunft
Der Hund im Wind
Land und Wind
Handbuch Soziologie
Masse und Macht
Naturen i Danmark
Danmarks Natur
Skov og Landskab
De Nederlandse Taal
Het Leven in Utrecht
Data Mining in de Geneeskunde
Histoire de la Révolution française
Los Detectives Salvajes
Il Nome della Rosa
Vetenskap och Samhälle i Sverige
Suomen Historia
Wprowadzenie do Teorii Miar
Roe v. Wade"""


@pytest.mark.parametrize("title", OTHERS.splitlines())
def test_another_language_needs_no_language_field_to_keep_its_capitals(title):
    assert read_back(title) == [title]


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("The African Diaspora and the Dutch Republic", "The African diaspora and the Dutch republic"),
        ("An Essay on Newton and the Theory of Light", "An essay on Newton and the theory of light"),
        ("Traditions of Weaving in the Congo", "Traditions of weaving in the Congo"),
        ("Kepler's Laws and Newton's Laws", "Kepler's laws and Newton's laws"),
        ("Notes on de Finetti and Bayesian Statistics", "Notes on de Finetti and Bayesian statistics"),
        ("Language Models: A Study of Swahili and Finnish", "Language models: A study of Swahili and Finnish"),
        ("Deep Residual Learning for Image Recognition", "Deep residual learning for image recognition"),
        (
            "Unsupervised Thermodynamics of Denoising Autoencoders",
            "Unsupervised thermodynamics of denoising autoencoders",
        ),
        ("A history of the Royal Society in London", "A history of the Royal Society in London"),
        ("Learning in Networks using Parker's Rule", "Learning in networks using Parker's rule"),
        ("Efficient Methods for Fisher Information", "Efficient methods for Fisher information"),
    ],
)
def test_names_in_an_english_headline_keep_theirs_and_other_words_do_not(title, shown):
    assert read_back(title) == [shown]


@pytest.mark.parametrize("word", NAMES.split())
def test_names_are_not_ordinary(word):
    assert not is_ordinary(word)


@pytest.mark.parametrize("word", ORDINARY.split())
def test_ordinary_words_are(word):
    assert is_ordinary(word)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.sampled_from(GERMAN.split()), min_size=3))
def test_capitals_without_an_english_word_are_never_lost(words):
    title = " ".join(["Über", *words, "und"])
    assert read_back(title) == [title]


def test_a_language_that_is_said_counts_more_than_the_words():
    data = {"title": "Moment Form System", "itemType": "book"}
    assert bibtex.entry(item("A", **data), "k", print)["title"] == "Moment Form System"
    german = bibtex.entry(item("A", **data, language="de-CH"), "k", print)
    assert (german["title"], german["langid"]) == ("Moment {Form System}", "german")
    english = bibtex.entry(item("A", title="Gravity Wien", itemType="book", language="English"), "k", print)
    assert (english["title"], english.get("langid")) == ("Gravity {Wien}", None)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *(("da", "danish"), ("Danish", "danish"), ("dansk", "danish"), ("dan", "danish"), ("nl-BE", "dutch")),
        *(("German", "german"), ("ger", "german"), ("de_AT", "german"), ("Deutsch", "german"), ("Dutch", "dutch")),
        *(("Français", "french"), ("fre", "french"), ("en-US", "english"), ("Anglais", "english"), ("nb", "norsk")),
        *(("Estonian", "estonian"), ("Spanish", "spanish"), ("Polish", "polish"), ("Portuguese", "portuguese")),
        *(("", ""), ("tlh", ""), ("--", ""), ("Defunct", ""), ("zh-Hans", "chinese")),
    ],
)
def test_languages_by_code_and_by_name(text, name):
    assert language(text) == name


@pytest.mark.parametrize("language", ["", "da"])
def test_titles_of_books_and_series_are_protected_as_titles_are(language):
    data = {"bookTitle": "Naturen i Danmark", "series": "Danmarks Natur", "title": "Skov", "language": language}
    text = bibtex.write(bibtex.entry(item("A", itemType="bookSection", **data), "k", print))
    seen = pandoc(text)["k"]
    assert [re.sub("<[^>]*>", "", seen[name]) for name in ("container-title", "collection-title")] == [
        "Naturen i Danmark",
        "Danmarks Natur",
    ]


def test_markup_and_formulas_in_the_title_of_a_book_are_understood():
    data = {"proceedingsTitle": "Proceedings of <i>NeurIPS</i> & $x_t$", "conferenceName": "NeurIPS of Paris"}
    found = bibtex.entry(item("A", itemType="conferencePaper", title="T", **data), "k", print)
    assert found["booktitle"] == r"Proceedings of \textit{{NeurIPS}} \& {$x_t$}"
    assert found["eventtitle"] == "{NeurIPS} of {Paris}"
    assert parse_bibtex(bibtex.write(found))["k"] == found
