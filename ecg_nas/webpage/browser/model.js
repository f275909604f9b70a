// The bundle's model on onnxruntime-web, both inside this page.

/** Return the bytes of a packed block of the page: gzip in base64. */
async function unpacked(id) {
  const block = document.getElementById(id);
  const packed = Uint8Array.from(atob(block.textContent.trim()), (one) => one.charCodeAt(0));
  block.remove(); // its text is megabytes long
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Refuse what are no probabilities of the classes, a row a beat: NaN would pass for a class. */
function refuseImprobable({ data, dims, type }, beats, { classes, slack }) {
  let right = type === "float32" && dims.length === 2 && dims[0] === beats
    && dims[1] === classes.length && data.length === beats * classes.length;
  for (let row = 0; right && row < beats; row += 1) {
    let sum = 0;
    for (let k = row * classes.length; k < (row + 1) * classes.length; k += 1) {
      right &&= data[k] >= -slack && data[k] <= 1 + slack; // NaN fails both
      sum += data[k];
    }
    right &&= Math.abs(sum - 1) <= slack;
  }
  if (!right) {
    throw new Error("the model of this page must give probabilities from 0 to 1 that sum to 1 over "
      + "the classes; it gives others: use another page");
  }
}

/** Load the model; return what runs one batch: inputs {name: [values, shape]} → probabilities. */
export async function loadModel(rules) {
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
    for (const name of rules.inputs) feeds[name] = new ort.Tensor("float32", ...inputs[name]);
    const results = await session.run(feeds);
    const output = results[session.outputNames[0]];
    refuseImprobable(output, inputs[rules.inputs[0]][1][0], rules);
    return output.data;
  };
}
