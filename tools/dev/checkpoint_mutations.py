"""Checkpoints as trainings write them, and ways to spoil them.

For ``fuzz_checkpoints.py``. Each mutation takes a generator of random numbers
and the bytes of a file, and returns those of another.
"""
import io
import os
import pickle
import pickletools
import random
import tarfile
import zipfile
from collections import Counter, OrderedDict
from typing import Any, Callable, Dict, List

import numpy as np
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer

from samix_mm.checkpoints.plain import to_plain

Mutation = Callable[[random.Random, bytes], bytes]

#: Names that a hostile pickle may call, and texts of arguments.
NAMES = (
    'os system', 'posix system', 'builtins eval', 'builtins exec', '_io open',
    'builtins getattr', 'builtins __import__', 'subprocess Popen',
    'torch.hub load', 'torch.jit load', 'torch load', 'numpy load',
    'numpy.core.multiarray _reconstruct', 'numpy ndarray', 'numpy dtype',
    'torch.storage _load_from_bytes', 'torch._utils _rebuild_tensor_v2',
    'torch._utils _rebuild_parameter', 'torch._tensor _rebuild_from_type_v2',
    'torch.serialization _get_layout', 'torch Size', 'torch device',
    'collections OrderedDict', 'collections Counter', 'builtins bytearray',
    'mmengine.logging.history_buffer HistoryBuffer',
    'mmengine.config.config ConfigDict', 'mmengine.config.config Config',
    'operator attrgetter', 'functools partial', 'types FunctionType')
EDGES = (0, 1, 2, 255, 256, 2**16, 2**31 - 1)
CODES = [code.encode('latin-1') for code in pickletools.code2op]


def originals(canary: str) -> Dict[str, bytes]:
    """Whole files: of this package, of MMEngine alone, and older ones."""
    torch.manual_seed(0)
    rng = np.random.RandomState(0)
    weights = OrderedDict(
        (f'backbone.{index}.weight', torch.randn(4, index + 1))
        for index in range(6))
    weights._metadata = OrderedDict(backbone=dict(version=2))
    stock = dict(
        meta=dict(epoch=1, iter=3, seed=0, classes=('a', 'b'),
                  metainfo=ConfigDict(x=dict(y=1))),
        state_dict=weights,
        optimizer=dict(
            state={0: dict(step=torch.tensor(3.), exp_avg=torch.ones(4))},
            param_groups=[dict(lr=0.1, betas=(0.9, 0.99), params=[0])]),
        param_schedulers=[dict(milestones=Counter([2, 2]), _last_lr=[0.1])],
        message_hub=dict(
            log_scalars=OrderedDict(
                loss=HistoryBuffer(rng.rand(3), [1, 1, 1], 10)),
            runtime_info=OrderedDict(
                best_score=np.float64(0.5), name=np.str_('x'), epoch=1),
            resumed_keys=OrderedDict(loss=True)))
    plain = to_plain(stock)
    hostile = dict(plain, extra=_Runs(canary))
    return dict(
        plain=_saved(plain),
        stock=_saved(stock),
        hostile=_saved(hostile),
        old=_saved(plain, _use_new_zipfile_serialization=False),
        old_stock=_saved(stock, _use_new_zipfile_serialization=False),
        old_hostile=_saved(hostile, _use_new_zipfile_serialization=False),
        protocol_4=_saved(plain, pickle_protocol=4),
        torchscript=_torchscript(),
        tar=_tar(_saved(plain)))


def flip_bits(rng: random.Random, data: bytes) -> bytes:
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def truncate(rng: random.Random, data: bytes) -> bytes:
    return data[:rng.randrange(len(data))]


def overwrite(rng: random.Random, data: bytes) -> bytes:
    """A block of zeros, as after a power failure, or of anything."""
    start = rng.randrange(len(data))
    size = min(rng.choice((1, 4, 64, 4096)), len(data) - start)
    block = rng.choice((bytes(size), _noise(rng, size)))
    return data[:start] + block + data[start + size:]


def cut_out(rng: random.Random, data: bytes) -> bytes:
    start, stop = sorted(rng.randrange(len(data)) for _ in range(2))
    return data[:start] + data[min(stop, start + 4096):]


def double(rng: random.Random, data: bytes) -> bytes:
    return rng.choice((data + data, _noise(rng, 99) + data,
                       data + _noise(rng, 99)))


def spoil_directory(rng: random.Random, data: bytes) -> bytes:
    """Bytes of the zip's directory, which has no checksum."""
    start = data.rfind(b'PK\1\2', 0, data.find(b'PK\1\2') + 1)
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        data[rng.randrange(max(start, 0), len(data))] = rng.choice(
            (0, 1, 255, rng.randrange(256)))
    return bytes(data)


def spoil_members(rng: random.Random, data: bytes) -> bytes:
    """Members renamed, doubled, missing, compressed, or of TorchScript."""
    members = _members(data)
    name = rng.choice(list(members))
    kind = rng.randrange(7)
    content = members[name]
    if kind == 0:
        members[name + rng.choice('/x')] = members.pop(name)
    elif kind == 1:
        del members[name]
    elif kind == 2:
        members[f'{name}/../../x'] = content
    elif kind == 3:
        members[rng.choice(('a/constants.pkl', 'a/b/code/x.py', 'code/__torch_'
                            '_.py', 'constants.pkl'))] = content
    elif kind == 4:
        members[name] = content + _noise(rng, rng.choice((1, 64)))
    elif kind == 5:
        members[name] = content[:len(content) // 2]
    twice = [name] if kind == 6 else []
    method = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED,
                         zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    return _zipped(members, method, twice)


def spoil_pickle(rng: random.Random, data: bytes) -> bytes:
    """Instructions of the pickle, whose checksum is put right again."""
    members = _members(data)
    name = next(name for name in members if name.endswith('data.pkl'))
    pickled = bytearray(members[name])
    starts = [place for _, _, place in pickletools.genops(bytes(pickled))]
    for _ in range(rng.choice((1, 1, 2, 4))):
        place = rng.choice(starts)
        kind = rng.randrange(5)
        if kind == 0:
            pickled[place:place + 1] = rng.choice(CODES)
        elif kind == 1:
            pickled[place:place] = _snippet(rng)
        elif kind == 2:
            pickled[place:place] = rng.choice(CODES) * rng.choice((1, 2000))
        elif kind == 3:
            del pickled[place:place + rng.choice((1, 2, 9))]
        else:
            pickled[rng.randrange(len(pickled))] = rng.randrange(256)
    members[name] = bytes(pickled)
    return _zipped(members)


def forge_tensor(rng: random.Random, data: bytes) -> bytes:
    """Numbers of the pickle: sizes, strides, offsets, lengths of storages."""
    members = _members(data)
    name = next(name for name in members if name.endswith('data.pkl'))
    pickled = bytearray(members[name])
    places = [
        (place, opcode.name)
        for opcode, _, place in pickletools.genops(bytes(pickled))
        if opcode.name in ('BININT', 'BININT1', 'BININT2')]
    for place, kind in sorted(
            rng.sample(places, rng.choice((1, 2, 5))), reverse=True):
        number = pickle.dumps(
            rng.choice((*EDGES, -1, 2**40, 2**63)), protocol=2)[2:-1]
        width = dict(BININT=5, BININT1=2, BININT2=3)[kind]
        pickled[place:place + width] = number
    members[name] = bytes(pickled)
    return _zipped(members)


BYTES = (flip_bits, truncate, overwrite, cut_out, double)
ZIPPED = (spoil_directory, spoil_members, spoil_pickle, spoil_pickle,
          forge_tensor)


def mutations_of(name: str) -> List[Mutation]:
    """Those that make sense for a file of :func:`originals`."""
    if name in ('plain', 'stock', 'hostile', 'protocol_4'):
        return [*BYTES, *ZIPPED]
    if name == 'torchscript':
        return [*BYTES, spoil_directory, spoil_members]
    return list(BYTES)


class _Runs:
    """Unpickling it creates a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple:
        return os.system, (f'touch {self.path}', )


def _snippet(rng: random.Random) -> bytes:
    """Instructions that call something, which leave one thing behind."""
    called = 'c' + rng.choice(NAMES).replace(' ', '\n') + '\n'
    arguments = rng.choice((
        b')', b'X\1\0\0\0x\x85', b'K\1\x85', b'}\x85', b']\x85',
        b'J\xff\xff\xff\x7f\x85', b'cos\nsystem\n\x85',
        b'cmmengine.logging.history_buffer\nHistoryBuffer\nX\6\0\0\0update'
        b'\x86'))
    state = rng.choice((b'', b'}b', b'N}\x86b', b'cos\nsystem\nb'))
    return called.encode() + arguments + rng.choice((b'R', b'\x81')) + state


def _noise(rng: random.Random, size: int) -> bytes:
    return bytes(rng.randrange(256) for _ in range(size))


def _saved(value: Any, **kwargs: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, **kwargs)
    return buffer.getvalue()


def _torchscript() -> bytes:
    buffer = io.BytesIO()
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), buffer)
    return buffer.getvalue()


def _tar(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w') as archive:
        info = tarfile.TarInfo('storages')
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def _members(data: bytes) -> Dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zipped(members: Dict[str, bytes], method: int = zipfile.ZIP_STORED,
            twice: List[str] = ()) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', method) as archive:
        for name in [*members, *twice]:
            archive.writestr(zipfile.ZipInfo(name), members[name], method)
    return buffer.getvalue()
