// Writes src/base/text_tables.cpp: what normalizers of tokenizers ask of characters, as small sorted arrays.
//
//   node scripts/make_text_tables.mjs > src/base/text_tables.cpp        (node 20.20 or later: Unicode 17)
//
// Hugging Face tokenizers 0.23 asks several libraries of several ages: graphemes and lower case are of Unicode 17, as in
// this engine; compatibility forms and "marks" of StripAccents are of Unicode 9; the categories of BertNormalizer are of
// Unicode 8. The lists below are the characters on which the ages differ, measured against it one by one.
const assert = (condition, message) => { if (!condition) throw new Error(message); };
assert(parseInt(process.versions.unicode) === 17, `Unicode 17 needed, this node has ${process.versions.unicode}`);

const ranges = (text) => text.split(/[\s,]+/).filter(Boolean).map((r) => r.split('-').map((x) => parseInt(x, 16)));
const contains = (list, c) => list.some(([low, high = low]) => c >= low && c <= high);

// Compatibility forms that came after Unicode 9.
const newerForms = ranges(`
  32ff,a7f1-a7f4,ab69,10781-10785,10787-107b0,107b2-107ba,1ccd6-1ccf9,1e030-1e06d,1f16c,1fbf0-1fbf9`);
// \p{M} today, not in Unicode 9.
const newerMarks = ranges(`
  7fd,897-89f,8ca-8d3,9fe,afa-aff,b55,c04,c3c,cf3,d00,d3b-d3c,d81,eba,ece,1715,180f,1abf-1add,1ae0-1aeb,1cf2-1cf3,
  1cf7,1df6-1dfa,a82c,a8ff,10d24-10d27,10d69-10d6d,10eab-10eac,10efa-10eff,10f46-10f50,10f82-10f85,11070,
  11073-11074,110c2,11145-11146,111c9,111ce-111cf,11241,1133b,113b8-113c0,113c2,113c5,113c7-113ca,113cc-113d0,113d2,
  113e1-113e2,1145e,1182c-1183a,11930-11935,11937-11938,1193b-1193e,11940,11942-11943,119d1-119d7,119da-119e0,119e4,
  11a01-11a0a,11a33-11a39,11a3b-11a3e,11a47,11a51-11a5b,11a8a-11a99,11b60-11b67,11d31-11d36,11d3a,11d3c-11d3d,
  11d3f-11d45,11d47,11d8a-11d8e,11d90-11d91,11d93-11d97,11ef3-11ef6,11f00-11f01,11f03,11f34-11f3a,11f3e-11f42,11f5a,
  13440,13447-13455,1611e-1612f,16f4f,16f7f-16f87,16fe4,16ff0-16ff1,1cf00-1cf2d,1cf30-1cf46,1e08f,1e130-1e136,1e2ae,
  1e2ec-1e2ef,1e4ec-1e4ef,1e5ee-1e5ef,1e6e3,1e6e6,1e6ee-1e6ef,1e6f5`);
// \p{Mn} today or then, not both.
const otherNonspacing = ranges(`
  7fd,897-89f,8ca-8e1,9fe,afa-aff,b55,c04,c3c,d00,d3b-d3c,d81,eba,ece,1734,180f,1885-1886,1abf-1add,1ae0-1aeb,
  1df6-1dfb,a82c,a8c5,a8ff,a9bd,10d24-10d27,10d69-10d6d,10eab-10eac,10efa-10eff,10f46-10f50,10f82-10f85,11070,
  11073-11074,110c2,111c9,111cf,1123e,11241,1133b,113bb-113c0,113ce,113d0,113d2,113e1-113e2,11438-1143f,11442-11444,
  11446,1145e,1171e,1182f-11837,11839-1183a,1193b-1193c,1193e,11943,119d4-119d7,119da-119db,119e0,11a01-11a0a,
  11a33-11a38,11a3b-11a3e,11a47,11a51-11a56,11a59-11a5b,11a8a-11a96,11a98-11a99,11b60,11b62-11b64,11b66,11c30-11c36,
  11c38-11c3d,11c3f,11c92-11ca7,11caa-11cb0,11cb2-11cb3,11cb5-11cb6,11d31-11d36,11d3a,11d3c-11d3d,11d3f-11d45,11d47,
  11d90-11d91,11d95,11d97,11ef3-11ef4,11f00-11f01,11f36-11f3a,11f40,11f42,11f5a,13440,13447-13455,1611e-16129,
  1612d-1612f,16f4f,16fe4,1cf00-1cf2d,1cf30-1cf46,1e000-1e006,1e008-1e018,1e01b-1e021,1e023-1e024,1e026-1e02a,1e08f,
  1e130-1e136,1e2ae,1e2ec-1e2ef,1e4ec-1e4ef,1e5ee-1e5ef,1e6e3,1e6e6,1e6ee-1e6ef,1e6f5,1e944-1e94a`);
// Cc, Cf and Co today, not in Unicode 8; and U+FFFD, which BertNormalizer removes with them.
const otherControls = ranges('890-891,8e2,fffd,110cd,13430-1343f');

const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
const isOne = (...codes) => [...segmenter.segment(String.fromCodePoint(...codes))].length === 1;
const isHangul = (c) => (c >= 0x1100 && c <= 0x11ff) || (c >= 0xa960 && c <= 0xa97c) || (c >= 0xac00 && c <= 0xd7fb);

// In the order of GraphemeClass.
const kClasses = ['other', 'cr', 'lf', 'control', 'extend', 'zwj', 'spacing', 'prepend', 'l', 'v', 't', 'lv', 'lvt',
  'regional', 'pictographic', 'linker'];

function hangulClass(c) {
  if (c >= 0xac00 && c <= 0xd7a3) return (c - 0xac00) % 28 === 0 ? 'lv' : 'lvt';
  if (isOne(c, 0xac00)) return 'l';
  if (isOne(0x1100, c) && isOne(c, 0x11a8)) return 'v';
  return isOne(0xac01, c) ? 't' : 'other';
}

function graphemeClass(c) {
  const s = String.fromCodePoint(c);
  if (c === 13) return 'cr';
  if (c === 10) return 'lf';
  if (c === 0x200d) return 'zwj';
  if (isHangul(c)) return hangulClass(c);
  if (/\p{Regional_Indicator}/u.test(s)) return 'regional';
  if (isOne(0x915, c, 0x915)) return 'linker';
  if (/\p{Grapheme_Extend}|\p{Emoji_Modifier}/u.test(s)) return 'extend';
  if (isOne(0x61, c)) return 'spacing';
  if (!isOne(c, 0x301)) return 'control';
  if (isOne(c, 0x61)) return 'prepend';
  return /\p{Extended_Pictographic}/u.test(s) ? 'pictographic' : 'other';
}

function properties(c) {
  if (c >= 0xd800 && c < 0xe000) return 3;
  const s = String.fromCodePoint(c);
  const mark = /\p{M}/u.test(s) !== contains(newerMarks, c);
  const nonspacing = /\p{Mn}/u.test(s) !== contains(otherNonspacing, c);
  const white = c === 9 || c === 10 || c === 13;
  const control = !white && (/\p{Cc}|\p{Cf}|\p{Co}/u.test(s) !== contains(otherControls, c));
  const consonant = isOne(c, 0x94d, 0x915);
  return kClasses.indexOf(graphemeClass(c)) | mark << 4 | nonspacing << 5 | control << 6 | consonant << 7;
}

function propertyRanges() {
  const out = [];
  let last = -1;
  for (let c = 0; c < 0x110000; ++c) {
    const p = properties(c);
    if (p !== last) out.push(c * 256 + p);
    last = p;
  }
  return out;
}

function lowerCases() {
  const out = [];
  for (let c = 0x80; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    const s = String.fromCodePoint(c);
    const parts = [...s.toLowerCase()].map((x) => x.codePointAt(0));
    assert(parts.length <= 2, 'a lower case of more than two');
    if (s.toLowerCase() !== s) out.push([c, ...parts]);
  }
  return out;
}

function compatibilityForms() {
  const out = [];
  for (let c = 0x80; c < 0x110000; ++c) {
    if ((c >= 0xd800 && c < 0xe000) || (c >= 0xac00 && c <= 0xd7a3) || contains(newerForms, c)) continue;
    const s = String.fromCodePoint(c);
    if (s.normalize('NFKD') !== s.normalize('NFD')) out.push([c, s.normalize('NFKD')]);
  }
  return out;
}

function rows(items, perLine) {
  const lines = [];
  for (let i = 0; i < items.length; i += perLine) lines.push(`    ${items.slice(i, i + perLine).join(', ')},`);
  return lines.join('\n');
}
const hex = (x) => `0x${x.toString(16)}`;
const escaped = (text) => [...Buffer.from(text)].map((b) => `\\${b.toString(8).padStart(3, '0')}`).join('');
function table(type, name, body) {
  return `std::span<const ${type}> ${name}() {
  static constexpr ${type} kTable[] = {
${body}
  };
  return kTable;
}
`;
}

console.log(`// Generated by scripts/make_text_tables.mjs: do not edit. Data of the Unicode Character Database, (c) Unicode, Inc.,
// Unicode License V3.
#include "base/text_tables.h"

// clang-format off
namespace llorch {

${table('std::uint32_t', 'text_property_ranges', rows(propertyRanges().map(hex), 10))}
${table('LowerCase', 'lower_cases', rows(lowerCases().map((r) => `{${r.map(hex).join(', ')}}`), 6))}
${table('CompatibilityForm', 'compatibility_forms',
        rows(compatibilityForms().map(([c, t]) => `{${hex(c)}, "${escaped(t)}"}`), 3))}
}  // namespace llorch`);
