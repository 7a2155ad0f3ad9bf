import math

import pytest
import torch
from mmengine.evaluator import Evaluator
from mmengine.registry import METRICS
from mmpretrain.structures import DataSample

from samix_mm.evaluation import KNNAccuracy, knn_scores

K, TEMPERATURE, NUM_CLASSES = 5, 0.1, 4


def features(seed, num, dim=6):
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(num, dim, generator=generator)


BANK = features(0, 31)
LABELS = torch.arange(31) % NUM_CLASSES
QUERIES = features(1, 11)
TARGETS = torch.arange(11) % NUM_CLASSES


def scores_one_by_one(feat, k=K, temperature=TEMPERATURE):
    """The paper's classifier in plain Python, for one query."""
    similarities = [
        torch.dot(feat, other).item() / (feat.norm() * other.norm()).item()
        for other in BANK
    ]
    nearest = sorted(range(len(BANK)), key=lambda i: -similarities[i])[:k]
    votes = [0.] * NUM_CLASSES
    for i in nearest:
        votes[int(LABELS[i])] += math.exp(similarities[i] / temperature)
    return [vote / sum(votes) for vote in votes]


def expected_scores(**kwargs):
    return torch.tensor([scores_one_by_one(feat, **kwargs)
                         for feat in QUERIES])


def accuracy_of(scores, topk=1):
    """Percentage of targets among the best classes with a vote."""
    hits = 0
    for row, target in zip(scores, TARGETS):
        best = sorted(range(NUM_CLASSES), key=lambda c: -row[c])[:topk]
        hits += int(target) in best and bool(row[int(target)] > 0)
    return 100 * hits / len(TARGETS)


@pytest.mark.parametrize('chunk_size', [1, 4, 11, 1024])
def test_scores_are_those_of_one_query_at_a_time(chunk_size):
    scores = knn_scores(
        QUERIES, BANK, LABELS, NUM_CLASSES, K, TEMPERATURE, chunk_size)
    torch.testing.assert_close(scores, expected_scores())
    torch.testing.assert_close(scores.sum(dim=1), torch.ones(len(QUERIES)))


def test_lengths_of_the_features_do_not_matter():
    lengths = torch.rand(len(BANK), 1) + 0.1
    torch.testing.assert_close(
        knn_scores(7 * QUERIES, lengths * BANK, LABELS, NUM_CLASSES, K,
                   TEMPERATURE), expected_scores())


def test_the_whole_bank_may_vote():
    torch.testing.assert_close(
        knn_scores(QUERIES, BANK, LABELS, NUM_CLASSES, len(BANK),
                   TEMPERATURE), expected_scores(k=len(BANK)))


@pytest.mark.parametrize('temperature', [1e-3, 1e-2])
def test_low_temperatures_do_not_overflow(temperature):
    """exp(1 / temperature) alone would: the nearest one decides."""
    scores = knn_scores(BANK, BANK, LABELS, NUM_CLASSES, 3, temperature)
    assert torch.equal(scores.argmax(dim=1), LABELS)
    assert torch.isfinite(scores).all()


def test_half_precision_features_are_compared_in_float32():
    scores = knn_scores(QUERIES.half(), BANK.half(), LABELS, NUM_CLASSES, K,
                        TEMPERATURE)
    assert scores.dtype == torch.float32
    torch.testing.assert_close(
        scores,
        knn_scores(QUERIES.half().float(), BANK.half().float(), LABELS,
                   NUM_CLASSES, K, TEMPERATURE))


def test_no_queries():
    scores = knn_scores(QUERIES[:0], BANK, LABELS, NUM_CLASSES, K)
    assert scores.shape == (0, NUM_CLASSES)


@pytest.mark.parametrize('change, message', [
    (dict(k=32), '31, got k=32'),
    (dict(k=0), 'k must be 1 or more, got 0'),
    (dict(temperature=0.), 'temperature must be above 0, got 0.0'),
    (dict(chunk_size=0), 'chunk_size must be 1 or more, got 0'),
    (dict(num_classes=3), r'num_classes=3\), got 0 to 3'),
    (dict(bank_labels=LABELS[:5]), r'\(31, 6\) and \(5,\)'),
    (dict(feats=QUERIES[:, :5]), r'D=6, got \(11, 5\)'),
])
def test_wrong_arguments_are_named(change, message):
    arguments = dict(
        feats=QUERIES,
        bank_feats=BANK,
        bank_labels=LABELS,
        num_classes=NUM_CLASSES,
        k=K)
    with pytest.raises(ValueError, match=message):
        knn_scores(**dict(arguments, **change))


def samples():
    return [
        DataSample(feat=feat).set_gt_label(int(label))
        for feat, label in zip(QUERIES, TARGETS)
    ]


def evaluator(classes='abcd', bank=True, **kwargs):
    cfg = dict(type='KNNAccuracy', k=K, temperature=TEMPERATURE)
    evaluator = Evaluator(METRICS.build(dict(cfg, **kwargs)))
    evaluator.dataset_meta = dict(classes=tuple(classes))
    if bank:
        evaluator.metrics[0].set_bank(BANK, LABELS)
    return evaluator


def evaluate(data_samples=None, **kwargs):
    knn = evaluator(**kwargs)
    data_samples = data_samples or samples()
    knn.process(data_samples[:6])
    knn.process(data_samples[6:])
    return knn.evaluate(len(TARGETS))


def test_metric_is_the_accuracy_in_percent():
    expected = expected_scores()
    metrics = evaluate(topk=(1, 3))
    assert metrics == pytest.approx({
        'knn/top1': accuracy_of(expected, 1),
        'knn/top3': accuracy_of(expected, 3)
    })
    assert 0 < metrics['knn/top1'] < metrics['knn/top3'] < 100


def test_a_class_without_votes_is_no_prediction():
    metrics = evaluate(k=1, topk=(1, 3))
    assert metrics['knn/top1'] == metrics['knn/top3'] > 0


def test_samples_may_be_dicts():
    """They are, in the hands of MMEngine's evaluator."""
    metric = KNNAccuracy(k=K, temperature=TEMPERATURE, prefix='near')
    metric.set_bank(BANK, LABELS)
    metric.process(None, [sample.to_dict() for sample in samples()])
    own = metric.evaluate(len(TARGETS))
    assert own == pytest.approx({'near/top1': accuracy_of(expected_scores())})


def test_kept_features_do_not_hold_their_batch():
    metric = KNNAccuracy()
    metric.process(None, samples())
    feat = metric.results[0]['feat']
    assert feat.untyped_storage().nbytes() == feat.numel() * 4


def test_labels_that_the_bank_lacks_are_missed():
    """Neither the bank nor ``classes`` know them."""
    data_samples = samples()
    data_samples[0].set_gt_label(9)
    assert evaluate(data_samples)['knn/top1'] <= 100 * 10 / 11


def test_more_than_the_classes_there_are():
    with pytest.raises(ValueError, match=r'topk=\(1, 5\).* 4 classes'):
        evaluate(topk=(1, 5))
    assert evaluate(classes='abcdef', topk=5)['knn/top5'] <= 100


def test_without_a_bank():
    with pytest.raises(ValueError, match="no bank.*type='KNNValLoop'"):
        evaluate(bank=False)


def test_a_cleared_bank_is_gone():
    knn = evaluator()
    knn.metrics[0].clear_bank()
    knn.process(samples())
    with pytest.raises(ValueError, match='no bank'):
        knn.evaluate(len(TARGETS))


def test_in_a_loop_that_gives_no_features():
    plain = [DataSample().set_gt_label(0)]
    with pytest.raises(ValueError, match="no features.*type='KNNValLoop'"):
        evaluate(plain)


@pytest.mark.parametrize('label', [None, [0, 1]])
def test_images_need_one_label(label):
    sample = DataSample(feat=QUERIES[0])
    if label is not None:
        sample.set_gt_label(label)
    with pytest.raises(ValueError, match='one gt_label'):
        evaluate([sample])


def test_a_bank_that_is_too_small_is_refused_at_once():
    with pytest.raises(ValueError, match='bank, 31, got k=40'):
        evaluator(k=40)


@pytest.mark.parametrize('kwargs', [
    dict(k=0), dict(temperature=-1), dict(chunk_size=0), dict(topk=()),
    dict(topk=(0, 1))
])
def test_wrong_settings_are_refused(kwargs):
    with pytest.raises(ValueError, match=f'{list(kwargs)[0]} must be'):
        KNNAccuracy(**kwargs)
