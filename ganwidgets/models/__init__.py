"""Networks under study: the protocol, the edits, and the families this package can read from files."""

from ganwidgets.models.autoencoder import DecoderGenerator
from ganwidgets.models.biggan import BigGANGenerator
from ganwidgets.models.chains import LinearHead
from ganwidgets.models.checkpoints import load, names
from ganwidgets.models.cifar_resnet import CifarResNet
from ganwidgets.models.classifier_sources import load_classifier
from ganwidgets.models.classifiers import Classifier, TorchClassifier
from ganwidgets.models.conditional import ConditionalGenerator
from ganwidgets.models.dcgan import DCGAN
from ganwidgets.models.decoders import load_decoder
from ganwidgets.models.edits import Edit, compose, set_units, zero_units
from ganwidgets.models.export import export_weights
from ganwidgets.models.generator import Generator, TorchGenerator
from ganwidgets.models.image_network import ImageNetwork
from ganwidgets.models.inspection import Inspection, inspect
from ganwidgets.models.layers import LayerInfo
from ganwidgets.models.map_edits import add_map, scale_map
from ganwidgets.models.progan import ProGAN
from ganwidgets.models.protocol import Network, State
from ganwidgets.models.random_weights import random_network
from ganwidgets.models.standing import with_edits
from ganwidgets.models.stylegan2 import StyleGAN2
from ganwidgets.models.stylegan2_generator import StyleGAN2Generator
from ganwidgets.models.stylegan3 import StyleGAN3
from ganwidgets.models.stylegan3_generator import StyleGAN3Generator
from ganwidgets.models.weights import with_weights

__all__ = [
    "DCGAN",
    "BigGANGenerator",
    "CifarResNet",
    "Classifier",
    "ConditionalGenerator",
    "DecoderGenerator",
    "Edit",
    "Generator",
    "ImageNetwork",
    "Inspection",
    "LayerInfo",
    "LinearHead",
    "Network",
    "ProGAN",
    "State",
    "StyleGAN2",
    "StyleGAN2Generator",
    "StyleGAN3",
    "StyleGAN3Generator",
    "TorchClassifier",
    "TorchGenerator",
    "add_map",
    "compose",
    "export_weights",
    "inspect",
    "load",
    "load_classifier",
    "load_decoder",
    "names",
    "random_network",
    "scale_map",
    "set_units",
    "with_edits",
    "with_weights",
    "zero_units",
]
