import re
import sys
from pathlib import Path

from tests.helpers.processes import run

EXAMPLES = Path(__file__).parents[1] / 'examples'


def test_plain_pytorch(tmp_path):
    """A third of its epochs: guessing is right in 10 % of the cases."""
    path = EXAMPLES / 'plain_pytorch.py'
    assert len(path.read_text().splitlines()) <= 80
    root = EXAMPLES.parent
    printed = run(
        sys.executable, path, '3', cwd=tmp_path, PYTHONPATH=str(root))
    (accuracy, ) = re.findall(r'^accuracy: (.*) %$', printed, re.MULTILINE)
    assert float(accuracy) > 75
    shares = re.findall(r'^8 images, shares tensor\(\[(.*), (.*)\]\)$',
                        printed, re.MULTILINE)
    assert len(shares) == 2
    for row in shares:
        assert abs(sum(map(float, row)) - 1) < 1e-3
