"""Take pictures of the live page, wide, half as wide and on a phone, light and dark: `python -m scripts.live_pictures`.

It needs what `make demo` leaves behind, npm, Chromium and its driver. All pictures go to build/screenshots; those of
the README are written into docs/images, too.
"""

from __future__ import annotations

import io
import tempfile
import threading
import time
from pathlib import Path

from PIL import Image

from asl_lib.live.web.build import build_page
from asl_lib.live.web.server import serve_files
from benchmarks.live import clips_of
from benchmarks.live_page import camera_flags, chromium, wait_for
from scripts.build_site import demo_network

ROOT = Path(__file__).resolve().parent.parent
SIZES = {1440: 900, 720: 1000, 390: 664}
STORED = {(1440, "light"): "live_page.png", (720, "dark"): "live_page_dark.png", (390, "light"): "live_page_phone.png"}
SHOWN = ("HELLO", "WANT", "YES")
IN_SIGN = "document.getElementById('asl-hands').textContent.includes('A sign is in')"
COLOURS = 256
"""Of a stored picture: with them it has less than 150 kB."""


def main() -> None:
    models = demo_network()
    [model] = models.values()
    clips = [next(clip for known, clip, _ in clips_of(model) if known == gloss) for gloss in SHOWN]
    folder = ROOT / "build" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        page = build_page(Path(name) / "page", models=models)
        flags = camera_flags(Path(name) / "camera.mjpeg", clips)
        with chromium(*flags) as driver, serve_files(page, port=0) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            driver.get(f"http://127.0.0.1:{server.server_port}/")
            wait_for(driver, "document.documentElement.dataset.aslReady")
            driver.execute_script("document.querySelector('[data-asl=camera]').click()")
            wait_for(driver, "document.querySelectorAll('#asl-words span').length >= 4")
            for theme in ("light", "dark"):
                features = [{"name": "prefers-color-scheme", "value": theme}]
                driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
                for width, height in SIZES.items():
                    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 700}
                    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
                    time.sleep(0.5)  # until it is laid out anew
                    wait_for(driver, f"{IN_SIGN} && document.querySelector('#asl-top li.named')")
                    picture = Image.open(io.BytesIO(driver.get_screenshot_as_png())).convert("RGB")
                    picture.save(folder / f"live-{width}-{theme}.png")
                    if stored := STORED.get((width, theme)):
                        few = picture.quantize(COLOURS, Image.Quantize.FASTOCTREE)
                        few.save(ROOT / "docs" / "images" / stored, optimize=True)
                        print(f"docs/images/{stored}")
            server.shutdown()


if __name__ == "__main__":
    main()
