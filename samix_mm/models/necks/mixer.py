from typing import Dict, NamedTuple, Optional, Tuple, Union

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from ...registry import MODELS
from ...utils.lam import Lam, lam_like
from ...utils.validation import check_count, check_flag, check_unit_interval
from .mixing_attention import attend, mixing_attention

UPSAMPLE_MODES = ('bilinear', 'nearest')


class Projection(NamedTuple):
    """A batch as the Mixer's first convolutions see it, before any ratio.

    Attributes:
        first (Tensor): Parts of query, key and content by an image that comes
            first, (N, D, h, w).
        partner (Tensor): Parts of query and key by a partner, (N, D', h, w).
    """
    first: Tensor
    partner: Tensor


@MODELS.register_module()
class Mixer(BaseModule):
    r"""The learnable Mixer :math:`\mathcal{M}_\phi` (Sec. 3.3, Eq. 9).

    Four steps make the mask of a pair out of its feature maps. The 1x1
    convolutions among them are linear in each map, so that they see each
    image once a batch, whatever its partners and ratios:

    1. adaptive :math:`\lambda` encoding,
       :math:`z_{i,\lambda} = (1 + \gamma\lambda) z_i` and
       :math:`z_{j,1-\lambda} = (1 + \gamma(1-\lambda)) z_j`;
    2. mixing attention,
       :math:`P = softmax(q k^T / \sqrt{C/r})` with 1x1 convolutions to query
       and key of both maps, in float32 whatever autocast says;
    3. non-linear content modelling of :math:`z_{i,\lambda}`, one number a
       position;
    4. :math:`s_i = U(\sigma(P \otimes C_{NC}(z_{i,\lambda})))`.

    Args:
        in_channels (int, optional): Channels C of the features. None leaves
            them to the algorithm, which asks the backbone. Defaults to None.
        reduction (int): Ratio r of C to the channels of query, key and
            content. Defaults to 2.
        dropout (float): Dropout ratio of the content. Defaults to 0.1.
        share_qk (bool): Whether query and key are the same convolution, as
            the paper prints it (:math:`W_P`); the authors ran two. Defaults
            to False.
        learn_gamma (bool): Whether :math:`\gamma` is learned from
            ``gamma_init``, kept in [0, 1]. Defaults to True.
        upsample (str): Interpolation mode from (h, w) to (H, W), 'bilinear'
            or 'nearest'. Defaults to 'bilinear'.
        gamma_init (float, optional): First or constant :math:`\gamma`, in
            [0, 1]. None means 0 where it is learned, as in the paper, and 1
            where it is constant. Defaults to None.
        nonlinear_content (bool): Whether the content is modelled by conv,
            BN, ReLU and conv; False makes it one linear projection (Table
            8). Defaults to True.
        init_cfg (dict, optional): Initialization config. Defaults to
            Kaiming's for convolutions: with N(0, 0.01) masks stay constant
            for many hundred steps.

    Raises:
        ValueError: If an argument is out of its range.

    Examples:
        >>> import torch
        >>> from samix_mm.models import Mixer
        >>> mixer = Mixer(in_channels=64)
        >>> feat = torch.rand(4, 64, 8, 8)
        >>> mask = mixer(feat, feat.flip(0), lam=0.3, size=(32, 32))
        >>> mask.shape
        torch.Size([4, 1, 32, 32])
    """

    def __init__(
        self,
        in_channels: Optional[int] = None,
        reduction: int = 2,
        dropout: float = 0.1,
        share_qk: bool = False,
        learn_gamma: bool = True,
        upsample: str = 'bilinear',
        gamma_init: Optional[float] = None,
        nonlinear_content: bool = True,
        init_cfg: Optional[Union[dict, list]] = dict(
            type='Kaiming', layer='Conv2d')
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if upsample not in UPSAMPLE_MODES:
            raise ValueError(
                f'upsample must be one of {UPSAMPLE_MODES}, got {upsample!r}')
        if gamma_init is None:
            gamma_init = 0. if learn_gamma else 1.
        self.reduction = check_count('reduction', reduction)
        self.dropout = check_unit_interval('dropout', dropout)
        self.share_qk = check_flag('share_qk', share_qk)
        self.learn_gamma = check_flag('learn_gamma', learn_gamma)
        self.upsample = upsample
        self.nonlinear_content = check_flag('nonlinear_content',
                                            nonlinear_content)
        gamma = torch.tensor(
            [float(check_unit_interval('gamma_init', gamma_init))])
        if learn_gamma:
            self.gamma = nn.Parameter(gamma)
        else:
            self.register_buffer('gamma', gamma)
        self.in_channels: Optional[int] = None
        if in_channels is not None:
            self.set_in_channels(check_count('in_channels', in_channels))

    def set_in_channels(self, in_channels: int) -> None:
        """Build the layers for features of ``in_channels`` channels.

        Args:
            in_channels (int): Channels C of the features.

        Raises:
            ValueError: If the Mixer was built for other channels, or there
                are fewer channels than ``reduction``.
        """
        if self.in_channels == in_channels:
            return
        if self.in_channels is not None:
            raise ValueError(
                f'the Mixer has in_channels={self.in_channels}, but the '
                f'features have {in_channels} channels; leave in_channels '
                'out or choose another feature_stage')
        hidden = in_channels // self.reduction
        if hidden < 1:
            raise ValueError(f'in_channels must be at least reduction='
                             f'{self.reduction}, got {in_channels}')
        self.in_channels = in_channels
        self.query = nn.Conv2d(2 * in_channels, hidden, 1)
        if not self.share_qk:
            self.key = nn.Conv2d(2 * in_channels, hidden, 1)
        if self.nonlinear_content:
            layers = [
                nn.Conv2d(in_channels, hidden, 1, bias=False),
                nn.BatchNorm2d(hidden),
                nn.ReLU(inplace=True),
                nn.Conv2d(hidden, 1, 1)
            ]
        else:
            layers = [nn.Conv2d(in_channels, 1, 1)]
        self.content = nn.Sequential(*layers, nn.Dropout(self.dropout))

    def log_vars(self) -> Dict[str, Tensor]:
        """Dict[str, Tensor]: ``gamma``, for the log."""
        return dict(gamma=self.gamma.detach().clone())

    def forward(self, feat_i: Tensor, feat_j: Tensor, lam: Lam,
                size: Tuple[int, int]) -> Tensor:
        """Make the mask of each pair.

        Args:
            feat_i (Tensor): Features of the first images, (N, C, h, w).
            feat_j (Tensor): Features of their partners, (N, C, h, w).
            lam (float | Tensor): Share of the first image in [0, 1], one
                number or shape (N, ).
            size (Tuple[int, int]): Height and width of the images.

        Returns:
            Tensor: The share of the first image at each pixel, shape
            (N, 1, H, W), strictly inside (0, 1), at least float32.
        """
        index = torch.arange(len(feat_i), device=feat_i.device)
        projected = self.project(feat_i, feat_j)
        return self.masks(projected, lam, index, size)

    def project(self, feats: Tensor, partner_feats: Tensor) -> Projection:
        """Apply the first convolutions to each image of the batch.

        Args:
            feats (Tensor): Features of the first images, (N, C, h, w).
            partner_feats (Tensor): Those that partners are taken from, same
                shape.

        Returns:
            Projection: The projected features.
        """
        if self.in_channels is None:
            raise RuntimeError('the Mixer has no in_channels: give them, or '
                               'let an algorithm set them')
        of_first, of_partner = zip(*(conv.weight.split(self.in_channels, dim=1)
                                     for conv in self._attention_convs()))
        first = torch.cat([*of_first, self.content[0].weight])
        return Projection(
            F.conv2d(feats, first),
            F.conv2d(partner_feats, torch.cat(of_partner)))

    def masks(self, projected: Projection, lam: Lam, index: Tensor,
              size: Tuple[int, int]) -> Tensor:
        """Make masks of projected features, in the four steps of Eq. 9.

        Args:
            projected (Projection): By :meth:`project`, of N images.
            lam (float | Tensor): Share of the first image in [0, 1], one
                number or shape (M, ).
            index (Tensor): Partners of the first M images, (M, ).
            size (Tuple[int, int]): Height and width of the images.

        Returns:
            Tensor: As :meth:`forward`, (M, 1, H, W).
        """
        if self.training:
            self.project_gamma()
        first, partner = self.encode_lam(
            projected.first[:len(index)], projected.partner[index],
            lam)  # (M, D, h, w)
        hidden = partner.size(1)
        query, *key = self._query_and_key(first[:, :hidden] + partner)
        attention = mixing_attention(query, key[0] if key else query)
        content = self._model_content(first[:, hidden:])  # (M, 1, h, w)
        logits = attend(attention, content)  # (M, 1, h, w)
        return self._upsample(_open_sigmoid(logits), size)  # (M, 1, H, W)

    def encode_lam(self, first: Tensor, partner: Tensor,
                   lam: Lam) -> Tuple[Tensor, Tensor]:
        """Tell the features the ratio (adaptive encoding, Sec. 3.3).

        Args:
            first (Tensor): Projected features, (M, D, h, w).
            partner (Tensor): Projected features, (M, D', h, w).
            lam (float | Tensor): One number or shape (M, ).

        Returns:
            Tuple[Tensor, Tensor]: The encoded ones, same shapes, at least
            float32.
        """
        dtype = torch.promote_types(first.dtype, torch.float32)
        first, partner = first.to(dtype), partner.to(dtype)
        lam = lam_like(lam, first).view(-1, 1, 1, 1)  # (M, 1, 1, 1)
        gamma = self.gamma.to(dtype)
        return (1 + gamma * lam) * first, (1 + gamma * (1 - lam)) * partner

    def _attention_convs(self) -> Tuple[nn.Conv2d, ...]:
        return (self.query, ) if self.share_qk else (self.query, self.key)

    def _query_and_key(self, summed: Tensor) -> Tuple[Tensor, ...]:
        """Split (M, D', h, w) and add biases: (M, C/r, h, w) each."""
        bias = torch.cat([conv.bias for conv in self._attention_convs()])
        summed = summed + bias.to(summed.dtype).view(1, -1, 1, 1)
        return summed.chunk(len(self._attention_convs()), dim=1)

    def _model_content(self, projected: Tensor) -> Tensor:
        """What is left of the content's layers, (M, D, h, w) to
        (M, 1, h, w)."""
        conv, *rest = self.content
        if conv.bias is not None:
            bias = conv.bias.to(projected.dtype)
            projected = projected + bias.view(1, -1, 1, 1)
        return nn.Sequential(*rest)(projected)

    def _upsample(self, mask: Tensor, size: Tuple[int, int]) -> Tensor:
        if self.upsample == 'nearest':
            return F.interpolate(mask, size, mode='nearest')
        return F.interpolate(
            mask, size, mode='bilinear', align_corners=False)

    def project_gamma(self) -> None:
        """Put gamma back into [0, 1] after an optimizer step left it.

        A clamp in the graph would have no gradient outside the interval:
        the first step below 0 would be the last one.
        """
        self.gamma.data.clamp_(0, 1)

    def extra_repr(self) -> str:
        return (f'in_channels={self.in_channels}, '
                f'learn_gamma={self.learn_gamma}, upsample={self.upsample!r}')


def _open_sigmoid(logits: Tensor) -> Tensor:
    """Sigmoid that does not round to 0 or 1, so that the masks stay strictly
    inside (0, 1) after interpolation as well."""
    eps = 1e-6
    return logits.sigmoid().clamp(eps, 1 - eps)
