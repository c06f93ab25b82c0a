// This browser's microphone: `open` takes what to do with each piece of sound; pieces (16-bit, 16 kHz) and levels go
// out.

// Why this browser gives no microphone, as far as one can know without asking: "insecure" or "".
export function barred() {
  return navigator.mediaDevices?.getUserMedia && window.AudioWorkletNode ? "" : "insecure";
}

export class Refused extends Error {}

export class Microphone {
  #stream = null;
  #context = null;
  #node = null;
  #told = null;

  // Start to listen; `onPiece(samples, level)` is called some twelve times a second.
  async open(onPiece) {
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    } catch (error) {
      throw new Refused(error.message);
    }
    const source = await this.#connect();
    this.#node.port.onmessage = ({ data }) => {
      if (data.samples.byteLength) onPiece(data.samples, data.level);
      if (data.last) this.#told?.();
    };
    source.connect(this.#node);
  }

  // Stop; what was said until now is passed on first.
  async close() {
    const node = this.#node;
    this.#stream?.getTracks().forEach((track) => track.stop());
    if (node) {
      const told = new Promise((resolve) => (this.#told = resolve));
      node.port.postMessage("flush");
      await Promise.race([told, new Promise((resolve) => setTimeout(resolve, 200))]);
      node.disconnect();
    }
    await this.#context?.close();
    this.#stream = this.#context = this.#node = this.#told = null;
  }

  // Firefox cannot join a stream to a context of another rate; then the worklet resamples.
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
