// This tokenizer and Hugging Face's (npm `tokenizers`, the Rust library) on the same texts, turn and turn about in one
// run: a Markdown table of medians. One document at a time, so one thread works.
//
//   ninja -C build/release tokenizer_bench
//   NODE_PATH=DIR/node_modules node bench/tokenizers.mjs build/release/bin/tokenizer_bench TEXT... -- TOKENIZER.json...
//
// NODE_PATH names a folder where `npm install tokenizers@0.23.2` was run. TEXT files are cut into documents of 8 KB, at
// most 2 MB in all. Encoding with the library makes an Encoding (ids, offsets, masks): it has no call that makes less.
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';

const { Tokenizer } = createRequire(import.meta.url)('tokenizers');
const [program, ...rest] = process.argv.slice(2);
const texts = rest.slice(0, rest.indexOf('--'));
const files = rest.slice(rest.indexOf('--') + 1);
const kRounds = 5;

const seconds = () => Number(process.hrtime.bigint()) / 1e9;
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

function documents() {
  const all = texts.map((file) => fs.readFileSync(file, 'utf8')).join('\n').slice(0, 2 << 20);
  const out = [];
  for (let at = 0; at < all.length; at += 8192) out.push(all.slice(at, at + 8192).toWellFormed());
  return out;
}

async function theirRound(file, docs) {
  const start = seconds();
  const tokenizer = Tokenizer.fromFile(file);
  const load_ms = (seconds() - start) * 1000;
  const times = { encode: [], decode: [] };
  for (let pass = 0; pass < 2; ++pass) {
    const encodings = [];
    const encodeStart = seconds();
    for (const text of docs) encodings.push(await tokenizer.encode(text, null, { addSpecialTokens: false }));
    times.encode.push(seconds() - encodeStart);
    const ids = encodings.map((encoding) => encoding.getIds());
    const decodeStart = seconds();
    for (const some of ids) await tokenizer.decode(some, false);
    times.decode.push(seconds() - decodeStart);
    times.tokens = ids.reduce((sum, some) => sum + some.length, 0);
  }
  return { load_ms, encode_s: times.encode, decode_s: times.decode, tokens: times.tokens };
}

function ourRound(file, list) {
  const run = spawnSync(program, [file, list, '2'], { encoding: 'utf8' });
  if (run.status !== 0) throw new Error(run.stderr);
  return JSON.parse(run.stdout);
}

const docs = documents();
const list = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'tokenizers-')), 'documents.jsonl');
fs.writeFileSync(list, docs.map((text) => JSON.stringify(text)).join('\n') + '\n');
const megabytes = docs.reduce((sum, text) => sum + Buffer.byteLength(text), 0) / 1e6;
console.log(`${docs.length} documents, ${megabytes.toFixed(2)} MB; medians of ${kRounds} rounds, the second pass of each\n`);
console.log('| tokenizer.json | load ms | theirs | encode MB/s | theirs | ratio | decode MB/s | theirs | ratio | tokens |');
console.log('|---|---|---|---|---|---|---|---|---|---|');
for (const file of files) {
  const ours = [];
  const theirs = [];
  for (let round = 0; round < kRounds; ++round) {
    ours.push(ourRound(file, list));
    theirs.push(await theirRound(file, docs));
  }
  const speed = (rounds, key) => megabytes / median(rounds.map((round) => round[key][1]));
  const load = (rounds) => median(rounds.map((round) => round.load_ms)).toFixed(0);
  const pair = (key) => {
    const [a, b] = [speed(ours, key), speed(theirs, key)];
    return `${a.toFixed(1)} | ${b.toFixed(1)} | ${(a / b).toFixed(1)}`;
  };
  const same = ours[0].tokens === theirs[0].tokens ? ours[0].tokens : `${ours[0].tokens} ≠ ${theirs[0].tokens}`;
  console.log(`| ${path.basename(path.dirname(file))} | ${load(ours)} | ${load(theirs)} | ${pair('encode_s')} | ` +
    `${pair('decode_s')} | ${same} |`);
}
fs.rmSync(path.dirname(list), { recursive: true });
