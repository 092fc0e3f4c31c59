"""Draw the pictures of README.md and docs/: python docs/make_images.py (needs dot and Chromium)."""

import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

import nn
from tinygrad_edu import Tensor, draw, jit, trace, universal

FOLDER = Path(__file__).parent / "images"


def kept_small(png: bytes, name: str) -> None:
    """Save a screenshot with a palette of 128 colours: a third of its size, and nobody sees it."""
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(128, dither=Image.Dither.NONE)
    picture.save(FOLDER / f"{name}.png", optimize=True)
    print(f"{name}.png: {(FOLDER / f'{name}.png').stat().st_size / 1000:.0f} kB")


def shot(browser: Any, page: Any, name: str, *keys: str, dark: bool = False, height: int = 800) -> None:
    """What a page shows after some keys."""
    tab = browser.new_page(
        viewport={"width": 1280, "height": height}, color_scheme="dark" if dark else "light", reduced_motion="reduce"
    )
    tab.set_content(page.html)
    for key in keys:
        tab.keyboard.press(key)
    kept_small(tab.screenshot(), name)
    tab.close()


# the README's first lines
x, w, b = Tensor(0.5, name="x"), Tensor(-2.0, requires_grad=True, name="w"), Tensor(1.0, requires_grad=True, name="b")
C = 0.5 * ((w * x + b).sigmoid() - 1) ** 2
C.backward(retain_grads=True)
draw(C).save(FOLDER / "neuron.png")

# the step of docs/jit.md
tiny, quadratic = nn.MLP([3, 2, 1], rng=1), nn.QuadraticCost()
sgd = nn.optim.SGD(tiny.parameters(), lr=3.0)


@jit(executor="numpy")
def train_step(x: Any, y: Any) -> Any:
    cost = quadratic(tiny(x), y)
    sgd.zero_grad()
    cost.backward()
    sgd.step()
    return cost


for _ in range(3):
    train_step(np.ones((10, 3), np.float32), np.ones((10, 1), np.float32))
kept_small(draw(train_step).pipe("png"), "jit")

# what `make train` leaves
digits = nn.data.digits()
rng = np.random.default_rng(1)
net = nn.MLP([64, 30, 10], rng=rng)
opt = nn.optim.SGD(net.parameters(), lr=3.0)
history = nn.fit(net, nn.QuadraticCost(), opt, digits, epochs=30, batch_size=10, rng=rng, progress=False)
figure = nn.plot.figure((11, 4.2))
left, right = figure.subplots(1, 2)
history.plot(left)
nn.plot.confusion(net, digits.test, right)
figure.savefig(FOLDER / "training.png", dpi=80)

# the pages
small, cost = nn.MLP([3, 4, 2], rng=1, dtype=np.float64), nn.QuadraticCost()
example, answer = np.array([[0.1, 0.9, 0.5]]), np.array([[1.0, 0.0]])
stepper = trace(lambda: cost(small(example), answer), small, eta=3.0).page()
scalars = trace(lambda: 0.5 * ((w * x + b).sigmoid() - 1) ** 2, eta=1.0).page()
playground = universal(np.sin, hidden=2)
pad = nn.draw_digit_page(net, digits, history)
program = next(p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name)))
with sync_playwright() as playwright:
    browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
    to_bp2 = ["Shift+ArrowRight"] * 2 + ["ArrowRight"]
    shot(browser, stepper, "stepper", *to_bp2)
    shot(browser, stepper, "stepper-dark", *to_bp2, dark=True)
    shot(browser, scalars, "stepper-graph", *["ArrowRight"] * 9)
    shot(browser, playground, "universal", height=830)
    shot(browser, playground, "universal-dark", height=830, dark=True)
    shot(browser, pad, "digit", height=980)
    shot(browser, pad, "digit-dark", height=980, dark=True)
    tab = browser.new_page(viewport={"width": 640, "height": 600})
    tab.set_content(net.draw(digits.test.x[0]).svg)
    kept_small(tab.locator("svg").screenshot(), "network")
    browser.close()
