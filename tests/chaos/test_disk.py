"""A disk is full when it is told to be, and has room again afterwards."""

import errno
from pathlib import Path

import pytest

from chaos.disk import Disk

MEBIBYTE = bytes(1 << 20)


def test_a_full_disk_takes_nothing_and_a_freed_one_does(tmp_path: Path) -> None:
    """What was written before is still there, and the folder is an ordinary one when the disk is forgotten."""
    disk = Disk.mounted(tmp_path)
    if disk is None:
        pytest.skip("this user may not mount")
    try:
        (tmp_path / "kept").write_bytes(MEBIBYTE)
        disk.fill()
        with pytest.raises(OSError, match="No space left") as refused:
            (tmp_path / "more").write_bytes(MEBIBYTE)
        assert errno.ENOSPC == refused.value.errno
        disk.free()
        (tmp_path / "more").write_bytes(MEBIBYTE)
        assert MEBIBYTE == (tmp_path / "kept").read_bytes()
    finally:
        Disk.forget(tmp_path)
    assert not (tmp_path / "kept").exists()
