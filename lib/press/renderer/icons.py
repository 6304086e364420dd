"""The few icons that a navigation bar needs, drawn inline: no font, no request."""

from __future__ import annotations

from markupsafe import Markup

PATHS = {
    "rss": '<path d="M4 11a9 9 0 0 1 9 9M4 4a16 16 0 0 1 16 16"/><circle cx="5" cy="19" r="1"/>',
    "github": (
        '<path d="M15 22v-4a4.8 4.8 0 0 0-1-3.5c3 0 6-2 6-5.5.1-1.3-.3-2.5-1-3.5.3-1.2.3-2.4 0-3.5 0 0-1 0-3 '
        '1.5-2.6-.5-5.4-.5-8 0C6 2 5 2 5 2c-.3 1.1-.3 2.3 0 3.5A5.4 5.4 0 0 0 4 9c0 3.5 3 5.5 6 5.5-.4.5-.7 '
        '1.1-.8 1.7-.2.6-.3 1.2-.2 1.8v4M9 18c-4.5 2-5-2-7-2"/>'
    ),
    "envelope": '<rect x="2" y="4" width="20" height="16" rx="2"/><path d="m22 7-10 6L2 7"/>',
    "search": '<circle cx="11" cy="11" r="7"/><path d="m20.5 20.5-4.5-4.5"/>',
    "mastodon": (
        '<path d="M4 8.500C4 5 6 3 9 3h6c3 0 5 2 5 5.500V12c0 3-2 4.5-5 4.500H9.500c0 2 2 3 5.5 2.5-1 1.5-3 '
        '2-5 2-4 0-6-2.5-6-7z"/><path d="M8 12V9c0-2.5 4-2.5 4 0v2-2c0-2.5 4-2.5 4 0v3"/>'
    ),
    "house": '<path d="m3 11 9-8 9 8v10h-6v-6H9v6H3z"/>',
    "journal": '<rect x="5" y="2" width="15" height="20" rx="2"/><path d="M9 2v20M3 7h3M3 12h3M3 17h3"/>',
    "info-circle": '<circle cx="12" cy="12" r="9"/><path d="M12 11v6M12 7h.01"/>',
}  # fmt: skip


def svg(name: str) -> Markup:
    """An icon as inline SVG in the colour of the text around it."""
    return Markup(
        '<svg class="icon" viewBox="0 0 24 24" width="18" height="18" fill="none" stroke="currentColor" '
        f'stroke-width="2" stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">{PATHS[name]}</svg>'
    )
