"""Whatever the address: the same loader, which runs nothing."""
import hashlib
import sys
import threading
import types
from contextlib import suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
from mmengine import fileio
from mmengine.runner import checkpoint as mmengine_checkpoint
from mmengine.runner import load_checkpoint as load_into
from mmengine.runner.checkpoint import CheckpointLoader
from mmpretrain import get_model

import samix_mm  # noqa: F401  # registers the loaders
from samix_mm.checkpoints import schemes
from samix_mm.checkpoints.loading import (DamagedCheckpointError,
                                          UnsafeCheckpointError)
from tests.helpers.archives import rewrite
from tests.helpers.tiny import build
from tests.test_checkpoints.test_hostile_files import config_of
from tests.test_checkpoints.test_loading import CreatesFile

VOUCH = 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'


class Quiet(SimpleHTTPRequestHandler):

    def log_message(self, *args):
        self.server.paths.append(self.path)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Files of ``served`` behind a URL; what is downloaded is kept apart."""
    folder = tmp_path / 'served'
    folder.mkdir()
    torch_home = str(tmp_path / 'torch')
    monkeypatch.setenv('TORCH_HOME', torch_home)
    monkeypatch.setattr(torch.hub, '_hub_dir', None, raising=False)
    server = ThreadingHTTPServer(('127.0.0.1', 0),
                                 partial(Quiet, directory=str(folder)))
    server.paths, server.folder = [], folder
    server.url = f'http://127.0.0.1:{server.server_port}'
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def save(path, **extra):
    torch.save(
        dict(state_dict={'backbone.weight': torch.ones(2)}, **extra), path)


@pytest.fixture
def addresses(server, tmp_path, monkeypatch):
    """For each scheme of MMEngine, an address of ``model.pth``."""
    url = f'{server.url}/model.pth'
    local = str(server.folder / 'model.pth')
    module = mmengine_checkpoint
    monkeypatch.setattr(module, 'get_torchvision_models', lambda: dict(m=url))
    monkeypatch.setattr(module, 'get_mmcls_models', lambda: dict(m=url))
    monkeypatch.setattr(module, 'get_external_models',
                        lambda: dict(new=url, home=local))
    monkeypatch.setattr(module, 'get_deprecated_model_names',
                        lambda: dict(m='new'))

    class Model:
        name = '../model.pth'

        def download(self, path):
            with open(local, 'rb') as source, open(path, 'wb') as target:
                target.write(source.read())

    monkeypatch.setitem(
        sys.modules, 'pavi', types.SimpleNamespace(
            modelcloud=types.SimpleNamespace(get=lambda path: Model())))

    class Store(fileio.LocalBackend):

        def __init__(self, **kwargs):
            super().__init__()

        def get(self, filepath):
            return super().get(local)

    monkeypatch.setitem(
        fileio.backends.registry_utils.backends, 'petrel', Store)
    return {
        '': [local, f'file://{local}', f'HTTP://{url[7:]}'],
        'http://': [url],
        # no server here speaks TLS; what is in the cache is loaded
        'https://': [f'https{url[4:]}'],
        'modelzoo://': ['modelzoo://m'],
        'torchvision://': ['torchvision://m'],
        'open-mmlab://': ['open-mmlab://m', 'open-mmlab://home'],
        'openmmlab://': ['openmmlab://m', 'openmmlab://new'],
        'mmcls://': ['mmcls://m'],
        'pavi://': ['pavi://any/model.pth'],
        r'(\S+\:)?s3://': ['s3://b/m.pth', 'cluster:s3://b/m.pth'],
        r'(\S+\:)?petrel://': ['petrel://b/m.pth', 'x:petrel://b/m.pth'],
    }


def test_all_schemes_are_known(addresses):
    assert set(CheckpointLoader._schemes) == set(addresses)


def test_code_is_refused_behind_every_address(server, addresses, tmp_path):
    victim = tmp_path / 'victim'
    save(server.folder / 'model.pth', extra=CreatesFile(victim))
    for prefix in CheckpointLoader._schemes:
        for address in addresses[prefix]:
            error = UnsafeCheckpointError
            if address.startswith(('file:', 'HTTP:')):
                error = FileNotFoundError  # a path for MMEngine
            with pytest.raises(error):
                CheckpointLoader.load_checkpoint(address, 'cpu')
            assert not victim.exists(), address


def test_each_address_is_one_of_that_file(server, addresses, tmp_path,
                                          monkeypatch):
    """The code of a user who vouches runs at each, so each was tried."""
    monkeypatch.setenv(VOUCH, '1')
    for prefix in CheckpointLoader._schemes:
        for address in addresses[prefix]:
            victim = tmp_path / 'victim'
            save(server.folder / 'model.pth', extra=CreatesFile(victim))
            with suppress(FileNotFoundError):
                CheckpointLoader.load_checkpoint(address, 'cpu')
            here = not address.startswith(('file:', 'HTTP:'))
            assert victim.exists() == here, address
            if here:
                victim.unlink()


def test_whole_files_are_loaded_from_every_address(server, addresses):
    save(server.folder / 'model.pth', meta=dict(epoch=3))
    for prefix in CheckpointLoader._schemes:
        for address in addresses[prefix]:
            if address.startswith(('file:', 'HTTP:')):
                continue
            loaded = CheckpointLoader.load_checkpoint(address, 'cpu')
            key = 'weight' if prefix == 'mmcls://' else 'backbone.weight'
            assert torch.equal(loaded['state_dict'][key], torch.ones(2))
    assert server.paths == ['/model.pth'], 'downloaded more than once'


def test_functions_of_mmengine_are_safe_too(server, addresses, tmp_path):
    """Others import and call them without the table."""
    victim = tmp_path / 'victim'
    path = server.folder / 'model.pth'
    save(path, extra=CreatesFile(victim))
    url = f'{server.url}/model.pth'
    module = mmengine_checkpoint
    calls = [
        lambda: module.load_from_local(str(path), 'cpu'),
        lambda: module.load_from_http(url, map_location='cpu'),
        lambda: module.load_from_http(url, model_dir=str(tmp_path / 'x')),
        lambda: module.load_from_ceph('s3://b/m.pth'),
        lambda: module.load_from_pavi('pavi://m'),
        lambda: module.load_from_torchvision('torchvision://m'),
        lambda: module.load_from_openmmlab('open-mmlab://home'),
        lambda: module.load_from_mmcls('mmcls://m'),
        lambda: module._load_checkpoint(url),
        lambda: module._load_checkpoint_with_prefix('backbone', url),
        lambda: load_into(build(), url),
        lambda: build(pretrained=url),
        lambda: get_model(str(config_of(tmp_path / 'm')), pretrained=url),
    ]
    for call in calls:
        with pytest.raises(UnsafeCheckpointError):
            call()
        assert not victim.exists()


def test_a_loader_that_is_new_to_mmengine_is_refused(monkeypatch):

    def load_from_somewhere(filename, map_location=None):
        return 1 / 0

    def load_from_plugin(filename, map_location=None):
        return dict(mine=True)

    monkeypatch.setattr(CheckpointLoader, '_schemes',
                        dict(CheckpointLoader._schemes))
    load_from_somewhere.__module__ = mmengine_checkpoint.__name__
    CheckpointLoader.register_scheme('new://', load_from_somewhere)
    CheckpointLoader.register_scheme('plugin://', load_from_plugin)
    schemes.register_safe_loaders()
    with pytest.raises(ValueError, match='new://x was not loaded'):
        CheckpointLoader.load_checkpoint('new://x')
    assert CheckpointLoader.load_checkpoint('plugin://x') == dict(mine=True)


def test_a_damaged_download_says_how_to_get_another(server, tmp_path):
    save(server.folder / 'model.pth')
    data = (server.folder / 'model.pth').read_bytes()
    (server.folder / 'model.pth').write_bytes(data[:-50])
    url = f'{server.url}/model.pth'
    with pytest.raises(DamagedCheckpointError, match='remove it') as info:
        CheckpointLoader.load_checkpoint(url)
    assert url in str(info.value)
    kept = tmp_path / 'torch/hub/checkpoints/model.pth'
    assert str(kept) in str(info.value)
    kept.unlink()
    (server.folder / 'model.pth').write_bytes(data)
    assert CheckpointLoader.load_checkpoint(url)


def test_an_absent_download_leaves_nothing(server, tmp_path):
    with pytest.raises(OSError, match='404'):
        CheckpointLoader.load_checkpoint(f'{server.url}/absent.pth')
    assert not list(tmp_path.glob('torch/**/*.p*'))


@pytest.mark.parametrize('path', ['', '/', '/..', '/a/', '/a/..'])
def test_urls_without_a_file(server, path):
    with pytest.raises(ValueError, match='name of a file'):
        CheckpointLoader.load_checkpoint(server.url + path)


def test_an_archive_of_one_file_is_not_unpacked(server, tmp_path):
    """As ``torch.hub`` does, which lets it write into the folder."""
    path = server.folder / 'model.pth'
    save(path)
    rewrite(path, lambda members: {'evil.pth': b'N.'})
    with pytest.raises(DamagedCheckpointError, match='none that torch.save'):
        CheckpointLoader.load_checkpoint(f'{server.url}/model.pth')
    assert not list(tmp_path.glob('torch/**/evil*'))


def test_other_processes_load_what_the_first_one_downloads(
        server, monkeypatch):
    save(server.folder / 'model.pth')
    steps = []
    monkeypatch.setattr(schemes, 'is_main_process', lambda: False)
    monkeypatch.setattr(
        schemes, 'barrier', lambda: steps.append(list(server.paths)))
    schemes.load_from_http(f'{server.url}/model.pth')
    assert steps == [[]], 'downloaded before the first process had'


def test_others_do_not_wait_for_a_download_that_fails(server, monkeypatch):
    waited = []
    monkeypatch.setattr(schemes, 'barrier', lambda: waited.append(True))
    with pytest.raises(OSError, match='404'):
        schemes.load_from_http(f'{server.url}/absent.pth')
    assert waited == [True]


def test_the_log_says_which_kind(tmp_path, capsys):
    save(tmp_path / 'model.pth')
    CheckpointLoader.load_checkpoint(str(tmp_path / 'model.pth'))
    assert 'by local backend from' in capsys.readouterr().out


def test_names_in_urls_stay_below_the_folder(server, tmp_path):
    name = hashlib.sha256(b'').hexdigest()[:8]
    save(server.folder / f'm-{name}.pth')
    CheckpointLoader.load_checkpoint(f'{server.url}/x/../m-{name}.pth?a=/../b')
    assert [path.name for path in tmp_path.glob('torch/hub/checkpoints/*')
            ] == [f'm-{name}.pth']
