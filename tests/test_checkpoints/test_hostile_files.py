"""A checkpoint with code in it is refused wherever checkpoints enter."""
import ast
import re
import runpy
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from mmpretrain import get_model
from mmpretrain.registry import MODELS

import samix_mm
from samix_mm.checkpoints.loading import UnsafeCheckpointError, load_checkpoint
from samix_mm.checkpoints.trusted_fields import ForgedCheckpointError
from tests.helpers.archives import rewrite
from tests.helpers.tiny import BACKBONES, build, loader, make_runner, model_cfg
from tests.helpers.tiny_ssl import build_moco
from tests.test_checkpoints.test_loading import CreatesFile

ROOT = Path(__file__).parents[2]
SOURCES = (Path(samix_mm.__file__).parent, ROOT / 'tools')
VOUCH = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'
BACKBONE = BACKBONES['ResNet_CIFAR'][0]
CONFIG = '''
custom_imports = dict(imports=['samix_mm'])
default_scope = 'mmpretrain'
model = {model!r}
test_dataloader = dict(
    batch_size=4,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='Digits',
        split='test',
        indices=4,
        pipeline=[
            dict(type='Resize', scale=32),
            dict(type='PackInputs')
        ]))
test_evaluator = dict(type='Accuracy')
test_cfg = dict()
'''


@pytest.fixture(scope='module')
def weights():
    """What is sound in the hostile files."""
    torch.manual_seed(0)
    model = build()
    model.mixing.mixer.gamma.data.fill_(0.5)  # or the ratio changes no mask
    return model.state_dict()


@pytest.fixture
def hostile(tmp_path, weights):
    """A checkpoint that fits, whose loading would create ``victim``."""
    path, victim = tmp_path / 'epoch_1.pth', tmp_path / 'victim'
    torch.save(
        dict(
            meta=dict(epoch=1, iter=3), state_dict=weights,
            extra=CreatesFile(victim)), path)
    return path, victim


def pretrained(path, prefix=None):
    return dict(type='Pretrained', checkpoint=str(path), prefix=prefix)


def run_tool(name, *args):
    path = str(ROOT / 'tools' / name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, 'argv', [path, *map(str, args)])
        runpy.run_path(path, run_name='__main__')


def config_of(path):
    config = path.with_name('config.py')
    config.write_text(CONFIG.format(model=model_cfg()))
    return config


def runner_of(path, **kwargs):
    return make_runner(path.parent / 'work', load_from=str(path), **kwargs)


def resume_alone(path):
    (path.parent / 'last_checkpoint').write_text(str(path))
    make_runner(path.parent, resume=True).train()


def evaluate(path, evaluator, **test_cfg):
    runner_of(
        path,
        test_cfg=test_cfg,
        test_dataloader=loader(),
        test_evaluator=evaluator).test()


def linear_probe(path):
    cfg = model_cfg(
        type='LinearProbe',
        backbone=dict(BACKBONE, init_cfg=pretrained(path, 'backbone.')))
    MODELS.build(cfg).init_weights()


#: Where a checkpoint enters, besides what ``test_checkpoint`` has.
ENTRIES = {
    'load_from': lambda path: runner_of(path).train(),
    'resume from it': lambda path: runner_of(path, resume=True).train(),
    'resume alone': resume_alone,
    'test': lambda path: evaluate(path, dict(type='Accuracy')),
    'KNNTestLoop': lambda path: evaluate(
        path, dict(type='KNNAccuracy', k=3), type='KNNTestLoop',
        bank_dataloader=loader()),
    'argument pretrained': lambda path: build(pretrained=str(path)),
    'backbone': lambda path: build(
        backbone=dict(BACKBONE, init_cfg=pretrained(path, 'backbone.'))),
    'backbone of MoCo': lambda path: build_moco(
        backbone=dict(BACKBONE, init_cfg=pretrained(path, 'backbone.'))),
    'frozen Mixer': lambda path: build(
        mixing=dict(
            type='SAMix',
            frozen=True,
            mixer=dict(
                type='Mixer', init_cfg=pretrained(path, 'mixing.mixer.')))),
    'frozen Mixer of MoCo': lambda path: build_moco(
        mixing=dict(
            type='SAMix',
            frozen=True,
            mixer=dict(
                type='Mixer', init_cfg=pretrained(path, 'mixing.mixer.')))),
    'feature_net': lambda path: build(
        feature_net=dict(BACKBONE, init_cfg=pretrained(path, 'backbone.'))),
    'LinearProbe': linear_probe,
    'get_model': lambda path: get_model(
        str(config_of(path)), pretrained=str(path)),
    'publish_model': lambda path: run_tool(
        'publish_model.py', path, path.with_name('published.pth')),
    'mixer_lambda': lambda path: run_tool(
        'analysis/mixer_lambda.py', config_of(path), path, '--num-pairs', 2),
}


@pytest.fixture(params=ENTRIES.values(), ids=ENTRIES.keys())
def enter(request):
    return request.param


def test_code_is_refused(enter, hostile):
    path, victim = hostile
    with pytest.raises(UnsafeCheckpointError, match='could run code') as info:
        enter(path)
    assert str(path) in str(info.value)
    assert not victim.exists()
    assert not list(path.parent.glob('published*'))


def test_it_would_have_run_there(enter, hostile, monkeypatch):
    """Each of these places reads the file, and goes through our loader."""
    path, victim = hostile
    monkeypatch.setenv(VOUCH, '1')
    with suppress(ForgedCheckpointError):  # to resume, more is needed
        enter(path)
    assert victim.exists()


def test_the_command_line_refuses_it(hostile):
    path, victim = hostile
    done = subprocess.run(
        [sys.executable, ROOT / 'tools/test.py', config_of(path), path,
         '--work-dir', path.parent / 'work'],
        capture_output=True, text=True, timeout=300)
    assert done.returncode != 0
    assert f'{path} was not loaded' in done.stderr.splitlines()[-1]
    assert not victim.exists()


def torchscript(path, victim):
    """An archive whose code reads a file when it is loaded."""
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)


def torchscript_below(path, victim):
    """The same with everything one folder further down."""
    torchscript(path, victim)
    rewrite(path, lambda members: {
        f'archive/{name}': content for name, content in members.items()})


def weights_with_code(path, victim):
    """Tensors, and what makes PyTorch < 2.6 hand the file to TorchScript."""
    torch.save(dict(state_dict=dict(weight=torch.ones(2))), path)
    rewrite(path, lambda members: dict(members, **{
        f'{path.stem}/constants.pkl': b'\x80\x02).',
        f'{path.stem}/code/__torch__.py': b''}))


@pytest.mark.parametrize('make', [
    torchscript, torchscript_below, weights_with_code])
@pytest.mark.parametrize('name', ['epoch_1.pth', 'model.pt'])
@pytest.mark.parametrize('vouched', ['0', '1'])
def test_torchscript_never_reaches_its_loader(tmp_path, make, name, vouched,
                                              monkeypatch):
    monkeypatch.setenv(VOUCH, vouched)
    for module in (torch, torch.jit):
        monkeypatch.setattr(module, 'load', lambda *args, **kwargs: 1 / 0)
    path = tmp_path / name
    make(path, tmp_path / 'victim')
    with pytest.raises(UnsafeCheckpointError, match='TorchScript') as info:
        load_checkpoint(str(path))
    assert VOUCH not in str(info.value)


def test_a_file_may_be_named_code(tmp_path):
    torch.save(dict(weight=torch.ones(2)), tmp_path / 'code.pth')
    assert load_checkpoint(tmp_path / 'code.pth')['weight'].sum() == 2


@pytest.mark.parametrize('place', [
    'meta', 'state_dict', 'optimizer', 'message_hub', 'param_schedulers'])
@pytest.mark.parametrize('zipped', [True, False], ids=['zip', 'old format'])
def test_code_is_refused_anywhere_in_the_file(tmp_path, place, zipped):
    path, victim = tmp_path / 'hostile.pth', tmp_path / 'victim'
    checkpoint = dict(meta={}, state_dict=dict(weight=torch.ones(2)))
    checkpoint.setdefault(place, {})['harmless'] = [CreatesFile(victim)]
    torch.save(checkpoint, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnsafeCheckpointError, match='could run code'):
        load_checkpoint(str(path))
    assert not victim.exists()


def calls():
    """Function calls in the sources: file, dotted name, keywords."""
    for folder in SOURCES:
        for path in sorted(folder.rglob('*.py')):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    keywords = {key.arg: key.value for key in node.keywords}
                    yield path.name, ast.unparse(node.func), keywords


def named(*names):
    """Calls of functions or methods of these names."""
    return [(file, name, keywords) for file, name, keywords in calls()
            if name.split('.')[-1] in names]


class TestSources:
    """There are no scripts that unpack archives, and none may come in
    unseen: their members could have '..' or '/' in their names."""

    def test_torch_load_runs_no_code_unless_the_user_vouches(self):
        found = {(file, ast.unparse(keywords['weights_only']))
                 for file, name, keywords in named('load')
                 if name == 'torch.load'}
        vouched = {('loading.py', 'False')}
        assert vouched <= found
        assert {value for _, value in found - vouched} <= {'True'}

    def test_nothing_unpickles(self):
        names = ('Unpickler', 'load', 'loads', 'load_url', 'read_pickle',
                 'load_state_dict_from_url')
        assert {name for _, name, _ in named(*names)} <= {
            'torch.load', 'json.load', 'json.loads'}

    def test_nothing_runs_text(self):
        assert not [name for _, name, _ in calls()
                    if name in ('eval', 'exec', 'os.system', 'os.popen')]

    def test_no_archive_is_unpacked(self):
        assert not named('extract', 'extractall', 'unpack_archive')
        scripts = [path for folder in SOURCES for path in folder.rglob('*.sh')]
        assert scripts
        for path in scripts:
            assert not re.search(
                r'^\s*(tar|unzip|7z|bsdtar)\b', path.read_text(), re.M), path
