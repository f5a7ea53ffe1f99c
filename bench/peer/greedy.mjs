// llama.cpp's greedy tokens: a JSON line {model, tokens, count, context} in, a line {ids} or {error} out. With `forced`, tokens
// that follow whatever llama.cpp likes best, `ids` is what it likes best before each of them. The KV cache is F32, nothing is
// offloaded, and the end of a text does not stop it.
import readline from 'node:readline';
import {getLlama, LlamaLogLevel} from 'node-llama-cpp';

const llama = await getLlama({gpu: false, build: 'never', maxThreads: 1, logLevel: LlamaLogLevel.error});

/**
 * What it likes best after the last of `tokens` and after each of `forced` but the last. One token at a time: with AMX,
 * llama.cpp's products of many rows are wrong for matrices of 32 and 64 columns.
 */
async function best(sequence, tokens, forced) {
  const ids = [];
  for (const id of [...tokens, ...forced.slice(0, -1)]) {
    const [answer] = await sequence.controlledEvaluate([[id, {generateNext: {token: true, options: {temperature: 0}}}]]);
    ids.push(answer.next.token);
  }
  return ids.slice(tokens.length - 1);
}

async function greedy({model: path, tokens, count, context: contextSize, forced}) {
  const model = await llama.loadModel({modelPath: path, gpuLayers: 0});
  try {
    const context = await model.createContext({
      contextSize, sequences: 1, flashAttention: false, experimentalKvCacheKeyType: 'F32', experimentalKvCacheValueType: 'F32',
    });
    if (forced !== undefined) {
      return {ids: await best(context.getSequence(), tokens, forced)};
    }
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
