"""The form of what options are given: each returns the value, or says what is legal."""

from __future__ import annotations

import argparse


def number(text: str) -> str:
    """The id of a library."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} must be a number; find your user ID at zotero.org/settings/keys")
    return text


def cache(text: str) -> str:
    """A cache: an address or a folder."""
    from press.shared.places import named

    try:
        named(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def collection(text: str) -> str:
    """The key of a collection; "" for all."""
    if text and not (len(text) == 8 and text.isascii() and text.isalnum()):
        raise argparse.ArgumentTypeError(f"{text!r} must be the 8 letters and digits at the end of its URL")
    return text.upper()


def positive(text: str) -> int:
    """A whole number from 1."""
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number, at least 1")
    return int(text)


def seed(text: str) -> int:
    """A whole number from 0."""
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number, at least 0; name posts before --seeds")
    return int(text)
