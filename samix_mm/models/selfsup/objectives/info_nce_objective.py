from torch import Tensor, nn

from ....registry import MODELS
from ...losses.eta_balanced_info_nce import eta_balanced_info_nce
from ...mixing import Mixture
from ..views import MatchedViews, embed, similarities
from .mixing_objective import MixingObjective


@MODELS.register_module()
class InfoNCEObjective(MixingObjective):
    r"""The :math:`\eta`-balanced mixup InfoNCE (Eqs. 4, 7 and 8), by which
    the Mixer of SAMix-I learns."""

    def set_up(self, backbone: nn.Module, feat_dim: int,
               temperature: float) -> None:
        """See :meth:`MixingObjective.set_up`."""
        self.temperature = temperature

    def mixture_loss(self, momentum_net: nn.Module, views: MatchedViews,
                     mixture: Mixture, eta: float) -> Tensor:
        """See :meth:`MixingObjective.mixture_loss`."""
        queries = embed(momentum_net, mixture.inputs)  # (M, feat_dim)
        sim_i, sim_j = similarities(queries, views, mixture.index)
        return eta_balanced_info_nce(sim_i, sim_j, queries @ views.negatives,
                                     mixture.shares[:, 0], eta,
                                     self.temperature).mean()
