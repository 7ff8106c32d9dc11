"""Files that grow step by step and survive a kill: each can say how far it is and go back to there.

After a kill a file holds more than the last checkpoint knew; `open_at` cuts it off there and goes on. Entry names are
made by the writers from checked file names. Dates inside are fixed, so equal content makes equal bytes.
"""

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Protocol

Position = dict[str, Any]
_DATE = (2000, 1, 1, 0, 0, 0)
_COPY_BYTES = 1 << 20
_ZIP_FIELDS = ("filename", "header_offset", "CRC", "compress_size", "file_size", "compress_type", "flag_bits")


class Package(Protocol):
    """Takes named entries."""

    def add(self, name: str, data: bytes) -> None:
        """Write one entry."""

    def add_file(self, name: str, file: IO[bytes], size: int) -> None:
        """Write one entry from an open file of `size` bytes."""

    def add_folder(self, name: str) -> None:
        """Write a folder, which may stay empty."""

    def checkpoint(self) -> Position:
        """Flush and return where a later run may go on."""

    def close(self) -> list[Path]:
        """Finish and return the files made."""

    def abandon(self) -> None:
        """Close without finishing; a later run goes on at the last checkpoint."""


class GrowingFile:
    """A plain file of bytes."""

    def __init__(self, path: Path, position: Position | None = None) -> None:
        self.path = path
        self._file = _open_at(path, (position or {}).get("offset", 0))

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._file.write(data)

    def checkpoint(self) -> Position:
        """Flush and return the length."""
        self._file.flush()
        return {"offset": self._file.tell()}

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class ZipPackage:
    """A zip; what is packed already (photos, PNG) is stored as it is."""

    def __init__(self, folder: Path, name: str, position: Position | None = None) -> None:
        self.path = folder / f"{name}.zip"
        self._listing = folder / f".{name}.entries"
        position = position or {"offset": 0, "listing": {"offset": 0}}
        self._file = _open_at(self.path, position["offset"])
        self._entries = GrowingFile(self._listing, position["listing"])
        self._zip = zipfile.ZipFile(self._file, "w")
        for info in _read_listing(self._listing, position["listing"]["offset"]):
            self._zip.filelist.append(info)
            self._zip.NameToInfo[info.filename] = info
        self._noted = len(self._zip.filelist)

    def add(self, name: str, data: bytes) -> None:
        """Write one entry."""
        self.add_file(name, io.BytesIO(data), len(data))

    def add_file(self, name: str, file: IO[bytes], size: int) -> None:
        """Write one entry from an open file."""
        info = _zip_info(name)
        info.file_size = size  # decides about zip64
        is_text = name.endswith((".json", ".txt", ".xml", ".yaml"))
        info.compress_type = zipfile.ZIP_DEFLATED if is_text else zipfile.ZIP_STORED
        with self._zip.open(info, "w") as entry:
            _copy(file, entry)

    def add_folder(self, name: str) -> None:
        """Write a folder."""
        self._zip.writestr(_zip_info(f"{name}/"), b"")

    def checkpoint(self) -> Position:
        """Flush and return where a later run may go on; the entries until now are noted beside the zip."""
        for info in self._zip.filelist[self._noted :]:
            self._entries.write("\t".join(str(getattr(info, field)) for field in _ZIP_FIELDS).encode() + b"\n")
        self._noted = len(self._zip.filelist)
        self._file.flush()
        return {"offset": self._zip.start_dir, "listing": self._entries.checkpoint()}

    def close(self) -> list[Path]:
        """Write the directory of the zip."""
        self._zip.close()
        self._file.close()
        self._entries.close()
        return [self.path]

    def abandon(self) -> None:
        """Close the files; a zip without its file writes no directory when it goes."""
        self._zip.fp = None
        self._file.close()
        self._entries.close()


class TarPackage:
    """One tar, or a row of them: `next_shard` starts another."""

    def __init__(self, folder: Path, name: str, position: Position | None = None) -> None:
        self._folder, self._name = folder, name
        self._shard = position["shard"] if position else 0
        self._open(position["offset"] if position else 0)

    def add(self, name: str, data: bytes) -> None:
        """Write one entry."""
        self.add_file(name, io.BytesIO(data), len(data))

    def add_file(self, name: str, file: IO[bytes], size: int) -> None:
        """Write one entry from an open file of `size` bytes."""
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o644
        self._tar.addfile(info, file)

    def add_folder(self, name: str) -> None:
        """Write a folder."""
        info = tarfile.TarInfo(name)
        info.type, info.mode = tarfile.DIRTYPE, 0o755
        self._tar.addfile(info)

    def next_shard(self) -> None:
        """Finish this tar and start the next."""
        self._finish()
        self._shard += 1
        self._open(0)

    def checkpoint(self) -> Position:
        """Flush and return where a later run may go on."""
        self._file.flush()
        return {"shard": self._shard, "offset": self._file.tell()}

    def close(self) -> list[Path]:
        """Finish the last tar."""
        self._finish()
        return [self._path(shard) for shard in range(self._shard + 1)]

    def abandon(self) -> None:
        """Close the file."""
        self._file.close()

    def _path(self, shard: int) -> Path:
        return self._folder / f"{self._name}_{shard:06d}.tar"

    def _open(self, offset: int) -> None:
        self._file = _open_at(self._path(self._shard), offset)
        self._tar = tarfile.open(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)  # noqa: SIM115
        self._tar.members = _Forgetful()  # type: ignore[attr-defined]  # it would keep every member

    def _finish(self) -> None:
        self._tar.close()
        self._file.close()


class _Forgetful(list[tarfile.TarInfo]):
    """A list that stays empty: tarfile remembers every entry it wrote, and nobody here asks."""

    def append(self, item: tarfile.TarInfo) -> None:
        """Drop it."""


def entries_of(paths: list[Path]) -> Iterator[tuple[str, IO[bytes]]]:
    """Yield the name and the open content of every entry of zips, tars and plain files, in the order written."""
    for path in paths:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path) as archive:
                for info in archive.infolist():
                    if info.is_dir():
                        continue
                    with archive.open(info) as entry:
                        yield info.filename, entry
        elif path.suffix == ".tar":
            with tarfile.open(path, "r|") as tar:
                for member in tar:
                    content = tar.extractfile(member)
                    if content is not None:
                        yield member.name, content
        else:
            with path.open("rb") as file:
                yield path.name, file


def _open_at(path: Path, offset: int) -> IO[bytes]:
    file = path.open("r+b" if path.exists() else "w+b")
    file.truncate(offset)
    file.seek(offset)
    return file


def _zip_info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _DATE)
    info.external_attr = (0o40755 << 16 | 0x10) if info.is_dir() else 0o644 << 16
    return info


def _read_listing(path: Path, length: int) -> list[zipfile.ZipInfo]:
    with path.open("rb") as file:
        lines = file.read(length).decode().splitlines()
    infos = []
    for line in lines:
        name, *numbers = line.split("\t")
        info = _zip_info(name)
        for field, number in zip(_ZIP_FIELDS[1:], numbers, strict=True):
            setattr(info, field, int(number))
        infos.append(info)
    return infos


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    while chunk := source.read(_COPY_BYTES):
        target.write(chunk)
