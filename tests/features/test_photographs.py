"""Photographs come in all forms, and a bad one never costs the others."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from asl_lib.data.video import MediaError
from asl_lib.features.photographs import fit_square, load_photographs, read_photograph
from asl_lib.features.recipe import PhotographRecipe
from asl_lib.features.sets import load_features


@pytest.fixture
def picture():
    """Return a 40 x 24 RGB picture, red on the left, dark at the bottom."""
    values = np.zeros((24, 40, 3), np.uint8)
    values[:, :, 0] = np.linspace(255, 0, 40).astype(np.uint8)
    values[:18, :, 2] = 120
    return Image.fromarray(values)


def save(image, path, **options):
    image.save(path, **options)
    return path


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "LA", "1"])
def test_pictures_of_any_mode_become_rgb(picture, tmp_path, mode):
    image = read_photograph(save(picture.convert(mode), tmp_path / "a.png"), size=40)
    assert image.shape == (40, 40, 3)
    assert image.dtype == np.uint8
    assert image[20, 2].mean() > image[20, 37].mean()


def test_a_cmyk_jpeg_has_the_colours_of_the_same_rgb_picture(picture, tmp_path):
    cmyk = read_photograph(save(picture.convert("CMYK"), tmp_path / "a.jpg", quality=95), size=40).astype(int)
    rgb = read_photograph(save(picture, tmp_path / "b.jpg", quality=95), size=40).astype(int)
    assert np.abs(cmyk - rgb).mean() < 6


def test_a_sixteen_bit_picture_is_not_clipped_to_white(tmp_path):
    values = np.linspace(0, 65535, 40 * 40).reshape(40, 40).astype(np.uint16)
    image = read_photograph(save(Image.fromarray(values), tmp_path / "a.png"), size=40)
    assert image[0, 0, 0] < 5
    assert 110 < image[20, 20, 0] < 145


def test_transparent_pixels_become_white(tmp_path):
    image = read_photograph(save(Image.new("RGBA", (32, 32), (10, 10, 10, 0)), tmp_path / "a.png"), size=32)
    assert (image == 255).all()


def test_a_picture_is_rotated_as_its_exif_orientation_states(picture, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side: turn by 90 degrees to the right
    turned = save(picture.rotate(90, expand=True), tmp_path / "a.png", exif=exif)
    upright = read_photograph(save(picture, tmp_path / "b.png"), size=40)
    np.testing.assert_array_equal(read_photograph(turned, size=40), upright)


@pytest.mark.parametrize(("content", "words"), [(b"", "cannot be read"), (b"GIF89a no", "cannot be read")])
def test_a_file_that_is_not_a_picture_is_named_with_a_remedy(tmp_path, content, words):
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=rf"a\.jpg {words}.*Save it again"):
        read_photograph(path, size=32)


def test_a_photograph_that_does_not_exist_is_not_to_be_saved_again(tmp_path):
    for name in ("a.jpg", f"{'a' * 300}.jpg"):
        with pytest.raises(MediaError, match=r"There is no photograph at .*a\.jpg\. Check the path\."):
            read_photograph(tmp_path / name, size=40)


def test_a_truncated_picture_and_one_of_a_single_pixel_are_refused(picture, tmp_path):
    whole = save(picture.resize((400, 400)), tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(MediaError, match="cannot be read"):
        read_photograph(tmp_path / "a.jpg", size=32)
    with pytest.raises(MediaError, match=r"16 x 16 px; got 1 x 1"):
        read_photograph(save(Image.new("RGB", (1, 1)), tmp_path / "b.png"), size=32)


@given(height=st.integers(16, 90), width=st.integers(16, 90), size=st.integers(16, 64))
def test_a_picture_of_any_shape_fits_into_the_square_with_its_proportions(height, width, size):
    image = np.full((height, width, 3), 200, np.uint8)
    image[height // 2, width // 2] = 0
    fitted = fit_square(image, size=size)
    assert fitted.shape == (size, size, 3)
    # A plain border is continued plainly: all that is not near the dark point stays as bright as it was.
    assert np.median(fitted) == 200


def test_photographs_that_cannot_be_read_are_listed_and_the_others_come_from_one_file(picture, tmp_path):
    rows = []
    for number, (signer, gloss) in enumerate([("ana", "B"), ("ben", "A"), ("cem", "A")]):
        save(picture.rotate(30 * number), tmp_path / f"{number}.png")
        rows.append({"clip_id": f"c{number}", "path": f"{number}.png", "gloss": gloss, "signer": signer, "split": ""})
    (tmp_path / "1.png").write_bytes(b"junk")
    clips = pd.DataFrame([*rows, {**rows[0], "clip_id": "c3", "path": "absent.png"}])
    where = {"source_dir": tmp_path, "folder": tmp_path / "kept"}
    photos = load_features(clips, PhotographRecipe(size=32), **where)
    assert photos.clip_id.tolist() == ["c0", "c2"]
    assert photos.left_out.clip_id.tolist() == ["c1", "c3"]
    assert photos.glosses.tolist() == ["A", "B"]
    assert photos.y.tolist() == [1, 0]
    assert isinstance(photos.values, np.memmap)
    np.testing.assert_array_equal(photos.values[1], read_photograph(tmp_path / "2.png", size=32))
    save(picture, tmp_path / "1.png")  # mended: the file is made anew
    assert len(load_features(clips, PhotographRecipe(size=32), **where)) == 3


def test_a_folder_without_any_readable_photograph_is_refused_with_the_first_reason(tmp_path):
    clips = pd.DataFrame([{"clip_id": "a", "path": "a.png", "gloss": "A", "signer": "x", "split": ""}])
    with pytest.raises(MediaError, match=r"None of the 1 photographs.*There is no photograph at .*a\.png"):
        load_photographs(clips, source_dir=tmp_path, folder=tmp_path, size=32)
