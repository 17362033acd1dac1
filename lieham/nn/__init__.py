"""The network: LieConv, its residual blocks, and LieResNet."""

from lieham.nn.blocks import BLOCKS, Block, GatedBlock, PaperBlock
from lieham.nn.lieconv import Kernel, LieConv
from lieham.nn.neighborhood import Neighbourhoods, Neighbours
from lieham.nn.norm import MaskedBatchNorm
from lieham.nn.resnet import LieResNet
from lieham.nn.superposition import Superposition, superposes

__all__ = [
    "BLOCKS",
    "Block",
    "GatedBlock",
    "Kernel",
    "LieConv",
    "LieResNet",
    "MaskedBatchNorm",
    "Neighbourhoods",
    "Neighbours",
    "PaperBlock",
    "Superposition",
    "superposes",
]
