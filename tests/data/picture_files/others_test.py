"""Files of other kinds are named, whatever their names say."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from perceiver_keras.data.image import check_image


def _saved(kind: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((5, 6, 3), np.uint8)).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content, name",
    [
        (_saved("WEBP"), "a WebP picture"),
        (_saved("TIFF"), "a TIFF picture"),
        (b"MM\0*\0\0\0\x08", "a TIFF picture"),
        (_saved("PPM"), "a PPM, PGM or PBM picture"),
        (_saved("ICO"), "an icon"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture"),
        (b"\0\0\0\x20ftypavif\0\0\0\0avifmif1", "an AVIF picture"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- a\nb -->\n<svg width="3">', "an SVG drawing"),
    ],
)
def test_named_with_what_to_do(content, name):
    assert check_image(content) == f"{name}; convert it to PNG or JPEG"


def test_a_page_that_a_failed_download_left():
    assert check_image(b"<!DOCTYPE html><html>not found") == "a web page, not a picture"


@pytest.mark.parametrize(
    "content", [b"x", b"\x80\xff" * 20, b"RIFF\0\0\0\0WAVE", b"<xml/>", b"P9\n"]
)
def test_anything_else_is_quoted(content):
    assert check_image(content) == (
        f"not a PNG, JPEG, GIF or BMP: {len(content)} bytes that begin with {content[:8]!r}"
    )
