"""Strategies for tests of what holds for any mask, ratio and feature."""
import torch
from hypothesis import settings
from hypothesis import strategies as st

settings.register_profile(
    'stable', deadline=None, max_examples=30, derandomize=True, database=None)
settings.load_profile('stable')

DTYPES = st.sampled_from([torch.float32, torch.bfloat16, torch.float16])
# On CPUs autocast computes in float16 from PyTorch 2.3 on.
AUTOCAST = st.sampled_from([
    None, torch.bfloat16,
    *([torch.float16] if hasattr(torch.amp, 'GradScaler') else [])
])
SEEDS = st.integers(0, 2**31)
UNIT = st.sampled_from([0., 1., 1e-7, 1 - 1e-7]) | st.floats(0, 1)
ETAS = st.sampled_from([0., 0.1, 0.5, 1.]) | st.floats(0, 1)
SIDES = st.integers(1, 6)
#: Largest number of a tensor; float16 ends at 65,504.
SCALES = st.sampled_from([0., 1e-4, 1., 30., 1e4])


def autocast(dtype):
    """Mixed precision in a type, or none."""
    return torch.autocast(
        'cpu', dtype=dtype or torch.bfloat16, enabled=dtype is not None)


@st.composite
def lams(draw, num):
    """One ratio for the batch, or one for each sample."""
    if draw(st.booleans()):
        return draw(UNIT)
    return torch.tensor([draw(UNIT) for _ in range(num)])


@st.composite
def noise(draw, *shape, dtype=torch.float32, scales=SCALES):
    """Numbers in [-scale, scale], among them the largest of either sign."""
    generator = torch.Generator().manual_seed(draw(SEEDS))
    values = torch.rand(shape, generator=generator) * 2 - 1
    if draw(st.booleans()):
        values = values.sign()
    return (draw(scales) * values).to(dtype)


@st.composite
def masks(draw):
    """Masks (N, 1, H, W), flat, sparse or with a mean far from the middle,
    and their ratios."""
    shape = draw(st.integers(1, 4)), 1, draw(SIDES), draw(SIDES)
    generator = torch.Generator().manual_seed(draw(SEEDS))
    mask = torch.rand(shape, generator=generator)
    kind = draw(st.sampled_from(['power', 'sparse', 'flat']))
    if kind == 'power':
        mask = mask**draw(st.sampled_from([0.02, 1., 50.]))
    elif kind == 'sparse':
        mask = (mask > draw(UNIT)).float()
    else:
        mask = torch.full(shape, draw(UNIT))
    return mask.to(draw(DTYPES)), draw(lams(shape[0]))


def column(lam, num, dtype=torch.float32):
    """Ratios as (N, ), the way the code under test reads them."""
    return torch.as_tensor(lam, dtype=dtype).expand(num)
