// Answers standard input as `llorch tokenize --jsonl` and `detokenize --jsonl` do, with Hugging Face tokenizers:
//   node hf.mjs TOKENIZER_JSON < lines        {"text"} or {"ids"} a line; {"error"} where it has no answer
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const { Tokenizer } = createRequire(join(process.cwd(), 'package.json'))('tokenizers');
const source = readFileSync(process.argv[2], 'utf8');
const tokenizer = Tokenizer.fromString(source);

// The binding cannot switch the parsing of special tokens off. Without those of the vocabulary, and with the others
// renamed to something no text contains, it does the same.
function withoutSpecials() {
  const json = JSON.parse(source);
  if (!json.added_tokens?.some((token) => token.special)) return tokenizer;
  const vocab = json.model.vocab;
  const known = new Set(Array.isArray(vocab) ? vocab.map(([text]) => text) : Object.keys(vocab));
  json.added_tokens = json.added_tokens.filter((token) => !token.special || !known.has(token.content));
  json.added_tokens.forEach((token, i) => { if (token.special) token.content = `\u{10fffe}${i}\u{10fffe}`; });
  return Tokenizer.fromString(JSON.stringify(json));
}
const plain = withoutSpecials();

async function answer(line) {
  if (line.ids) {
    return { decoded: await tokenizer.decode(line.ids, false), decoded_skip: await tokenizer.decode(line.ids, true) };
  }
  const ids = async (t, addSpecialTokens) => (await t.encode(line.text, null, { addSpecialTokens })).getIds();
  const parsed = await ids(tokenizer, false);
  const special = await ids(tokenizer, true);
  return {
    ids: parsed, ids_plain: await ids(plain, false), ids_special: special,
    decoded: await tokenizer.decode(parsed, false), decoded_skip: await tokenizer.decode(special, true),
  };
}

let out = [];
for await (const line of createInterface({ input: process.stdin })) {
  let result;
  try {
    result = await answer(JSON.parse(line));
  } catch (error) {
    result = { error: String(error.message) };
  }
  out.push(JSON.stringify(result));
  if (out.length === 1000) process.stdout.write(out.splice(0).join('\n') + '\n');
}
if (out.length > 0) process.stdout.write(out.join('\n') + '\n');
