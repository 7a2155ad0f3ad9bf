"""The machine that reads pickles calls nothing, and ends."""
import io
import pickle
import struct
import time
from collections import Counter, OrderedDict

import pytest

from samix_mm.checkpoints.errors import (DamagedCheckpointError,
                                         ForbiddenGlobalError,
                                         UnsafeCheckpointError)
from samix_mm.checkpoints.pickles import Symbol, interpret_pickle
from samix_mm.checkpoints.trusted_types import BUILDERS, SYMBOLS

VALUES = [
    None, True, False, 0, -1, 2**31, -2**63, 2**200, 0.5, float('inf'), 1j,
    '', 'ä\ud800', b'', b'\0\xff', bytearray(b'x'), [], [1, [2]], (), (1, ),
    (1, 2), (1, 2, 3), (1, 2, 3, 4), {}, {'a': 1, 2: 'b', None: (3, ), 1.5: 4,
                                         (1, 'x'): 5},
    set(), {1, 'a'}, frozenset([1]), slice(1, None, 2),
    OrderedDict([('b', 1), ('a', OrderedDict())]), Counter('aab'),
    list(range(3000)), {str(number): number for number in range(3000)},
]


def read(data):
    return interpret_pickle(io.BytesIO(data), SYMBOLS, BUILDERS)


@pytest.mark.parametrize('protocol', [2, 3, 4, 5])
def test_plain_types(protocol):
    for value in VALUES:
        loaded = read(pickle.dumps(value, protocol))
        assert loaded == value
        assert type(loaded) is type(value)


def test_references_stay_shared():
    shared = [1]
    first, second = read(pickle.dumps([shared, dict(x=shared)], 2))
    assert second['x'] is first


def test_texts_of_python_2():
    assert read(b'\x80\x02U\x03\xc3\xa4b.') == 'äb'


class Calls:

    def __init__(self, function, *arguments):
        self.reduced = function, arguments

    def __reduce__(self):
        return self.reduced


@pytest.mark.parametrize('protocol', range(6))
@pytest.mark.parametrize('function, arguments', [
    (eval, ('1/0', )), (exec, ('1/0', )), (open, ('/dev/null', )),
    (__import__, ('os', )), (pickle.loads, (b'N.', )), (type, ('X', (), {})),
    (getattr, (dict, 'update')), (print, ()), (object, ())])
def test_functions_are_not_called(protocol, function, arguments):
    data = pickle.dumps([Calls(function, *arguments)], protocol)
    with pytest.raises(UnsafeCheckpointError):
        read(data)


@pytest.mark.parametrize('data, match', [
    (b'(i__builtin__\neval\n.', 'instruction'),
    (b'(cos\nsystem\nX\x01\0\0\0xo.', 'os.system'),
    (b'\x82\x01.', 'instruction'),
    (b'cos\nsystem\n.', 'os.system'),
    (b'\x8c\x02os\x8c\x06system\x93.', 'os.system'),
    (b'c__builtin__\neval\n.', 'builtins.eval'),
    (b'ccollections\nOrderedDict.__init__.__globals__\n.', 'OrderedDict.__'),
    (b'cbuiltins\nobject\n)\x81.', 'builtins.object')])
def test_names_are_refused(data, match):
    with pytest.raises(UnsafeCheckpointError, match=match):
        read(data)


def test_the_name_is_told():
    with pytest.raises(ForbiddenGlobalError) as info:
        read(b'cos\nsystem\n.')
    assert info.value.name == 'os.system'


GETATTR = b'c__builtin__\ngetattr\n'
HISTORY = b'cmmengine.logging.history_buffer\nHistoryBuffer\n'
ORDERED = b'ccollections\nOrderedDict\n'


@pytest.mark.parametrize('data', [
    b'', b'.', b'N', b'NN.', b'(.', b'\x80', b'X\xff\xff\xff\xffab.',
    b'\x8d' + b'\xff' * 8 + b'x.', b'h\x05.', b'q\x00.', b'a.', b'Na.',
    b'NNa.', b'}Ns.', b'NNNs.', b'}]Ns.', b'}}Ns.', b'NR.', b'N)R.',
    b'N)\x81.', b'N}b.', b'}}b.', b']}b.', b'K\x01}b.', b'K\x01Q.', b't.',
    b'e.', b'u.', b'(u.', b'\x85.', b'\x87.', b'(K\x01e.',
    b'cos\xff\n\n.', b'cos', b'Ne.', b'\xff.',
    ORDERED + b'K\x01R.', ORDERED + b'(K\x01tR.',
    ORDERED + b')R}X\x06\0\0\0updateNsb.',
    ORDERED + b')R}X\x09\0\0\0__class__Nsb.', ORDERED + b')RK\x01b.',
    GETATTR + b'(NX\x01\0\0\0xtR.', GETATTR + b')R.',
    GETATTR + b'(}X\x06\0\0\0updatetR)R.',
    GETATTR + b'(' + ORDERED + b'X\x08\0\0\0fromkeystR)R.',
    GETATTR + b'(' + HISTORY + b'X\x08\0\0\0__init__tR)R.',
    GETATTR + b'(' + HISTORY + b'X\x03\0\0\0mintR}b.',
    HISTORY + b')\x81}b.', HISTORY + b')\x81Nb.', HISTORY + b'N\x85\x81.',
    b'cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.',
    b'cbuiltins\nbytes\nJ\xff\xff\xff\x7f\x85R.',
    b'cbuiltins\nset\nK\x01\x85R.', b'cbuiltins\nset\n(]]t\x85R.',
    b'cbuiltins\ncomplex\nX\x02\0\0\x001jN\x86R.',
    b'cbuiltins\nslice\n(}NNtR.',
    b'c_codecs\nencode\nX\x01\0\0\0xX\x03\0\0\0hex\x86R.',
    b'ccollections\nCounter\nK\x01\x85R.',
    b'cnumpy\ndtype\nX\x02\0\0\0O8\x85R.',
    b'cnumpy\ndtype\nX\x05\0\0\0i8,i8\x85R.',
    b'cnumpy\ndtype\nX\x04\0\0\x0099i8\x85R.',
    b'cnumpy\nndarray\nJ\xff\xff\xff\x7f\x85R.',
    b'cmmengine.config.config\nConfigDict\nN\x85R.',
    b'ctorch\nSize\n]X\x01\0\0\0xa\x85R.', b'ctorch\ndevice\nN\x85R.',
    b'ctorch\ndevice\nX\x03\0\0\0xyz\x85R.',
])
def test_nonsense_is_damage(data):
    with pytest.raises(DamagedCheckpointError):
        read(data)


def within(seconds, data, error, match):
    start = time.perf_counter()
    with pytest.raises(error, match=match):
        read(data)
    assert time.perf_counter() - start < seconds


def test_a_memo_does_not_allocate_what_it_could_hold():
    assert read(b'Nr\xff\xff\xff\xff0.'.replace(b'0', b'')) is None


def test_too_many_instructions():
    within(60, b'(' + b'N' * 6_000_000 + b't.', UnsafeCheckpointError,
           '5,000,000 instructions')


def integers_with_one_hash():
    for number in range(1, 20_000):
        value = (number * (2**61 - 1)).to_bytes(12, 'little')
        yield b'\x8a\x0c' + value + b'N'


def tuples_with_chosen_hashes():
    for number in range(20_000):
        yield b'J' + struct.pack('<i', number) + b'K\x01\x86N'


@pytest.mark.parametrize('keys', [
    integers_with_one_hash, tuples_with_chosen_hashes])
def test_keys_whose_hashes_were_chosen(keys):
    within(20, b'}(' + b''.join(keys()) + b'u.', UnsafeCheckpointError,
           '10,000 keys')


def test_the_hash_of_a_deep_tuple_is_not_computed():
    """It would end the process."""
    deep = b')' + b'\x85' * 300_000
    for data in (b'}' + deep + b'Ns.', b'\x8f(' + deep + b'\x90.'):
        within(20, data, DamagedCheckpointError, 'key')


def test_only_constructors_are_called():
    symbol = Symbol('only.an_argument')
    with pytest.raises(DamagedCheckpointError):
        interpret_pickle(
            io.BytesIO(b'conly\nan_argument\n)R.'),
            {'only.an_argument': symbol}, {})
