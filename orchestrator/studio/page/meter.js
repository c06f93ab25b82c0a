// The level meter: draws levels, in decibels below full scale, as bars, and sets a value for screen readers.

const BARS = 40;
const QUIET = -60;

export class Meter {
  #canvas;
  #bars = [];
  #asked = 0;

  constructor(canvas) {
    this.#canvas = canvas;
    this.hear(null);
  }

  // Add a level; null clears the meter.
  hear(level) {
    this.#bars = level === null ? [] : [...this.#bars, loudness(level)].slice(-BARS);
    const now = Math.round(100 * (this.#bars.at(-1) ?? 0));
    this.#canvas.setAttribute("aria-valuenow", now);
    this.#canvas.parentElement.style.setProperty("--loudness", now / 100);
    this.#asked ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#asked = 0;
    const canvas = this.#canvas;
    const scale = window.devicePixelRatio || 1;
    canvas.width = canvas.clientWidth * scale;
    canvas.height = canvas.clientHeight * scale;
    const brush = canvas.getContext("2d");
    brush.fillStyle = getComputedStyle(canvas).color;
    const pitch = canvas.width / BARS;
    const middle = canvas.height / 2;
    this.#bars.forEach((bar, index) => {
      const height = Math.max(pitch / 2, bar * canvas.height);
      const x = canvas.width - (this.#bars.length - index) * pitch;
      brush.beginPath();
      brush.roundRect(x, middle - height / 2, pitch / 2, height, pitch / 4);
      brush.fill();
    });
  }
}

const loudness = (level) => Math.max(0, Math.min(1, 1 - level / QUIET)) ** 1.6;
