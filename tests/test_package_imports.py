"""Imports go one way: what is general knows nothing of what is built of it."""
import ast
from pathlib import Path

import pytest

import samix_mm

ROOT = Path(samix_mm.__file__).parents[1]
PACKAGE = 'samix_mm'
#: Rooms of the package, and those that each may import from, besides itself
#: and :data:`GROUND`. A room that is not here may be imported by nobody.
GROUND = {'utils', 'registry', 'version'}
PARTS = {'models.necks', 'models.heads', 'models.losses', 'models.backbones'}
MECHANISMS = {
    'models.mixing', 'models.encoders', 'models.clusters', 'models.train_step'
}
ALGORITHMS = {'models.classifiers', 'models.selfsup'}
ROOMS = {
    'utils': set(),
    'version': set(),
    'registry': {'compat'},
    'models.losses': set(),
    'models.backbones': set(),
    'models.necks': {'models.losses'},
    'models.heads': {'models.losses'},
    **dict.fromkeys(MECHANISMS, MECHANISMS | PARTS),
    'models.mixing_algorithm': MECHANISMS | PARTS,
    **dict.fromkeys(ALGORITHMS,
                    {'models.mixing_algorithm'} | MECHANISMS | PARTS),
    'models': ALGORITHMS | MECHANISMS | PARTS,
    'datasets': set(),
    'evaluation': set(),
    'visualization': set(),
    'checkpoints': set(),
    # A work-around is where its code is needed, which may be elsewhere.
    'compat': {'checkpoints', 'engine'},
    'engine.utils': {'datasets'},
    'engine.optim_wrappers': set(),
    'engine.hooks': {'engine.utils', 'datasets', 'checkpoints',
                     'visualization'},
    'engine.runner': {'engine.utils', 'evaluation'},
    'engine': {'engine.hooks', 'engine.optim_wrappers', 'engine.runner'},
    '': {'checkpoints', 'compat', 'datasets', 'engine', 'evaluation',
         'models'},
}
#: Public types of the models that two hooks handle.
ALLOWED = {
    (f'{PACKAGE}.engine.hooks.online_cluster_hook',
     f'{PACKAGE}.models.clusters.online_clusters'),
    (f'{PACKAGE}.engine.hooks.mixed_sample_hook', f'{PACKAGE}.models.mixing'),
}


def modules_of(folder):
    """Names and files of the package's modules."""
    for path in sorted((folder / PACKAGE).rglob('*.py')):
        parts = path.relative_to(folder).with_suffix('').parts
        if '.mim' in parts:  # configs and tools, in an installed package
            continue
        if parts[-1] == '__init__':
            parts = parts[:-1]
        yield '.'.join(parts), path


def imported_by(name, path):
    """What a module imports by ``import`` and ``from``, anywhere in it."""
    package = name.split('.')
    if path.name != '__init__.py':
        package = package[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[:len(package) - node.level + 1]
            base = base if node.level else []
            base = '.'.join([*base, *filter(None, [node.module])])
            yield from (f'{base}.{alias.name}' for alias in node.names)


def arrows_of(folder):
    """Pairs of modules, the first of which imports from the second."""
    modules = dict(modules_of(folder))
    for name, path in modules.items():
        for target in imported_by(name, path):
            # a name in a module, or the module itself
            while target and target not in modules:
                target = target.rpartition('.')[0]
            if target and target != name:
                yield name, target


def room_of(module):
    """The longest of :data:`ROOMS` that a module lies in."""
    place = module.partition('.')[2]
    while place not in ROOMS:
        assert place, f'{module} lies in no room; add it to ROOMS'
        place = place.rpartition('.')[0]
    return place


def wrong_arrows(arrows):
    found = []
    for source, target in arrows:
        room, other = room_of(source), room_of(target)
        allowed = {room} | ROOMS[room] | GROUND
        if other not in allowed and (source, target) not in ALLOWED:
            found.append(f'{source} -> {target}')
    return sorted(set(found))


def cycle_in(arrows):
    """Modules that import each other, in a row; empty if there are none."""
    targets = {}
    for source, target in arrows:
        targets.setdefault(source, set()).add(target)
    done, way = set(), []

    def walk(module):
        if module in way:
            return [*way[way.index(module):], module]
        if module in done:
            return []
        way.append(module)
        for target in sorted(targets.get(module, ())):
            cycle = walk(target)
            if cycle:
                return cycle
        done.add(way.pop())
        return []

    return next(filter(None, map(walk, sorted(targets))), [])


def test_no_arrow_against_the_direction():
    assert wrong_arrows(arrows_of(ROOT)) == []


def test_no_cycle():
    assert ' -> '.join(cycle_in(arrows_of(ROOT))) == ''


def test_rooms_go_one_way():
    """The table itself has no cycle beyond mechanisms that share types."""
    arrows = [
        (room, other) for room, others in ROOMS.items() for other in others
        if not {room, other} <= MECHANISMS
    ]
    assert cycle_in(arrows) == []


def test_exceptions_are_needed():
    assert ALLOWED <= set(arrows_of(ROOT))


def test_tools_and_tests_are_not_imported():
    for name, path in modules_of(ROOT):
        roots = {target.split('.')[0] for target in imported_by(name, path)}
        assert not roots & {'tools', 'tests', 'configs'}, name


def test_every_module_is_walked():
    modules = dict(modules_of(ROOT))
    assert {'samix_mm', 'samix_mm.models.mixing.methods.samix'} <= set(modules)
    arrows = set(arrows_of(ROOT))
    assert ('samix_mm.models.heads.eta_balanced_cls_head',
            'samix_mm.models.losses.eta_balanced_cross_entropy') in arrows
    assert ('samix_mm', 'samix_mm.models') in arrows


@pytest.mark.parametrize('source, statement, wrong', [
    ('models/losses/mask_loss.py', 'from ..classifiers import MixClassifier',
     'samix_mm.models.losses.mask_loss -> samix_mm.models.classifiers'),
    ('models/classifiers/labels.py',
     'def late():\n    from ...engine import hooks',
     'samix_mm.models.classifiers.labels -> samix_mm.engine.hooks'),
    ('utils/lam.py', 'import samix_mm.models.mixing',
     'samix_mm.utils.lam -> samix_mm.models.mixing'),
    ('datasets/digits.py', 'from ..models.mixing import blend',
     'samix_mm.datasets.digits -> samix_mm.models.mixing'),
    ('models/mixing/pairing.py', 'from ..mixing_algorithm import x',
     'samix_mm.models.mixing.pairing -> samix_mm.models.mixing_algorithm'),
])
def test_a_wrong_arrow_is_named(tmp_path, source, statement, wrong):
    for _, path in modules_of(ROOT):
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text('')
    (tmp_path / PACKAGE / source).write_text(statement)
    assert wrong_arrows(arrows_of(tmp_path)) == [wrong]


def test_a_cycle_is_named():
    arrows = [('a', 'b'), ('b', 'c'), ('c', 'd'), ('d', 'b')]
    assert cycle_in(arrows) == ['b', 'c', 'd', 'b']
    assert cycle_in(arrows[:3]) == []
