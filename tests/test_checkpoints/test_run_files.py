import os

import pytest

from samix_mm.checkpoints.run_files import RunFiles


@pytest.mark.parametrize('template, own, others', [
    ('epoch_{}.pth', ['epoch_1.pth', 'best_a_b_epoch_12.pth'],
     ['epoch_x.pth', 'epoch_1xpth', 'epoch_1.pth.txt', 'my_epoch_1.pth',
      'best_epoch_1.pth', 'iter_1.pth', '../epoch_1.pth', 'sub/epoch_1.pth',
      'best_/../../epoch_1.pth', '']),
    ('a({:04d}).pth', ['a(0001).pth', 'best_x_a(0001).pth'], ['a0001.pth']),
    ('sub/{}.pth', ['sub/3.pth', 'best_x_sub_3.pth'],
     ['3.pth', 'best_x_3.pth']),
])
def test_own_files_by_name(tmp_path, monkeypatch, template, own, others):
    (tmp_path / 'run').mkdir()
    files = RunFiles(str(tmp_path / 'run'), template)
    for name in own:
        assert files.own(str(tmp_path / 'run' / name)), name
        assert files.own(str(tmp_path / 'run/../run' / name)), name
        assert not files.own(str(tmp_path / name)), name
        monkeypatch.chdir(tmp_path)
        assert files.own(os.path.join('run', name)), name
    for name in others:
        assert not files.own(os.path.join(str(tmp_path / 'run'), name)), name


def test_own_files_are_where_links_lead(tmp_path):
    for name in ('run', 'other'):
        (tmp_path / name).mkdir()
    (tmp_path / 'run' / 'link').symlink_to(tmp_path / 'other')
    (tmp_path / 'way').symlink_to(tmp_path / 'run')
    files = RunFiles(str(tmp_path / 'way'), 'epoch_{}.pth')
    assert files.own(str(tmp_path / 'run' / 'epoch_1.pth'))
    assert not files.own(str(tmp_path / 'run' / 'link' / 'epoch_1.pth'))
    assert not files.own(str(tmp_path / 'way' / 'link' / 'epoch_1.pth'))


def test_own_objects_of_a_store():
    files = RunFiles('s3://bucket/run', 'epoch_{}.pth')
    assert files.own('s3://bucket/run/epoch_1.pth')
    for uri in ('s3://bucket/run2/epoch_1.pth', 's3://other/run/epoch_1.pth',
                's3://bucket/run/../epoch_1.pth', 's3://bucket/run/',
                's3://bucket/run', '/s3://bucket/run/epoch_1.pth'):
        assert not files.own(uri), uri
    assert files.best_of_that_name(
        's3://other/best_a_epoch_1.pth') == 's3://bucket/run/best_a_epoch_1.pth'


def test_numbered_files_by_number(tmp_path):
    for name in ('e9', 'e10', 'e2', 'best_e3', 'e', 'e1x'):
        (tmp_path / name).write_bytes(b'')
    found = RunFiles(str(tmp_path), 'e{}').numbered()
    assert [os.path.basename(path) for path in found] == ['e10', 'e9', 'e2']
    assert RunFiles(str(tmp_path / 'none'), 'e{}').numbered() == []


@pytest.mark.parametrize('name, siblings', [
    ('epoch_3.pth', ['epoch_12.pth']), ('v2_{x}_7', ['v2_{x}_8'])])
def test_those_beside_one(tmp_path, name, siblings):
    for path in (name, *siblings, 'other_3.pth'):
        (tmp_path / path).write_bytes(b'')
    found = RunFiles.beside(str(tmp_path / name)).numbered()
    assert {os.path.basename(path) for path in found} == {name, *siblings}


def test_a_name_without_number_has_none_beside(tmp_path):
    (tmp_path / 'last.pth').write_bytes(b'')
    assert RunFiles.beside(str(tmp_path / 'last.pth')).numbered() == []
