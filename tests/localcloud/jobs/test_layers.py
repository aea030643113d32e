"""Protects that a layer is unpacked as it is, never outside of its folder, and that layers stack as the format says."""

import contextlib
import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.localcloud.jobs.layers import stack, unpack
from infra.localcloud.jobs.registry import ImageError

Add = Callable[[tarfile.TarFile], None]


def file(name: str, text: str = "text", mode: int = 0o644) -> Add:
    def add(tar: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode, member.uid = len(text.encode()), mode, 12345
        tar.addfile(member, io.BytesIO(text.encode()))

    return add


def other(name: str, kind: bytes, target: str = "") -> Add:
    def add(tar: tarfile.TarFile) -> None:
        member = tarfile.TarInfo(name)
        member.type, member.linkname, member.mode = kind, target, 0o755
        tar.addfile(member)

    return add


def link(name: str, target: str) -> Add:
    return other(name, tarfile.SYMTYPE, target)


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Pack members into a layer and unpack it to a folder of a given name."""

    def packed(*members: Add, to: str = "layer") -> Path:
        archive = tmp_path / f"{to}.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for add in members:
                add(tar)
        unpack(archive, tmp_path / to)
        return tmp_path / to

    return packed


def tree(folder: Path) -> dict[str, str]:
    """What a folder holds: links as `-> target`, folders as `/`."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = "/" if path.is_dir() else path.read_text()
    return found


def test_files_folders_links_and_modes_come_as_they_are(make: Callable[..., Path]) -> None:
    layer = make(
        file("./bin/run", mode=0o755), file("/etc/absolute"), link("bin/sh", "/etc/absolute"), link("up", "../../x")
    )
    assert tree(layer) == {
        "bin": "/",
        "bin/run": "text",
        "bin/sh": "-> /etc/absolute",
        "etc": "/",
        "etc/absolute": "text",
        "up": "-> ../../x",
    }
    assert os.access(layer / "bin/run", os.X_OK)
    assert (layer / "bin/run").stat().st_uid == os.getuid()


@pytest.mark.parametrize(
    "members",
    [
        (file("../escaped"),),
        (file("a/../../escaped"),),
        (other("..", tarfile.DIRTYPE),),
        (link("out", ".."), file("out/escaped")),
        (link("out", "/tmp"), other("out/escaped", tarfile.DIRTYPE)),
        (link("out", ".."), link("out/escaped", "x")),
        (file("own"), link("out", ".."), other("out/escaped", tarfile.LNKTYPE, "own")),
        (other("escaped", tarfile.LNKTYPE, "../victim"),),
        (link("out", ".."), other("escaped", tarfile.LNKTYPE, "out/victim")),
        (link("out", "../victim"), other("escaped", tarfile.LNKTYPE, "out")),
    ],
)
def test_what_would_leave_the_folder_is_refused(
    make: Callable[..., Path], tmp_path: Path, members: tuple[Add, ...]
) -> None:
    """Protects the machine from images: neither names nor links lead a layer out of its folder."""
    (tmp_path / "victim").write_text("untouched")
    with pytest.raises(ImageError, match="the member"):
        make(*members)
    assert not (tmp_path / "escaped").exists()
    assert (tmp_path / "victim").read_text() == "untouched"
    assert (tmp_path / "victim").stat().st_nlink == 1


def test_a_file_replaces_a_link_of_its_name_instead_of_writing_through_it(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "victim").write_text("untouched")
    layer = make(link("twice", "../victim"), file("twice", "new"))
    assert tree(layer) == {"twice": "new"}
    assert (tmp_path / "victim").read_text() == "untouched"


def test_device_files_are_left_out(make: Callable[..., Path]) -> None:
    assert tree(make(other("null", tarfile.CHRTYPE), other("pipe", tarfile.FIFOTYPE), file("kept"))) == {"kept": "text"}


def test_what_is_no_archive_is_an_image_error(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("no tar")
    with pytest.raises(ImageError, match="cannot be unpacked"):
        unpack(tmp_path / "archive", tmp_path / "layer")


def test_sources_of_equal_size_have_different_dates(make: Callable[..., Path]) -> None:
    """Protects that byte code cached for one version of a file is never used for another: layers carry one date."""
    one, two, same = (
        make(file("m.py", text), to=str(index)) / "m.py" for index, text in enumerate(("A = 1", "A = 2", "A = 1"))
    )
    assert one.stat().st_mtime != two.stat().st_mtime
    assert one.stat().st_mtime == same.stat().st_mtime


def test_upper_layers_hide_replace_and_remove(make: Callable[..., Path], tmp_path: Path) -> None:
    low = make(
        file("kept"),
        file("replaced", "old"),
        file("removed"),
        file("gone/deep/x"),
        file("opaque/old"),
        file("becomes-folder"),
        file("becomes-file/x"),
        link("becomes-real", "kept"),
        to="low",
    )
    high = make(
        file("replaced", "new"),
        file(".wh.removed", ""),
        file(".wh.gone", ""),
        file("opaque/.wh..wh..opq", ""),
        file("opaque/new"),
        file("becomes-folder/x"),
        file("becomes-file"),
        file("becomes-real/x"),
        file(".wh..wh.plnk", ""),
        to="high",
    )
    stack([low, high], tmp_path / "stacked")
    assert tree(tmp_path / "stacked") == {
        "kept": "text",
        "replaced": "new",
        "opaque": "/",
        "opaque/new": "text",
        "becomes-folder": "/",
        "becomes-folder/x": "text",
        "becomes-file": "text",
        "becomes-real": "/",
        "becomes-real/x": "text",
    }
    assert tree(low)["replaced"] == "old"


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "", "c d"]), min_size=1, max_size=4).map("/".join)


@given(members=st.lists(st.tuples(st.sampled_from(["file", "folder", "link", "hard"]), NAMES, NAMES), max_size=6))
def test_no_layer_whatsoever_writes_outside(
    tmp_path_factory: pytest.TempPathFactory, members: list[tuple[str, str, str]]
) -> None:
    """Protects the same as the list of attacks above, over names and orders that nobody thought of."""
    around = tmp_path_factory.mktemp("around")
    (around / "victim").write_text("untouched")
    adds = {
        "file": lambda name, target: file(name),
        "folder": lambda name, target: other(name, tarfile.DIRTYPE),
        "link": lambda name, target: link(name, f"../{target}" if target else "../victim"),
        "hard": lambda name, target: other(name, tarfile.LNKTYPE, target),
    }
    archive = around / "layer.tar"
    with tarfile.open(archive, "w") as tar:
        for kind, name, target in members:
            adds[kind](name, target)(tar)
    with contextlib.suppress(ImageError):
        unpack(archive, around / "inner" / "layer")
    assert {path.name for path in around.iterdir()} <= {"victim", "layer.tar", "inner"}
    assert {path.name for path in (around / "inner").iterdir()} == {"layer"}
    assert (around / "victim").read_text() == "untouched"
