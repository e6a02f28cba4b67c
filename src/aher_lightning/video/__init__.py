"""Reading real video files: frames by time stamp, snippets, the temporal contract."""

from aher_lightning.video.auto_reader import AutoReader
from aher_lightning.video.decord_reader import DecordReader
from aher_lightning.video.pyav_reader import PyAVReader
from aher_lightning.video.torchcodec_reader import TorchCodecReader

__all__ = ["AutoReader", "DecordReader", "PyAVReader", "TorchCodecReader"]
