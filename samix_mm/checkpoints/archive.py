"""The zip archives that ``torch.save`` writes, read without trusting them.

PyTorch's own reader allocates what an archive declares, does not compare
checksums, and before 2.6 hands archives with TorchScript to a loader that
runs their code. Here an archive is looked through before anything of it is
read: nothing in it is compressed or stored twice, so that what is read can
never be larger than the file.
"""
import os
import re
import struct
import zipfile
import zlib
from errno import EINVAL
from typing import BinaryIO, Dict, Optional

from .errors import DamagedCheckpointError, UnsafeCheckpointError

_LOCAL_HEADER = struct.Struct('<26xHH')
_ENCRYPTED = 1
_CHUNK = 1 << 20

#: What TorchScript archives and PyTorch's packages have below their first
#: folder, which has the name of the file.
_CODE = re.compile(r'(^|/)(code/|constants\.pkl$|extern_modules$)|\.py$')


class Archive:
    """A checkpoint of PyTorch 1.6 or later.

    Args:
        file (BinaryIO): The file, seekable.

    Raises:
        DamagedCheckpointError: If it is cut off, corrupted, or no archive
            that ``torch.save`` writes.
        UnsafeCheckpointError: If it holds code.
        OSError: If it cannot be read.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = _FailureKeeper(file)
        self._members = self._read_directory()
        self._check_directory()
        self._prefix = self._find_prefix()
        self._unread = set(self._members)
        #: False for files that were written with
        #: ``torch.serialization.set_crc32_options(False)``, which has zeros
        #: in place of the checksums.
        self.has_checksums = any(
            info.CRC for info in self._members.values())

    def has(self, name: str) -> bool:
        """Whether there is such a member."""
        return self._prefix + name in self._members

    def size(self, name: str) -> int:
        """Bytes of a member of the checkpoint's folder."""
        return self._info(name).file_size

    def read(self, name: str) -> bytearray:
        """Read a member of the checkpoint's folder.

        Args:
            name (str): Its name there, such as ``data.pkl``.

        Returns:
            bytearray: Its content, whose checksum is right.

        Raises:
            DamagedCheckpointError: If there is no such member, or it is cut
                off or corrupted.
        """
        content = bytearray(self.size(name))
        self.read_into(name, memoryview(content))
        return content

    def read_into(self, name: str, buffer: memoryview) -> None:
        """As :meth:`read`, into a buffer of exactly the member's size."""
        self._fill(self._info(name), buffer)

    def check_rest(self) -> None:
        """Compare the checksums of all that has not been read."""
        buffer = memoryview(bytearray(_CHUNK))
        for name in sorted(self._unread):
            self._fill(self._members[name], buffer)

    def _read_directory(self) -> Dict[str, zipfile.ZipInfo]:
        try:
            with zipfile.ZipFile(self._file) as archive:
                infos = archive.infolist()
        except Exception as error:  # zipfile raises all kinds on bad bytes
            self._file.raise_failure(error)
            raise DamagedCheckpointError(
                'its directory is cut off or corrupted') from error
        members = {info.filename: info for info in infos}
        if len(members) < len(infos):
            raise DamagedCheckpointError('names occur twice in its directory')
        return members

    def _check_directory(self) -> None:
        """Refuse code, and what would be larger than the file is."""
        file_size = self._file.seek(0, os.SEEK_END)
        end = 0
        for info in sorted(self._members.values(),
                           key=lambda info: info.header_offset):
            if _CODE.search(info.filename.partition('/')[2] or info.filename):
                raise UnsafeCheckpointError(
                    f'it is an archive of TorchScript or of packaged code '
                    f'(it holds {info.filename!r}), which runs what it holds')
            if info.compress_type != zipfile.ZIP_STORED:
                raise DamagedCheckpointError(
                    f'its part {info.filename!r} is compressed, which '
                    'torch.save never does; unpack it, and save it again')
            if info.flag_bits & _ENCRYPTED:
                raise DamagedCheckpointError(
                    f'its part {info.filename!r} is encrypted')
            if info.file_size != info.compress_size or \
                    info.header_offset < end:
                raise DamagedCheckpointError(
                    f'the size of its part {info.filename!r} is wrong')
            end = info.header_offset + _LOCAL_HEADER.size + info.file_size
            if end > file_size:
                raise DamagedCheckpointError(
                    f'its part {info.filename!r} is cut off')

    def _find_prefix(self) -> str:
        """The folder that ``torch.save`` names after the file."""
        folders = [
            name[:-len('data.pkl')] for name in self._members
            if name.count('/') == 1 and name.endswith('/data.pkl')
        ]
        if len(folders) != 1:
            raise DamagedCheckpointError(
                'it is a zip archive, but none that torch.save writes')
        return folders[0]

    def _info(self, name: str) -> zipfile.ZipInfo:
        try:
            return self._members[self._prefix + name]
        except KeyError:
            raise DamagedCheckpointError(
                f'its part {name[:80]!r} is missing') from None

    def _fill(self, info: zipfile.ZipInfo, buffer: memoryview) -> None:
        """Read a member, to the buffer or over and over it."""
        self._unread.discard(info.filename)
        self._file.seek(info.header_offset)
        header = self._file.read(_LOCAL_HEADER.size)
        if len(header) < _LOCAL_HEADER.size or header[:4] != b'PK\3\4':
            raise DamagedCheckpointError(
                f'the header of its part {info.filename!r} is corrupted')
        name_length, extra_length = _LOCAL_HEADER.unpack(header)
        self._file.seek(name_length + extra_length, os.SEEK_CUR)
        checksum, left, start = 0, info.file_size, 0
        while left:
            if start == len(buffer):
                start = 0
            chunk = buffer[start:start + min(left, _CHUNK)]
            count = self._file.readinto(chunk)
            if not count:
                raise DamagedCheckpointError(
                    f'its part {info.filename!r} is cut off')
            checksum = zlib.crc32(chunk[:count], checksum)
            start += count
            left -= count
        if self.has_checksums and checksum != info.CRC:
            raise DamagedCheckpointError(
                f'its part {info.filename!r} is corrupted')


def is_archive(file: BinaryIO) -> bool:
    """Whether a file starts as a zip archive does; reads from its start."""
    file.seek(0)
    return file.read(4) == b'PK\3\4'


class _FailureKeeper:
    """A file whose failures to read are told from failures to understand it.

    ``zipfile`` turns an OSError into "not a zip file", and a wrong offset
    into an OSError.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._failure: Optional[OSError] = None
        self.seek, self.tell = file.seek, file.tell

    def seekable(self) -> bool:
        """For ``zipfile``."""
        return True

    def read(self, size: int = -1) -> bytes:
        """As a file's."""
        try:
            return self._file.read(size)
        except OSError as error:
            self._failure = error
            raise

    def readinto(self, buffer: memoryview) -> int:
        """As a file's."""
        return self._file.readinto(buffer)

    def raise_failure(self, error: Exception) -> None:
        """Raise the OSError behind an error of ``zipfile``, if one is."""
        if self._failure is not None:
            raise self._failure
        if isinstance(error, OSError) and error.errno not in (None, EINVAL):
            raise error
