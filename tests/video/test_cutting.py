from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from aher_lightning.annotations.records import Instance
from aher_lightning.errors import VideoError
from aher_lightning.video import cutting
from aher_lightning.video.cutting import cut_clips
from aher_lightning.video.probing import index_frames
from tests.helpers.videos import (
    VideoSpec,
    copy_shifted,
    read_numbers,
    write_sound,
    write_truncated,
    write_turning,
    write_video,
)

# Key frames every 12 frames of 0.1 s each: at 0, 1.2, 2.4 and 3.6 s.
SPEC = VideoSpec(num_frames=40)
VARYING = [0.0, 0.1, 0.5, 0.6, 1.5, 1.6]


def span(start_sec: float, end_sec: float, label: str = "wave") -> Instance:
    return Instance(label, start_sec, end_sec)


def numbers(path: Path) -> list[int]:
    """Decode a clip; return the numbers that its frames show."""
    with av.open(str(path)) as container:
        return read_numbers([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def cut(tmp_path: Path, name: str, spec: VideoSpec, *rows: Instance, reencode: bool) -> list[Path]:
    return cut_clips(write_video(tmp_path / name, spec), rows, tmp_path / "clips", reencode)


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("plain.mp4", SPEC),
        ("plain.mkv", SPEC),
        ("plain.mov", SPEC),
        ("plain.ts", SPEC),
        ("late.mp4", VideoSpec(num_frames=40, start_sec=1.5)),
        ("late.ts", VideoSpec(num_frames=40, start_sec=100.0)),
        ("plain.avi", VideoSpec(num_frames=40, codec="mpeg4", options={"bf": "2"})),
        ("vp8.webm", VideoSpec(num_frames=40, codec="libvpx")),
        ("odd.mkv", VideoSpec(num_frames=40, width=65, height=49, pixel_format="yuv444p")),
    ],
)
def test_encoded_clips_have_exactly_their_frames(tmp_path: Path, name: str, spec: VideoSpec) -> None:
    rows = [span(1.0, 2.0), span(1.05, 1.95), span(0.0, 0.1), span(-1.0, 0.25), span(3.7, 9.0), span(2.0, 2.01)]
    clips = cut(tmp_path, name, spec, *rows, reencode=True)
    assert [numbers(clip) for clip in clips] == [
        [*range(10, 20)],
        [*range(10, 20)],
        [0],
        [0, 1, 2],
        [37, 38, 39],
        [20],
    ]
    info = index_frames(clips[0]).info
    assert (info.codec, info.width, info.height) == ("h264", 64, 48)
    assert [info.average_fps, info.duration_sec] == pytest.approx([10, 1], rel=1e-3)


def test_encoded_clips_keep_the_times_of_their_frames(tmp_path: Path) -> None:
    spec = VideoSpec(num_frames=6, times_sec=VARYING)
    (clip,) = cut(tmp_path, "v.mp4", spec, span(0.3, 1.6), reencode=True)
    assert numbers(clip) == [1, 2, 3, 4]
    np.testing.assert_allclose(index_frames(clip).times_sec, [0.0, 0.4, 0.5, 1.4], atol=1e-3)


def test_clips_of_pictures_of_several_sizes_have_that_of_their_first(tmp_path: Path) -> None:
    rows = [span(0.5, 1.0), span(1.0, 3.0), span(2.5, 3.0)]
    clips = cut_clips(write_turning(tmp_path / "v.ts"), rows, tmp_path / "clips", reencode=True)
    sizes = [(info.width, info.height) for info in (index_frames(clip).info for clip in clips)]
    assert sizes == [(64, 48), (64, 48), (96, 128)]
    assert numbers(clips[0]) == [5, 6, 7, 8, 9]
    assert numbers(clips[2]) == [27, 28, 29, 30, 31]
    with av.open(str(clips[1])) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert read_numbers(pictures[:8]) == [*range(10, 18)]
    upright = [picture[:, 14:50] for picture in pictures[-8:]]  # of height 48, between black bars
    assert read_numbers(upright) == [*range(24, 32)]
    assert all(picture[:, [0, 13, 50, 63]].max() < 25 for picture in pictures[-8:])


def test_encoded_clips_are_upright_and_keep_their_colours(tmp_path: Path) -> None:
    (clip,) = cut(tmp_path, "v.mp4", VideoSpec(rotation=90), span(1.0, 1.5), reencode=True)
    assert index_frames(clip).info.rotation == 0
    assert numbers(clip) == [*range(10, 15)]
    red = write_red(tmp_path / "red.mkv")
    (clip,) = cut_clips(red, [span(0.0, 1.0)], tmp_path / "clips", reencode=True)
    np.testing.assert_allclose(mean_colour(clip), mean_colour(red), atol=3)


def write_red(path: Path) -> Path:
    """Write a second of one colour, which other colour matrices would change much."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            picture = np.broadcast_to(np.array([200, 30, 60], dtype=np.uint8), (48, 64, 3))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")))
        container.mux(stream.encode(None))
    return path


def mean_colour(path: Path) -> list[float]:
    """Return what the first frame looks like."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
        return [float(value) for value in frame.to_ndarray(format="rgb24").mean(axis=(0, 1))]


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("plain.mp4", SPEC),
        ("plain.mkv", SPEC),
        ("plain.mov", SPEC),
        ("plain.ts", SPEC),
        ("late.mp4", VideoSpec(num_frames=40, start_sec=1.5)),
        ("late.mkv", VideoSpec(num_frames=40, start_sec=1.5)),
        ("late.ts", VideoSpec(num_frames=40, start_sec=100.0)),
        ("open.mp4", VideoSpec(num_frames=40, options={"x264-params": "open-gop=1:bframes=3:b-adapt=0"})),
        ("vp9.webm", VideoSpec(num_frames=40, codec="libvpx-vp9", options={"g": "12"})),
        ("turned.mp4", VideoSpec(num_frames=40, rotation=90)),
    ],
)
def test_copied_clips_begin_at_the_key_frame_before(tmp_path: Path, name: str, spec: VideoSpec) -> None:
    video = write_video(tmp_path / name, spec)
    rows = [span(1.5, 2.0), span(2.4, 2.9), span(0.3, 4.0), span(3.7, 9.0)]
    clips = cut_clips(video, rows, tmp_path / "clips")
    keys = np.rint(10 * index_frames(video).key_times_sec).astype(int)
    for row, clip in zip(rows, clips, strict=True):
        shown = read_upright(clip)
        first = int(keys[keys <= round(10 * row.start_sec)][-1])
        last = min(round(10 * row.end_sec), 40)
        assert shown[: last - first] == [*range(first, last)]
        assert len(shown) <= last - first + 4  # what B-frames need, not more
        assert index_frames(clip).start_sec == pytest.approx(0, abs=0.11)
        assert index_frames(clip).info.codec == index_frames(video).info.codec


def read_upright(path: Path) -> list[int]:
    """Decode a clip as players do, turned by what its file says."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    turns = round(frames[0].rotation / 90) % 4
    return read_numbers([np.rot90(frame.to_ndarray(format="rgb24"), turns) for frame in frames])


def test_copies_are_copies(tmp_path: Path) -> None:
    (clip,) = cut(tmp_path, "v.mp4", SPEC, span(0.0, 4.0), reencode=False)
    with av.open(str(tmp_path / "v.mp4")) as before, av.open(str(clip)) as after:
        pairs = zip(before.demux(video=0), after.demux(video=0), strict=True)
        assert all(bytes(one) == bytes(other) and one.pts == other.pts for one, other in pairs)


@pytest.mark.parametrize("reencode", [False, True])
def test_files_are_named_after_category_video_and_times(tmp_path: Path, reencode: bool) -> None:
    rows = [span(1, 2), span(1, 2), span(1, 2.001), span(1, 2, "../../x"), span(0.25, 1, "a/b"), span(0.25, 1, "a_b")]
    clips = cut(tmp_path, "my video.mp4", SPEC, *rows, reencode=reencode)
    assert [clip.relative_to(tmp_path / "clips").as_posix() for clip in clips] == [
        "wave/my video_1.00-2.00.mp4",
        "wave/my video_1.00-2.00_2.mp4",
        "wave/my video_1.00-2.00_3.mp4",
        "%2E.%2F..%2Fx/my video_1.00-2.00.mp4",
        "a%2Fb/my video_0.25-1.00.mp4",
        "a_b/my video_0.25-1.00.mp4",
    ]
    assert sorted(path for path in (tmp_path / "clips").rglob("*") if path.is_file()) == sorted(clips)
    assert {path.name for path in tmp_path.iterdir()} == {"clips", "my video.mp4"}
    again = cut_clips(tmp_path / "my video.mp4", rows[:1], tmp_path / "clips", reencode)
    assert again == clips[:1]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (span(4.0, 5.0), r"segment 1 \(4 to 5 s\) has no frame, the video lasts 4\.00 s"),
        (span(2.0, 2.0), r"segment 1 \(2 to 2 s\) has no frame"),
        (span(-2.0, 0.0), r"segment 1 \(-2 to 0 s\) has no frame"),
        (span(0.0, float("nan")), r"segment 1 \(0 to nan s\) has no frame"),
        (span(0.0, 1.0, ""), "segment 1 has no label"),
    ],
)
def test_segments_without_frames_are_refused_before_any_is_cut(tmp_path: Path, row: Instance, message: str) -> None:
    with pytest.raises(VideoError, match=rf"v\.mp4: {message}"):
        cut(tmp_path, "v.mp4", SPEC, span(0.0, 1.0), row, reencode=False)
    assert not (tmp_path / "clips").exists()


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize(
    ("name", "spec", "message"),
    [
        ("v.avi", VideoSpec(codec="mpeg4"), r"v\.avi: avi files do not say when frames are shown; encode clips anew"),
        ("v.webm", VideoSpec(codec="libvpx"), r"v\.webm: \w+ video cannot be copied into MP4; encode clips anew"),
    ],
)
def test_what_cannot_be_copied_is_refused(tmp_path: Path, name: str, spec: VideoSpec, message: str) -> None:
    with pytest.raises(VideoError, match=message):
        cut(tmp_path, name, spec, span(0.0, 1.0), reencode=False)
    assert files(tmp_path / "clips") == []


@pytest.mark.parametrize("num_frames", [12, 24])
def test_what_begins_without_a_key_frame_is_encoded_anew(tmp_path: Path, num_frames: int) -> None:
    # An edit list leaves out the first half second, and with it the first key frame.
    plain = write_video(tmp_path / "plain.mp4", VideoSpec(num_frames=num_frames))
    path = copy_shifted(plain, tmp_path / "cut.mp4", by_sec=-0.5)
    with pytest.raises(VideoError, match=r"cut\.mp4: no picture at or before 0\.10 s can start a copy"):
        cut_clips(path, [span(0.1, 0.4)], tmp_path / "clips")
    assert not list(tmp_path.glob("clips/*/*"))
    (clip,) = cut_clips(path, [span(0.1, 0.4)], tmp_path / "clips", reencode=True)
    assert numbers(clip) == [6, 7, 8]


@pytest.mark.parametrize("reencode", [False, True])
def test_files_that_are_no_whole_video_are_refused(tmp_path: Path, reencode: bool) -> None:
    rows = [span(0.0, 1.0)]
    with pytest.raises(VideoError, match="no such file"):
        cut_clips(tmp_path / "v.mp4", rows, tmp_path / "clips", reencode)
    with pytest.raises(VideoError, match="has no video stream"):
        cut_clips(write_sound(tmp_path / "s.m4a"), rows, tmp_path / "clips", reencode)
    with pytest.raises(VideoError, match="is truncated"):
        cut_clips(write_truncated(tmp_path / "t.mp4"), rows, tmp_path / "clips", reencode)
    assert cut_clips(tmp_path / "v.mp4", [], tmp_path / "clips", reencode) == []
    assert not (tmp_path / "clips").exists()


def test_an_unwritable_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "clips").touch()
    with pytest.raises(VideoError, match=r"v_0\.00-1\.00\.mp4: cannot be written \(.*\); choose another place"):
        cut(tmp_path, "v.mp4", SPEC, span(0.0, 1.0), reencode=False)


@pytest.mark.parametrize("reencode", [False, True])
def test_a_full_disk_is_no_damaged_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reencode: bool) -> None:
    video = write_video(tmp_path / "v.mp4", SPEC)

    def fail(_sink: object, _packets: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cutting, "_mux", fail)
    with pytest.raises(VideoError, match=r"v_0\.00-1\.00\.mp4: cannot be written \(No space left on device\)"):
        cut_clips(video, [span(0.0, 1.0)], tmp_path / "clips", reencode)
    assert files(tmp_path / "clips") == []


def test_failures_of_the_writer_are_told_apart() -> None:
    class FullDisk:
        def mux(self, _packets: object) -> None:
            raise av.FFmpegError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left on device") as caught:
        cutting._mux(FullDisk(), [])  # type: ignore[arg-type]
    assert not isinstance(caught.value, av.FFmpegError)


def test_a_clip_that_fails_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (clip,) = cut(tmp_path, "v.mp4", SPEC, span(0.0, 1.0), reencode=False)
    before = clip.read_bytes()

    def fail(_index: object, _row: object, target: Path) -> None:
        target.write_bytes(b"half")
        raise VideoError("no")

    monkeypatch.setattr(cutting, "_encode_clip", fail)
    with pytest.raises(VideoError, match="no"):
        cut_clips(tmp_path / "v.mp4", [span(0.0, 1.0)], tmp_path / "clips", reencode=True)
    assert clip.read_bytes() == before
    assert files(tmp_path / "clips") == [clip]
