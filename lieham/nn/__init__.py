"""This package holds the network: the convolution LieConv, residual blocks around it, and LieResNet."""

from lieham.nn.blocks import BLOCKS, Block, GatedBlock, PaperBlock
from lieham.nn.kernel import Kernel
from lieham.nn.lieconv import LieConv
from lieham.nn.moment_net import MomentNet
from lieham.nn.moment_sum import MomentSum
from lieham.nn.network import CloudNetwork
from lieham.nn.norm import MaskedBatchNorm
from lieham.nn.pair_sum import PairSum, is_pair_sum, pair_slopes
from lieham.nn.products import products_of
from lieham.nn.resnet import LieResNet, NetworkSettings
from lieham.nn.tensor_resnet import TensorResNet

__all__ = [
    "BLOCKS",
    "Block",
    "CloudNetwork",
    "GatedBlock",
    "Kernel",
    "LieConv",
    "LieResNet",
    "MaskedBatchNorm",
    "MomentNet",
    "MomentSum",
    "NetworkSettings",
    "PairSum",
    "PaperBlock",
    "TensorResNet",
    "is_pair_sum",
    "pair_slopes",
    "products_of",
]
