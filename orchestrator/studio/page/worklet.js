// Runs on the audio thread: converts blocks of 128 float samples at the context's rate to pieces of 16-bit samples at
// 16 kHz, 80 ms each, posted as {samples, level, last}, the level in decibels below full scale.

const RATE = 16_000;
const PIECE = 1_280;

class Microphone extends AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Int16Array(PIECE);
    this.filled = 0;
    this.squares = 0;
    this.step = sampleRate / RATE; // input samples per output sample
    this.covered = 0; // how much input the current output sample has averaged
    this.sum = 0;
    this.port.onmessage = () => this.flush(true);
  }

  process([input]) {
    if (input.length) for (const sample of input[0]) this.resample(sample);
    return true;
  }

  // Each output sample is the mean of the input it covers: at 16 kHz that is the input itself.
  resample(sample) {
    let left = 1;
    while (this.covered + left >= this.step) {
      const taken = this.step - this.covered;
      this.put((this.sum + sample * taken) / this.step);
      left -= taken;
      this.covered = 0;
      this.sum = 0;
    }
    this.covered += left;
    this.sum += sample * left;
  }

  put(sample) {
    this.squares += sample * sample;
    this.piece[this.filled++] = Math.max(-1, Math.min(1, sample)) * 32_767;
    if (this.filled === PIECE) this.flush(false);
  }

  flush(last) {
    const level = 10 * Math.log10(this.squares / Math.max(1, this.filled) + 1e-12);
    const samples = this.piece.slice(0, this.filled).buffer;
    this.filled = this.squares = 0;
    this.port.postMessage({ samples, level, last }, [samples]);
  }
}

registerProcessor("microphone", Microphone);
