// The browser's microphone, as pieces of 16-bit samples at 16 kHz with their levels.

// Why the browser has no microphone for this page, as far as known before asking for it: "insecure" or "".
export function barred() {
  return navigator.mediaDevices?.getUserMedia && window.AudioWorkletNode ? "" : "insecure";
}

export class Refused extends Error {}

export class Microphone {
  #stream = null;
  #context = null;
  #node = null;
  #flushed = null;

  // Start; `onPiece(samples, level)` is called about twelve times a second.
  async open(onPiece) {
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    } catch (error) {
      throw new Refused(error.message);
    }
    const source = await this.#connect();
    this.#node.port.onmessage = ({ data }) => {
      if (data.samples.byteLength) onPiece(data.samples, data.level);
      if (data.last) this.#flushed?.();
    };
    source.connect(this.#node);
  }

  // Stop, after passing on the sound so far.
  async close() {
    const node = this.#node;
    this.#stream?.getTracks().forEach((track) => track.stop());
    if (node) {
      const flushed = new Promise((resolve) => (this.#flushed = resolve));
      node.port.postMessage("flush");
      await Promise.race([flushed, new Promise((resolve) => setTimeout(resolve, 200))]);
      node.disconnect();
    }
    await this.#context?.close();
    this.#stream = this.#context = this.#node = this.#flushed = null;
  }

  // Firefox cannot connect a stream to a context of another rate: the worklet resamples instead.
  async #connect() {
    for (const options of [{ sampleRate: 16_000 }, {}]) {
      this.#context = new AudioContext(options);
      try {
        const source = this.#context.createMediaStreamSource(this.#stream);
        await this.#context.audioWorklet.addModule("/page/worklet.js");
        await this.#context.resume();
        this.#node = new AudioWorkletNode(this.#context, "microphone", { numberOfOutputs: 0 });
        return source;
      } catch (error) {
        await this.#context.close();
        if (!options.sampleRate) throw new Refused(error.message);
      }
    }
    return null;
  }
}
