"""Shortcodes that make HTML: videos, keys, icons, placeholders. Each is one line of raw inline HTML for Pandoc."""

from __future__ import annotations

import re
from html import escape
from urllib.parse import quote, urlsplit

from press.renderer import icons

FILES = (".mp4", ".webm", ".ogv", ".ogg", ".mov", ".m4v")
YOUTUBE = re.compile(
    r"(?:youtu\.be/|youtube(?:-nocookie)?\.com/(?:watch\?(?:[^#\s]*&)?v=|embed/|shorts/|live/|v/))([\w-]{6,})"
)
VIMEO = re.compile(r"vimeo\.com/(?:video/)?(\d+)")
LOREM = (
    "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore et dolore "
    "magna aliqua. Ut enim ad minim veniam, quis nostrud exercitation ullamco laboris nisi ut aliquip ex ea commodo "
    "consequat. Duis aute irure dolor in reprehenderit in voluptate velit esse cillum dolore eu fugiat nulla pariatur."
)


def raw(markup: str) -> str:
    """HTML as Pandoc's raw inline; on one line, and with nothing in it that could end it."""
    return f"`{' '.join(markup.split()).replace('`', '&#96;')}`{{=html}}"


def video(address: str, options: dict[str, str], offline: bool) -> str:
    """A video: a file plays in the page, one of a platform in a frame that sets no cookies, any other is a link.

    Args:
        offline: the page may ask no other host for anything: what lies elsewhere is a link.
    """
    title = options.get("title") or options.get("aria-label") or ""
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https", ""):
        return raw(f"<code>{escape(address)}</code>")
    named, size = escape(title or "Video"), _size(options)
    start = options.get("start", "") if options.get("start", "").isdigit() else ""
    foreign = bool(parts.netloc)
    if parts.path.lower().endswith(FILES) and not (foreign and offline):
        source = escape(address + (f"#t={start}" if start else ""))
        film = f'<video controls preload="metadata" src="{source}" title="{named}"{size}></video>'
        return raw(f'<span class="quarto-video">{film}</span>')
    frame = ""
    if match := YOUTUBE.search(address):
        frame = f"https://www.youtube-nocookie.com/embed/{match[1]}" + (f"?start={start}" if start else "")
    elif match := VIMEO.search(address):
        frame = f"https://player.vimeo.com/video/{match[1]}?dnt=1"
    if frame and not offline:
        film = f'<iframe src="{frame}" title="{named}" loading="lazy" allowfullscreen{size}></iframe>'
        return raw(f'<span class="quarto-video">{film}</span>')
    label = escape(title or f"Video: {parts.netloc or address}")
    return raw(f'<a class="video-card" href="{escape(address)}">{label}</a>')


def _size(options: dict[str, str]) -> str:
    """The style that width, height and aspect-ratio ask for."""
    style = []
    for side in ("width", "height"):
        value = options.get(side, "")
        if re.fullmatch(r"\d+(?:\.\d+)?(?:px|%|em|rem|vw|vh)?", value):
            style.append(f"{side}:{value + ('px' if value[-1].isdigit() else '')}")
    ratio = re.fullmatch(r"(\d+)x(\d+)", options.get("aspect-ratio", ""))
    if ratio:
        style.append(f"aspect-ratio:{ratio[1]}/{ratio[2]}")
    return f' style="{";".join(style)}"' if style else ""


def keys(words: list[str], options: dict[str, str]) -> str:
    """A key, or several at once; where each system has its own, that of Windows and Linux."""
    text = " ".join(words) or options.get("win") or options.get("linux") or next(iter(options.values()), "")
    return raw(f"<kbd>{escape(text)}</kbd>")


def icon(words: list[str], options: dict[str, str]) -> tuple[str, bool]:
    """An icon, drawn where it is one of ours, else its name; and whether it could be drawn."""
    name = words[-1].rpartition(":")[2] if words else ""
    if icons.known(name):
        return raw(str(icons.svg(name))), True
    label = options.get("label") or options.get("title") or name.replace("-", " ")
    return raw(f'<small class="icon-name">[{escape(label)}]</small>'), False


def placeholder(words: list[str]) -> str:
    """A grey picture with its size written on it."""
    sizes = [int(word) for word in words if word.isdigit()][:2] or [100]
    width, height = (min(size, 4000) for size in (sizes[0], sizes[-1]))
    text = f"{width} × {height}"
    drawing = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<rect width="100%" height="100%" fill="#ddd"/><text x="50%" y="50%" fill="#555" '
        f'font-size="{max(8, width // 9)}" text-anchor="middle" dominant-baseline="middle">{text}</text></svg>'
    )
    return raw(f'<img class="placeholder-image" alt="Placeholder, {text}" src="data:image/svg+xml,{quote(drawing)}">')


def lorem(words: list[str]) -> str:
    """Paragraphs of text that says nothing."""
    count = int(words[0]) if words and words[0].isdigit() else 1
    return raw("<br><br>").join([LOREM] * max(1, min(count, 50)))
