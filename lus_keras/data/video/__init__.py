"""Video files to pixels and time stamps, and back: the only decoder of the package (PyAV).

    path → magic bytes → container, codec and size allowed? → frames with time stamps → crop,
    resize, resample in time → uint8 (t, h, w)

Headers are unreliable for the number and rate of frames, so frames are counted by decoding and
positioned by their time stamps. Only one frame is in memory at a time, unless a whole video is
requested.
"""

from lus_keras.data.video.decode import iter_frames as iter_frames
from lus_keras.data.video.decode import probe as probe
from lus_keras.data.video.decode import read_video as read_video
from lus_keras.data.video.inspect import Inspection as Inspection
from lus_keras.data.video.inspect import first_fingerprint as first_fingerprint
from lus_keras.data.video.inspect import inspect_video as inspect_video
from lus_keras.data.video.pictures import picture_paths as picture_paths
from lus_keras.data.video.pictures import sha256_of_video as sha256_of_video
from lus_keras.data.video.records import DecodedVideo as DecodedVideo
from lus_keras.data.video.records import VideoInfo as VideoInfo
from lus_keras.data.video.resample import count_resampled as count_resampled
from lus_keras.data.video.resample import iter_resampled as iter_resampled
from lus_keras.data.video.resample import resample_indices as resample_indices
from lus_keras.data.video.sector import box_of as box_of
from lus_keras.data.video.sector import brightest as brightest
from lus_keras.data.video.sector import sector_box as sector_box
from lus_keras.data.video.sector import sector_mask as sector_mask
from lus_keras.data.video.write import write_video as write_video
