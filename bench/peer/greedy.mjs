// llama.cpp's greedy tokens: a JSON line {model, tokens, count, context} in, a line {ids} or {error} out. The KV cache is
// F32, nothing is offloaded, and the end of a text does not stop it.
import readline from 'node:readline';
import {getLlama, LlamaLogLevel} from 'node-llama-cpp';

const llama = await getLlama({gpu: false, build: 'never', maxThreads: 1, logLevel: LlamaLogLevel.error});

async function greedy({model: path, tokens, count, context: contextSize}) {
  const model = await llama.loadModel({modelPath: path, gpuLayers: 0});
  try {
    const context = await model.createContext({
      contextSize, sequences: 1, flashAttention: false, experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32',
    });
    const ids = [];
    for await (const id of context.getSequence().evaluate(tokens, {temperature: 0, yieldEogToken: true})) {
      ids.push(id);
      if (ids.length === count) {
        break;
      }
    }
    return {ids};
  } finally {
    await model.dispose();
  }
}

for await (const line of readline.createInterface({input: process.stdin})) {
  let answer;
  try {
    answer = await greedy(JSON.parse(line));
  } catch (error) {
    answer = {error: String(error?.message ?? error)};
  }
  process.stdout.write(JSON.stringify(answer) + '\n');
}
process.exit(0);
