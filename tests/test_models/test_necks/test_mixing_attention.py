import torch

from samix_mm.models.necks.mixing_attention import attend, mixing_attention


def maps(channels: int, dtype=torch.float32) -> torch.Tensor:
    return 3 * torch.randn(2, channels, 5, 7, dtype=dtype)


def test_rows_sum_to_one():
    attention = mixing_attention(maps(6), maps(6))
    assert attention.shape == (2, 35, 35)
    assert (attention >= 0).all()
    torch.testing.assert_close(attention.sum(dim=2), torch.ones(2, 35))
    assert (attention.sum(dim=1) - 1).abs().max() > 0.1  # rows, not columns


def test_float32_under_autocast():
    query, key = (maps(3, torch.bfloat16) for _ in range(2))
    with torch.autocast('cpu', dtype=torch.bfloat16):
        attention = mixing_attention(query, key)
        logits = attend(attention, maps(1, torch.bfloat16))
    assert attention.dtype == logits.dtype == torch.float32
    query, key = query.double().flatten(2), key.double().flatten(2)
    expected = (query.transpose(1, 2) @ key / 3**0.5).softmax(dim=2)
    # a matrix product in bfloat16 would be off by about 1e-2
    torch.testing.assert_close(
        attention.double(), expected, rtol=1e-4, atol=1e-6)


def test_content_is_averaged_by_rows():
    attention = mixing_attention(maps(3), maps(3))
    content = maps(1)
    logits = attend(attention, content)
    assert logits.shape == (2, 1, 5, 7)
    expected = (attention[1, 9] * content[1].flatten()).sum()
    torch.testing.assert_close(logits[1, 0, 1, 2], expected)
