// Writes src/base/unicode_tables.cpp: general categories and canonical normalisation data, as small sorted arrays.
//
//   node scripts/make_unicode_tables.mjs > src/base/unicode_tables.cpp        (node 20.20 or later: Unicode 17)
//
// Ids must equal those of Hugging Face tokenizers 0.23, which classifies letters by Unicode 16 and normalises by
// Unicode 9. The lists below take away what later versions of Unicode added. Everything else is asked of the
// JavaScript engine: \p{...} for categories, String.normalize for decompositions, compositions and the order of marks.
import { fileURLToPath } from 'node:url';

const assert = (condition, message) => { if (!condition) throw new Error(message); };
assert(parseInt(process.versions.unicode) === 17, `Unicode 17 needed, this node has ${process.versions.unicode}`);

const ranges = (text) => text.split(/[\s,]+/).filter(Boolean).map((r) => r.split('-').map((x) => parseInt(x, 16)));
export const contains = (list, c) => list.some(([low, high = low]) => c >= low && c <= high);

// Assigned by Unicode 17.
export const newer16 = ranges(`88f,c5c,cdc,1acf-1add,1ae0-1aeb,20c1,2b96,a7ce-a7cf,a7d2,a7d4,a7f1,fbc3-fbd2,fd90-fd91,
  fdc8-fdce,10940-10959,10ec5-10ec7,10ed0-10ed8,10efa-10efb,11b60-11b67,11db0-11ddb,11de0-11de9,16ea0-16eb8,
  16ebb-16ed3,16ff2-16ff6,187f8-187ff,18d09-18d1e,18d80-18df2,1ccfa-1ccfc,1ceba-1ced0,1cee0-1cef0,1e6c0-1e6de,
  1e6e0-1e6f5,1e6fe-1e6ff,1f6d8,1f777-1f77a,1f8d0-1f8d8,1fa54-1fa57,1fa8a,1fa8e,1fac8,1facd,1faea,1faef,1fbfa,
  2b73a-2b73f,2cea2-2cead,323b0-33479`);
// Marks and composed characters assigned after Unicode 9: without a combining class or a decomposition there.
const newer9 = ranges(`7fd,897-89f,8ca-8d3,9fe,c3c,d3b-d3c,eba,1715,1abf-1add,1ae0-1aeb,1df6-1dfa,a82c,105c9,105e4,
  10d24-10d27,10d69-10d6d,10eab-10eac,10efa-10efb,10efd-10eff,10f46-10f50,10f82-10f85,11070,1133b,11383,11385,1138e,
  11391,113c5,113c7-113c8,113ce-113d0,1145e,11839-1183a,11938,1193d-1193e,11943,119e0,11a34,11a47,11a99,11d42,
  11d44-11d45,11d97,11f41-11f42,16121-16128,1612f,16d68-16d6a,16ff0-16ff1,1e08f,1e130-1e136,1e2ae,1e2ec-1e2ef,
  1e4ec-1e4ef,1e5ee-1e5ef,1e6e3,1e6e6,1e6ee-1e6ef,1e6f5`);

const kCategories = ['Cn', 'Lu', 'Ll', 'Lt', 'Lm', 'Lo', 'Mn', 'Mc', 'Me', 'Nd', 'Nl', 'No', 'Pc', 'Pd', 'Ps', 'Pe',
  'Pi', 'Pf', 'Po', 'Sm', 'Sc', 'Sk', 'So', 'Zs', 'Zl', 'Zp', 'Cc', 'Cf', 'Cs', 'Co'];
const kTests = kCategories.map((name) => new RegExp(`^\\p{${name}}$`, 'u'));

function category(c) {
  if (c >= 0xd800 && c < 0xe000) return kCategories.indexOf('Cs');
  if (contains(newer16, c)) return 0;
  if (c === 0x295) return kCategories.indexOf('Ll');  // Lo since Unicode 17
  const s = String.fromCodePoint(c);
  return kTests.findIndex((test) => test.test(s));
}

// [first code point << 8 | category], one entry wherever the category changes.
function categoryRanges() {
  const out = [];
  let last = -1;
  for (let c = 0; c < 0x110000; ++c) {
    const k = category(c);
    if (k !== last) out.push(c * 256 + k);
    last = k;
  }
  return out;
}

const isHangulSyllable = (c) => c >= 0xac00 && c <= 0xd7a3;
const codePoints = (s) => [...s].map((x) => x.codePointAt(0));

function normalisation() {
  const decompositions = [];  // code point, up to 4 code points of the full decomposition, 0 ends
  const compositions = [];    // first, second, composed
  const marks = [];
  for (let c = 0; c < 0x110000; ++c) {
    if ((c >= 0xd800 && c < 0xe000) || isHangulSyllable(c) || contains(newer9, c)) continue;
    const s = String.fromCodePoint(c);
    const parts = codePoints(s.normalize('NFD'));
    if (parts.length > 1 || parts[0] !== c) {
      assert(parts.length <= 4, 'a decomposition of more than four');
      decompositions.push([c, ...parts, 0, 0, 0, 0].slice(0, 5));
      // The last step of composing c joins all but the last character, composed, with the last.
      const head = String.fromCodePoint(...parts.slice(0, -1)).normalize('NFC');
      const pair = [...codePoints(head), parts[parts.length - 1]];
      if (parts.length > 1 && s.normalize('NFC') === s) {
        assert(pair.length === 2, 'a composition of more than a pair');
        compositions.push([...pair, c]);
      }
    } else if (/\p{M}/u.test(s) && isMark(s)) {
      marks.push(c);
    }
  }
  return { decompositions, compositions, classes: combiningClasses(marks) };
}

// The classes themselves are hidden, their order is not: marks of a lower class go first in NFD.
const swapped = (x, y) => (x + y).normalize('NFD') !== x + y;
// U+0334 has class 1, U+0345 has 240; nothing with class 0 ever moves past either.
function isMark(s) { return swapped(s, '\u0334') || swapped('\u0345', s); }
function combiningClasses(marks) {
  const text = (c) => String.fromCodePoint(c);
  const order = (a, b) => (swapped(text(a), text(b)) ? 1 : swapped(text(b), text(a)) ? -1 : 0);
  const sorted = [...marks].sort((a, b) => order(a, b) || a - b);
  let rank = 0;
  return sorted.map((c, i) => {
    if (i === 0 || order(sorted[i - 1], c) !== 0) ++rank;
    return [c, rank];
  }).sort((a, b) => a[0] - b[0]);
}

function rows(items, perLine) {
  const lines = [];
  for (let i = 0; i < items.length; i += perLine) lines.push(`    ${items.slice(i, i + perLine).join(', ')},`);
  return lines.join('\n');
}
const hex = (x) => `0x${x.toString(16)}`;
const braces = (row) => `{${row.map(hex).join(', ')}}`;

// make_unicode_sets.mjs takes the lists above alone.
if (process.argv[1] === fileURLToPath(import.meta.url)) main();

function main() {
const { decompositions, compositions, classes } = normalisation();
compositions.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
// Runs of marks of one class: first << 16 | length << 8 | rank.
const runs = [];
for (const [c, rank] of classes) {
  const last = runs[runs.length - 1];
  if (last && last[0] + last[1] === c && last[2] === rank && last[1] < 255) ++last[1];
  else runs.push([c, 1, rank]);
}
function table(type, name, body) {
  return `std::span<const ${type}> ${name}() {
  static constexpr ${type} kTable[] = {
${body}
  };
  return kTable;
}
`;
}

console.log(`// Generated by scripts/make_unicode_tables.mjs: do not edit. Data of the Unicode Character Database (categories of
// Unicode 16, canonical normalisation of Unicode 9, as Hugging Face tokenizers has them), (c) Unicode, Inc.,
// Unicode License V3.
#include "base/unicode_tables.h"

// clang-format off
namespace llorch {

${table('std::uint32_t', 'category_ranges', rows(categoryRanges().map(hex), 10))}
${table('MarkRun', 'mark_runs', rows(runs.map(braces), 5))}
${table('Decomposition', 'decompositions',
        rows(decompositions.map(([c, ...p]) => `{${hex(c)}, ${braces(p.filter((x) => x))}}`), 3))}
${table('Composition', 'compositions', rows(compositions.map(braces), 4))}
}  // namespace llorch`);
}
