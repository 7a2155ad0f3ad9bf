"""Pickles of checkpoints, read by a machine that can call next to nothing.

Python's unpickler calls whatever a pickle names, and PyTorch's restricted one
differs from version to version. This one knows the instructions that
``torch.save`` writes and no others, applies each to exactly the types that it
is for, and calls nothing but the constructors it is given.
"""
import pickletools
from collections import Counter, OrderedDict
from typing import Any, BinaryIO, Callable, Dict, List, NamedTuple, Optional

from .errors import (AbsentDeviceError, DamagedCheckpointError,
                     ForbiddenGlobalError, UnsafeCheckpointError)

#: Far more than any training needs, and less than fills the memory.
MAX_INSTRUCTIONS = 5_000_000
#: Keys whose hashes somebody could choose, such that a dict becomes a list.
MAX_UNUSUAL_KEYS = 10_000

_DICTS = (dict, OrderedDict, Counter)
_KEY_TYPES = (str, bytes, int, float, bool, type(None))


class Symbol(NamedTuple):
    """What a pickle gets for the name of a class or function.

    Args:
        name (str): The name.
        construct (Callable, optional): What is called in its place; None if
            it can only be an argument of others.
        value (Any): What the constructors of others take it for.
    """
    name: str
    construct: Optional[Callable] = None
    value: Any = None


def interpret_pickle(file: BinaryIO,
                symbols: Dict[str, Any],
                builders: Dict[type, Callable],
                load_storage: Optional[Callable] = None) -> Any:
    """Read one pickle.

    Args:
        file (BinaryIO): A file at the start of the pickle.
        symbols (Dict[str, Any]): Dotted names that may occur, and what each
            stands for: a :class:`Symbol`, or a value without power.
        builders (Dict[type, Callable]): How the state of an object of each
            type is set.
        load_storage (Callable, optional): Takes the persistent id of a
            tensor's storage, and returns what stands for it.

    Returns:
        Any: Its content.

    Raises:
        ForbiddenGlobalError: If another name occurs.
        UnsafeCheckpointError: If it has instructions that ``torch.save``
            does not write.
        DamagedCheckpointError: If it makes no sense.
    """
    machine = _Machine(symbols, builders, load_storage)
    try:
        return machine.run(file)
    except (AbsentDeviceError, DamagedCheckpointError,
            UnsafeCheckpointError):
        raise
    except (ArithmeticError, AttributeError, LookupError, RuntimeError,
            TypeError, ValueError) as error:
        # of a constructor, of the readers of arguments, of an empty stack
        reason = str(error).strip().partition('\n')[0][:200]
        raise DamagedCheckpointError(
            f'its pickle makes no sense ({reason})') from error


class _Machine:
    """A stack, as described in ``pickletools``."""

    def __init__(self, symbols: Dict[str, Any],
                 builders: Dict[type, Callable],
                 load_storage: Optional[Callable]) -> None:
        self._symbols = symbols
        self._builders = builders
        self._load_storage = load_storage
        self._stack: List[Any] = []
        self._below: List[List[Any]] = []  # stacks under a mark
        self._memo: Dict[int, Any] = {}
        self._unusual_keys = 0

    def run(self, file: BinaryIO) -> Any:
        """Execute the instructions up to the first STOP."""
        for _ in range(MAX_INSTRUCTIONS):
            code = file.read(1)
            if code == b'.':
                if len(self._stack) != 1 or self._below:
                    raise ValueError('it ends with a stack of many things')
                return self._stack.pop()
            if code not in _INSTRUCTIONS:
                raise _unknown_instruction(code)
            read_argument, execute = _INSTRUCTIONS[code]
            if read_argument is None:
                execute(self)
            else:
                execute(self, read_argument(file))
        raise UnsafeCheckpointError(
            f'its pickle has more than {MAX_INSTRUCTIONS:,} instructions')

    def push(self, value: Any) -> None:
        self._stack.append(value)

    def push_text(self, text: str) -> None:
        """A string of Python 2, which ``pickletools`` gives in latin-1."""
        self._stack.append(text.encode('latin-1').decode('utf-8'))

    def mark(self) -> None:
        self._below.append(self._stack)
        self._stack = []

    def pop_mark(self) -> List[Any]:
        items, self._stack = self._stack, self._below.pop()
        return items

    def remember(self, index: Optional[int] = None) -> None:
        self._memo[len(self._memo) if index is None else
                   index] = self._stack[-1]

    def recall(self, index: int) -> None:
        self._stack.append(self._memo[index])

    def push_tuple(self, length: Optional[int] = None) -> None:
        if length is None:
            items = self.pop_mark()
        else:
            items = self._stack[-length:]
            if len(items) < length:
                raise IndexError('a tuple of what is not there')
            del self._stack[-length:]
        self._stack.append(tuple(items))

    def append(self, items: Optional[List[Any]] = None) -> None:
        items = [self._stack.pop()] if items is None else items
        self._top(list).extend(items)

    def add(self) -> None:
        items = self.pop_members()
        self._top(set).update(items)

    def pop_members(self) -> List[Any]:
        items = self.pop_mark()
        for item in items:
            self._check_key(item)
        return items

    def set_items(self, items: Optional[List[Any]] = None) -> None:
        if items is None:
            value = self._stack.pop()
            items = [self._stack.pop(), value]
        target = self._top(*_DICTS)
        for key, value in zip(items[::2], items[1::2]):
            self._check_key(key)
            target[key] = value

    def push_symbol(self, name: str) -> None:
        """A class or function, by module and name with a blank between."""
        name = name.replace(' ', '.', 1)
        if name.startswith('__builtin__.'):
            name = name.replace('__builtin__', 'builtins', 1)
        if name not in self._symbols:
            raise ForbiddenGlobalError(name)
        self._stack.append(self._symbols[name])

    def push_named_symbol(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        if type(name) is not str or type(module) is not str:
            raise ValueError('a name is no text')
        self.push_symbol(f'{module} {name}')

    def construct(self) -> None:
        arguments, symbol = self._stack.pop(), self._stack.pop()
        if type(symbol) is not Symbol or symbol.construct is None:
            raise ValueError(f'{type(symbol).__name__} cannot be called')
        if type(arguments) is not tuple:
            raise ValueError('arguments are no tuple')
        self._stack.append(symbol.construct(*arguments))

    def build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if type(target) not in self._builders:
            raise ValueError(f'a {type(target).__name__} has no state')
        self._builders[type(target)](target, state)

    def push_storage(self) -> None:
        if self._load_storage is None:
            raise ValueError('tensors are where none can be')
        self._stack.append(self._load_storage(self._stack.pop()))

    def _top(self, *types: type) -> Any:
        if type(self._stack[-1]) not in types:
            raise ValueError(
                f'items are put into a {type(self._stack[-1]).__name__}')
        return self._stack[-1]

    def _check_key(self, key: Any) -> None:
        """Hashes of texts are random, those of short integers all differ;
        those of nested tuples are computed by a recursion without end."""
        parts = key if type(key) is tuple else (key, )
        if not all(type(part) in _KEY_TYPES for part in parts):
            raise ValueError(f'a {type(key).__name__} is a key')
        if type(key) in (str, bytes) or type(key) is int and \
                abs(key) < 1 << 60:
            return
        self._unusual_keys += 1
        if self._unusual_keys > MAX_UNUSUAL_KEYS:
            raise UnsafeCheckpointError(
                f'it has more than {MAX_UNUSUAL_KEYS:,} keys that are neither '
                'texts nor integers')


def _unknown_instruction(code: bytes) -> Exception:
    if not code:
        return DamagedCheckpointError('its pickle is cut off')
    if code.decode('latin-1') not in pickletools.code2op:
        return DamagedCheckpointError(f'its pickle has no {code!r}')
    return UnsafeCheckpointError(
        f'its pickle has the instruction {code!r}, which torch.save does not '
        'write')


def _instructions() -> Dict[bytes, tuple]:
    """Codes of instructions, with readers of their arguments."""
    push, machine = _Machine.push, _Machine
    handled = {
        **dict.fromkeys(('PROTO', 'FRAME'), lambda self, _: None),
        **dict.fromkeys((
            'BININT', 'BININT1', 'BININT2', 'LONG1', 'BINFLOAT', 'BINUNICODE',
            'SHORT_BINUNICODE', 'BINUNICODE8', 'BINBYTES', 'SHORT_BINBYTES',
            'BINBYTES8', 'BYTEARRAY8'), push),
        **dict.fromkeys(('SHORT_BINSTRING', 'BINSTRING'), machine.push_text),
        'NONE': lambda self: push(self, None),
        'NEWTRUE': lambda self: push(self, True),
        'NEWFALSE': lambda self: push(self, False),
        'EMPTY_LIST': lambda self: push(self, []),
        'EMPTY_DICT': lambda self: push(self, {}),
        'EMPTY_SET': lambda self: push(self, set()),
        'EMPTY_TUPLE': lambda self: push(self, ()),
        'TUPLE1': lambda self: self.push_tuple(1),
        'TUPLE2': lambda self: self.push_tuple(2),
        'TUPLE3': lambda self: self.push_tuple(3),
        'TUPLE': machine.push_tuple,
        'MARK': machine.mark,
        'APPEND': machine.append,
        'APPENDS': lambda self: self.append(self.pop_mark()),
        'ADDITEMS': machine.add,
        'FROZENSET': lambda self: push(self, frozenset(self.pop_members())),
        'SETITEM': machine.set_items,
        'SETITEMS': lambda self: self.set_items(self.pop_mark()),
        **dict.fromkeys(('BINPUT', 'LONG_BINPUT', 'MEMOIZE'),
                        machine.remember),
        **dict.fromkeys(('BINGET', 'LONG_BINGET'), machine.recall),
        'GLOBAL': machine.push_symbol,
        'STACK_GLOBAL': machine.push_named_symbol,
        **dict.fromkeys(('REDUCE', 'NEWOBJ'), machine.construct),
        'BUILD': machine.build,
        'BINPERSID': machine.push_storage,
    }
    return {
        opcode.code.encode('latin-1'):
        (opcode.arg and opcode.arg.reader, handled[opcode.name])
        for opcode in pickletools.opcodes if opcode.name in handled
    }


_INSTRUCTIONS = _instructions()
