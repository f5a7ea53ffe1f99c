// llama.cpp's speed: a JSON line {model, prompt, decode, threads, dir} on the command line, {prefill_per_sec, decode_per_sec,
// threads} out. The model and the context are made first and warmed up, as `llorch bench` does it; the KV cache is F16.
import path from 'node:path';
import {pathToFileURL} from 'node:url';

const {model: modelPath, prompt, decode, threads, dir} = JSON.parse(process.argv[2]);
const {getLlama, LlamaLogLevel} = await import(pathToFileURL(path.join(dir, 'node_modules/node-llama-cpp/dist/index.js')).href);

const llama = await getLlama({gpu: false, build: 'never', maxThreads: threads, logLevel: LlamaLogLevel.error});
const model = await llama.loadModel({modelPath, gpuLayers: 0});
const context = await model.createContext({
  contextSize: prompt + decode + 64, batchSize: 512, sequences: 1, threads: {ideal: threads, min: threads},
});
const sequence = context.getSequence();
let state = 1;
const token = () => {
  state = (state * 1103515245 + 12345) % 2147483648;
  return 2 + (state % 250);  // ids that every vocabulary has
};
const tokens = (n) => Array.from({length: n}, token);

/** Seconds of a prompt of n tokens, without its logits, and of `count` greedy tokens after it. */
async function run(n, count) {
  await sequence.clearHistory();
  const begin = process.hrtime.bigint();
  await sequence.evaluateWithoutGeneratingNewTokens(tokens(n));
  const middle = process.hrtime.bigint();
  let done = 0;
  for await (const id of sequence.evaluate([token()], {temperature: 0, yieldEogToken: true})) {
    if (++done === count) {
      break;
    }
  }
  const end = process.hrtime.bigint();
  return {prefill: Number(middle - begin) / 1e9, decode: Number(end - middle) / 1e9};
}

await run(Math.min(prompt, 512), 2);
const {prefill, decode: seconds} = await run(prompt, decode);
console.log(JSON.stringify({prefill_per_sec: prompt / prefill, decode_per_sec: decode / seconds, threads: context.currentThreads}));
process.exit(0);
