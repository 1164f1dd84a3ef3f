"""The toy asset as a package of Debian, and an apt-get that has only this package."""

import io
import os
import shlex
import stat
import tarfile
from pathlib import Path

import pytest

from tests.faults.toy_asset import CONTENT, REVISION, World, manifest_text, sha256


def write_deb(path: Path) -> None:
    """A package with the data below `usr/share/toydata`, a file that no reader asks for, and a link out of it."""
    files = {f"./usr/share/toydata/{name}": content for name, content in CONTENT.items()}
    files["./usr/share/doc/toydata/one.txt"] = b"not data"
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:xz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        link = tarfile.TarInfo("./usr/share/toydata/link.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    members = {"debian-binary": b"2.0\n", "control.tar.xz": b"odd", "data.tar.xz": stream.getvalue()}
    path.write_bytes(b"!<arch>\n" + b"".join(ar_member(name, content) for name, content in members.items()))


def ar_member(name: str, content: bytes) -> bytes:
    """A member of an `ar` archive: a header of 60 bytes, then the content, filled up to an even number of bytes."""
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
    return header.encode() + content + b"\n" * (len(content) % 2)


def deb_manifest(deb: Path, hub: bool = False, stand_in: str = "") -> str:
    """A manifest with the asset `toy`, whose first source is the package."""
    head, files = manifest_text(deb).split("[toy.package]\n")[0], manifest_text(deb).split("[toy.files]")[1]
    head += f'stand_in = "{stand_in}"\n' if stand_in else ""
    package = f'name = "toydata"\nversion = "1.0-1"\nbytes = {deb.stat().st_size}\n'
    package += f'sha256 = "{sha256(deb.read_bytes())}"\nroot = "usr/share/toydata"\nmembers = ["*.txt", "deep/*.bin"]\n'
    mirror = f'[toy.hub]\nrepo = "us/toy"\nrevision = "{REVISION}"\nbytes = 1\nfiles = {list(CONTENT)}\n' if hub else ""
    return f"{head}[toy.debian]\n{package}{mirror}[toy.files]{files}"


def write_apt_get(folder: Path, deb: Path, before: str = "") -> Path:
    """An apt-get that copies the package to where it is called, after the shell line `before`; returns its log."""
    log = folder / "apt.log"
    program = folder / "apt-get"
    program.write_text(f'#!/bin/sh\necho "$@" >> {shlex.quote(str(log))}\n{before}\ncp {shlex.quote(str(deb))} .\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return log


def move_to_debian(world: World, patch: pytest.MonkeyPatch, before: str = "") -> Path:
    """Have the world's asset come from a package of Debian, which is quicker than pip; returns the package."""
    deb, programs = world.index / "toydata_1.0-1_all.deb", world.index / "programs"
    programs.mkdir(exist_ok=True)
    write_deb(deb)
    write_apt_get(programs, deb, before)
    world.manifest.write_text(deb_manifest(deb), encoding="utf-8")
    patch.setenv("PATH", str(programs), prepend=os.pathsep)
    return deb
