// The bundle's model on onnxruntime-web, both inside this page.

/** Return the bytes of a packed block of the page: gzip in base64. */
async function unpacked(id) {
  const block = document.getElementById(id);
  const packed = Uint8Array.from(atob(block.textContent.trim()), (one) => one.charCodeAt(0));
  block.remove(); // its text is megabytes long
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Load the model; return what runs one batch: inputs {name: [values, shape]} → probabilities. */
export async function loadModel(names) {
  const ort = globalThis.ort;
  if (!ort || typeof WebAssembly !== "object" || typeof DecompressionStream !== "function") {
    throw new Error("this browser is too old for the page: it needs WebAssembly and "
      + "DecompressionStream (Chrome or Edge 97, Firefox 113, Safari 16.4, or later)");
  }
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmBinary = await unpacked("runtime");
  const options = { executionProviders: ["wasm"] };
  const session = await ort.InferenceSession.create(await unpacked("model"), options);
  return async (inputs) => {
    const feeds = {};
    for (const name of names) feeds[name] = new ort.Tensor("float32", ...inputs[name]);
    const results = await session.run(feeds);
    return results[session.outputNames[0]].data;
  };
}
