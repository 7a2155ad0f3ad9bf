"""Archives of checkpoints, changed behind PyTorch's back."""
import io
import zipfile


def members_of(path):
    """Names and contents."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write_archive(path, members, method=zipfile.ZIP_STORED, twice=()):
    """An archive with these members, some of them two times."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w', method) as archive:
        for name in [*members, *twice]:
            archive.writestr(zipfile.ZipInfo(name), members[name], method)
    path.write_bytes(buffer.getvalue())


def rewrite(path, change, **kwargs):
    """Replace the members by what ``change`` makes of them."""
    write_archive(path, change(members_of(path)), **kwargs)


def rewrite_pickle(path, change):
    """Replace the pickle of a checkpoint, with the right checksum."""
    rewrite(path, lambda members: {
        name: change(content) if name.endswith('/data.pkl') else content
        for name, content in members.items()})
