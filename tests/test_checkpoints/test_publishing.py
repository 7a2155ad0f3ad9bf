"""A published file is whole, and tells nothing of its maker."""
import getpass
import os
import zipfile

import pytest
import torch

from samix_mm.checkpoints.publishing import publish_checkpoint
from tests.helpers.tiny import make_runner


@pytest.fixture
def trained(tmp_path):
    secret = tmp_path / 'home-of-the-maker'
    make_runner(
        secret,
        max_epochs=1,
        experiment_name=str(secret / 'name'),
        default_hooks=dict(
            checkpoint=dict(type='SafeCheckpointHook', interval=1),
            plain=dict(type='PlainCheckpointHook'))).train()
    path = secret / 'epoch_1.pth'
    checkpoint = torch.load(path, weights_only=True)
    assert str(secret) in checkpoint['meta']['experiment_name']
    checkpoint['meta'].update(
        cfg=f'work_dir = {str(secret)!r}',
        env=dict(PWD=str(secret)),
        hook_msgs=dict(last_ckpt=str(path)),
        dataset_meta=dict(checkpoint['meta']['dataset_meta'],
                          data_root=str(secret)))
    torch.save(checkpoint, path)
    return path


def test_the_file_tells_nothing_of_its_maker(trained, tmp_path):
    path = publish_checkpoint(str(trained), str(tmp_path / 'out' / 'x.pth'))
    published = torch.load(path, weights_only=True)
    assert published['meta'].keys() == {
        'epoch', 'iter', 'mmengine_version', 'dataset_meta'}
    assert published['meta']['dataset_meta'] == dict(classes=tuple('abcd'))
    assert published['meta']['epoch'] == 1
    with zipfile.ZipFile(path) as archive:
        names = ' '.join(archive.namelist())
        pickled = archive.read('archive/data.pkl')
    assert b'home-of-the-maker' not in pickled and 'maker' not in names
    assert bytes(tmp_path) not in pickled
    assert f'/{getpass.getuser()}/'.encode() not in pickled


@pytest.mark.parametrize('at', ['fsync', 'replace'])
@pytest.mark.parametrize('error', [OSError(28, 'No space left on device'),
                                   KeyboardInterrupt()])
def test_a_failure_leaves_nothing(trained, tmp_path, monkeypatch, at, error):
    def fail(*args):
        raise error

    out = tmp_path / 'out'
    out.mkdir()
    monkeypatch.setattr(os, at, fail)
    with pytest.raises(type(error)):
        publish_checkpoint(str(trained), str(out / 'x.pth'))
    assert not list(out.iterdir())


def test_the_name_is_given_when_the_file_is_whole(
        trained, tmp_path, monkeypatch):
    seen = []
    replace = os.replace

    def watch(partial, path):
        seen.append(([name for name in os.listdir(tmp_path)
                      if name.endswith('.pth')],
                     torch.load(partial, weights_only=True)))
        replace(partial, path)

    monkeypatch.setattr(os, 'replace', watch)
    path = publish_checkpoint(str(trained), str(tmp_path / 'x'))
    (named, content), = seen
    assert named == []
    assert content['state_dict'].keys() == torch.load(
        path, weights_only=True)['state_dict'].keys()
    assert path.endswith('.pth')


@pytest.mark.parametrize('checkpoint', [
    {}, dict(state_dict={}), dict(state_dict=None),
    dict(meta={}, state_dict={'head.weight': torch.zeros(1)})])
def test_what_has_no_backbone(tmp_path, checkpoint):
    torch.save(checkpoint, tmp_path / 'x.pth')
    with pytest.raises(ValueError, match='has no weights of a backbone'):
        publish_checkpoint(str(tmp_path / 'x.pth'), str(tmp_path / 'y.pth'))
    assert os.listdir(tmp_path) == ['x.pth']


def test_a_checkpoint_without_meta(tmp_path):
    torch.save(dict(state_dict={'backbone.weight': torch.zeros(1)}),
               tmp_path / 'x.pth')
    path = publish_checkpoint(
        str(tmp_path / 'x.pth'), str(tmp_path / 'y.pth'))
    assert torch.load(path, weights_only=True)['meta'] == {}
