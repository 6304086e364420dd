"""The sync against a real server: what it asks, what it writes, what it refuses."""

from __future__ import annotations

import json

import pytest

from press.core.errors import PressError
from press.intake.zotero.sync import Wishes, sync
from tests.press.intake.zotero.reading import parse
from tests.press.intake.zotero.zotero import DESKTOP, KEY, USER, Library, Server, author, fixture, item

FIXED = """couairon2023diffedit gal2023textual ho2020ddpm ho2022cfg karras2022edm kawar2023imagic kingma2014vae kingma2021vdm
lin2023zerosnr meng2022sdedit meng2023guided nichol2021improved nichol2022glide owen2013mc rombach2022ldm ruiz2023dreambooth
salimans2022progressive sohldickstein2015 song2021ddim song2021sde vincent2011dsm"""


def key_of(library: Library, title: str) -> str:
    return next(key for key, one in library.items.items() if one["data"].get("title", "").startswith(title))


def state(desk) -> dict:
    return json.loads(desk.files()[1])


def messages(error: pytest.ExceptionInfo[PressError]) -> str:
    return "\n".join(map(str, error.value.problems))


def test_the_first_sync_reads_all_pages_and_keeps_the_authors_keys(desk):
    outcome = desk.sync()
    assert len(outcome.added) == 81
    assert len(desk.server.log) == 9
    assert set(FIXED.split()) <= set(parse(desk.bib))
    assert all(headers["Authorization"] == f"Bearer {KEY}" for _, _, headers in desk.server.log)
    assert KEY not in desk.bib + desk.files()[1].decode() + "".join(desk.said)


def test_nothing_changed_is_one_conditional_request_and_no_byte(desk):
    desk.sync()
    before = desk.files()
    stamps = [(desk.site.root / name).stat().st_mtime_ns for name in ("references.bib", "references.json")]
    desk.sync()
    ((path, query, headers),) = desk.server.log
    assert headers["If-Modified-Since-Version"] == str(desk.library.version)
    assert path == f"/users/{USER}/items"
    assert query["includeTrashed"] == "1"
    assert desk.files() == before
    assert stamps == [(desk.site.root / name).stat().st_mtime_ns for name in ("references.bib", "references.json")]


def test_a_changed_title_is_a_one_line_diff_and_two_requests(desk):
    desk.sync()
    before = desk.bib.splitlines()
    desk.library.put(key_of(desk.library, "Prompt-to-Prompt"), title="Prompt-to-prompt image editing")
    outcome = desk.sync()
    assert len(desk.server.log) == 2
    assert outcome.changed == ["hertz2022prompttoprompt"]
    after = desk.bib.splitlines()
    assert len(before) == len(after)
    assert [(a, b) for a, b in zip(before, after, strict=True) if a != b] == [
        (
            "  title = {Prompt-to-Prompt Image Editing with Cross Attention Control},",
            "  title = {Prompt-to-prompt image editing},",
        )
    ]


def test_trash_leaves_no_tombstone_and_is_seen_all_the_same(desk):
    desk.sync()
    gone = key_of(desk.library, "Strmr")
    desk.library.trash(gone)
    assert desk.sync().removed == ["strmrndstrmr"]
    assert desk.library.tombstones == []
    desk.library.restore(gone)
    desk.library.put(gone, title="Another name")
    assert desk.sync().added == ["strmrndstrmr"], "an item that comes back has its key back"


def test_an_erased_item_goes_and_nobody_gets_its_key(desk):
    desk.sync()
    gone = key_of(desk.library, "Strmr")
    twin = json.loads(json.dumps(desk.library.items[gone]["data"]))
    desk.library.erase(gone)
    del twin["key"]
    desk.library.put("ZZZZ2222", **twin)
    outcome = desk.sync()
    assert (outcome.removed, outcome.added) == (["strmrndstrmr"], ["strmrndstrmra"])
    assert len(desk.server.log) == 2


def test_children_are_no_entries_and_a_note_changes_no_byte(desk):
    desk.sync()
    before = desk.bib
    desk.library.put(
        "NOTE2345", itemType="note", parentItem=key_of(desk.library, "Denoising Diffusion P"), note="<p>x</p>"
    )
    outcome = desk.sync()
    assert desk.bib == before
    assert (outcome.added, outcome.changed, outcome.removed) == ([], [], [])
    assert state(desk)["version"] == desk.library.version


def test_a_filter_is_remembered_and_what_leaves_it_leaves(desk):
    outcome = desk.sync(collection="TLBXTLBX")
    assert len(outcome.added) == 5
    assert desk.server.log[0][0].endswith("/collections/TLBXTLBX/items/top")
    desk.library.put(key_of(desk.library, "nbdev"), collections=["READLIST"])
    desk.library.put(key_of(desk.library, "Strmr"), collections=["TLBXTLBX"])
    desk.library.put(key_of(desk.library, "Attention"), title="Elsewhere")
    outcome = desk.sync()
    assert (outcome.removed, outcome.added, outcome.changed) == (["fastaindnbdev"], ["strmrndstrmr"], [])
    outcome = desk.sync(collection="", tag="tool")
    assert (outcome.removed, outcome.added) == (["strmrndstrmr"], ["fastaindnbdev"])
    assert len(desk.sync(tag="").added) == 81 - 5


def test_a_deleted_collection_is_an_error(desk):
    desk.sync(collection="TLBXTLBX")
    before = desk.files()
    desk.library.erase("TLBXTLBX", kind="collections")
    with pytest.raises(PressError) as error:
        desk.sync()
    assert "collection TLBXTLBX was deleted in Zotero" in messages(error)
    assert desk.files() == before


def test_a_group_library(site):
    (site.root / "references.bib").unlink()
    with Server(fixture(), path="/groups/77") as server:
        done = site.press("sync", "--library-type", "group", "--library-id", "77", **server.environment)
    assert done.stdout.startswith("references.bib: 81 added (")
    assert json.loads(site.read("references.json"))["library"] == "groups/77"


def test_the_desktop_is_read_whole_and_without_a_key(site):
    (site.root / "references.bib").unlink()
    with Server(fixture(), path=DESKTOP) as server:
        environment = {"ZOTERO_API_URL": server.url + "/api"}
        site.press("sync", "--local", **environment)
        assert len(server.log) == 1
        assert "Authorization" not in server.log[0][2]
        before = site.read("references.bib")
        assert "up to date" in site.press("sync", "--local", **environment).stdout
        assert site.read("references.bib") == before
    assert json.loads(site.read("references.json"))["version"] == 0, "the desktop's versions mean nothing on the web"


def test_desktop_and_web_take_turns(desk):
    desk.sync()
    bib, lines = desk.bib, state(desk)
    desk.server.libraries[DESKTOP] = desk.library
    environment = {"ZOTERO_API_URL": desk.server.url + "/api"}
    sync(desk.project, Wishes(local=True), desk.said.append, environment | {"ZOTERO_LIBRARY_ID": "0"})
    assert desk.bib == bib
    assert state(desk) == lines | {"version": 0}
    desk.sync()
    assert (desk.bib, state(desk)) == (bib, lines)


def test_another_library_is_refused_unless_asked_for(desk):
    desk.sync()
    before = desk.files()
    desk.server.libraries["/users/9"] = Library([item("AAAA2222", title="Alone", creators=[author("Doe", "Jane")])])
    with pytest.raises(PressError) as error:
        desk.sync(library_id="9")
    assert "belongs to users/475425, not to users/9" in messages(error)
    assert desk.files() == before
    assert len(desk.sync(library_id="9", full=True).removed) == 81


def test_two_machines_agree(desk, tmp_path):
    desk.sync()
    first = desk.files()
    for name in ("references.bib", "references.json"):
        (desk.site.root / name).unlink()
    desk.library.items = dict(reversed(desk.library.items.items()))
    desk.sync()
    assert desk.files() == first


@pytest.mark.parametrize("edit", ["a changed entry", "an added entry", "a comment"])
def test_what_an_author_wrote_in_the_bibliography_is_not_lost(desk, edit):
    desk.sync()
    path, before = desk.site.root / "references.bib", desk.bib
    text = {
        "a changed entry": before.replace("Attention Is All", "Attention is not all"),
        "an added entry": before + "\n@misc{mine2026,\n  title = {Mine},\n}\n",
        "a comment": "% my notes\n" + before,
    }[edit]
    path.write_text(text)
    with pytest.raises(PressError, match=r"references\.bib: no sync wrote this file as it is, and a sync would lose"):
        desk.sync()
    assert desk.bib == text
    path.unlink()
    desk.sync()
    assert desk.bib == before


def test_an_authors_bibliography_is_not_replaced_by_the_first_sync(desk):
    desk.site.write("references.bib", "@misc{mine2026,\n  title = {Mine},\n}\n")
    with pytest.raises(PressError, match=r"references\.bib: no sync wrote .* would lose mine2026"):
        desk.sync()
    assert "Mine" in desk.bib


def test_a_merge_of_two_syncs_is_read_again(desk):
    """What an entry-wise merge in git leaves fits no state, and holds nothing that the library does not."""
    desk.sync()
    before = desk.files()
    blocks = desk.bib.split("\n\n")
    desk.site.write("references.bib", "\n\n".join([*blocks[:3], *blocks[4:]]))
    desk.sync()
    assert desk.files() == before
    assert "not what the last sync wrote" in desk.said[0]


@pytest.mark.parametrize(
    ("name", "why"),
    [("../shared.bib", "lies outside the project"), ("refs.json", "is not a .bib file"), ("link.bib", "symbolic link")],
)
def test_a_bibliography_elsewhere_is_not_written(desk, name, why):
    outside = desk.site.root.parent / "shared.bib"
    outside.write_text("@misc{mine,\n}\n")
    if name == "link.bib":
        (desk.site.root / name).symlink_to(outside)
    desk.site.write("_quarto.yml", desk.site.read("_quarto.yml").replace("references.bib", name))
    with pytest.raises(PressError, match=why):
        desk.sync()
    assert outside.read_text() == "@misc{mine,\n}\n"


def test_a_dry_run_shows_the_diff_and_writes_nothing(desk):
    done = desk.site.press("sync", "--dry-run", **desk.server.environment)
    assert "+@book{owen2013mc," in done.stdout
    assert desk.files() == (b"", b"")
    desk.site.press("sync", **desk.server.environment)
    assert "up to date" in desk.site.press("sync", "--dry-run", **desk.server.environment).stdout


def test_renaming_a_key_needs_rewrite(desk):
    site = desk.site
    desk.sync()
    site.post(
        "a", "See [@ho2020ddpm, Eq. 4; -@song2021ddim], @ho2020ddpm. Not @ho2020ddpmx, me@ho2020ddpm.org, ho2020ddpm.\n"
    )
    site.write("papers/ho2020ddpm/paper.qmd", "---\ntitle: x\n---\n\n@{ho2020ddpm} and [it](/papers/ho2020ddpm/).\n")
    site.write("papers/ho2020ddpm/paper.toml", 'cites = ["ho2020ddpm"]\nname = "about ho2020ddpm"\n')
    site.write("lib/mathlib/core.py", '"""Two.\n\nSource: ho2020ddpm, Eq. 4; ho2020ddpmx.\n"""\nho2020ddpm = 2\n')
    before = desk.files()
    desk.library.put(key_of(desk.library, "Denoising Diffusion P"), citationKey="ho2020denoising")
    with pytest.raises(PressError) as error:
        desk.sync()
    assert "posts/a/post.qmd:8: citation key 'ho2020ddpm' is 'ho2020denoising' in Zotero now" in messages(
        error
    ).replace("lib/mathlib/core.py:3", "posts/a/post.qmd:8")
    assert "--rewrite" in messages(error)
    assert desk.files() == before
    outcome = desk.sync(rewrite=True)
    assert outcome.renamed == {"ho2020ddpm": "ho2020denoising"}
    text = site.read("posts/a/post.qmd")
    assert (
        "[@ho2020denoising, Eq. 4; -@song2021ddim], @ho2020denoising. Not @ho2020ddpmx, me@ho2020ddpm.org, ho2020ddpm."
        in text
    )
    assert "@{ho2020denoising} and [it](/papers/ho2020denoising/)" in site.read("papers/ho2020denoising/paper.qmd")
    assert site.read("papers/ho2020denoising/paper.toml") == 'cites = ["ho2020denoising"]\nname = "about ho2020ddpm"\n'
    assert (
        site.read("lib/mathlib/core.py")
        == '"""Two.\n\nSource: ho2020denoising, Eq. 4; ho2020ddpmx.\n"""\nho2020ddpm = 2\n'
    )
    assert not (site.root / "papers/ho2020ddpm").exists()
    assert len(outcome.rewritten) == 5
    assert "ho2020ddpm" not in parse(desk.bib)
    assert len(desk.sync().rewritten) == 0


def test_two_items_cannot_exchange_their_keys_in_one_go(desk):
    desk.sync()
    a, b = key_of(desk.library, "Denoising Diffusion P"), key_of(desk.library, "Variational Diffusion")
    desk.library.put(a, citationKey="kingma2021vdm")
    desk.library.put(b, extra="Citation Key: ho2020ddpm")
    with pytest.raises(PressError) as error:
        desk.sync(rewrite=True)
    assert "moves from one item to another" in messages(error)


def test_an_entry_that_is_cited_is_not_lost(desk):
    desk.sync()
    desk.site.post("a", "See @ho2020ddpm.\n")
    before = desk.files()
    desk.library.trash(key_of(desk.library, "Denoising Diffusion P"))
    with pytest.raises(PressError) as error:
        desk.sync()
    assert "posts/a/post.qmd:8: cites @ho2020ddpm, which is no longer in the library" in messages(error)
    assert desk.files() == before


def test_a_damaged_state_is_named(desk):
    desk.sync()
    desk.site.write("references.json", '{\n<<<<<<< ours\n "bib": ""\n}')
    with pytest.raises(PressError) as error:
        desk.sync()
    assert "references.json:2: not a valid state of `press sync`" in messages(error)


def test_the_projects_own_references_come_from_the_fixture(desk):
    """references.bib of this very project is what a sync of the fixture library writes."""
    from pathlib import Path

    desk.sync()
    root = Path(__file__).resolve().parents[4]
    assert desk.bib == (root / "references.bib").read_text(encoding="utf-8")
    assert desk.files()[1] == (root / "references.json").read_bytes()
