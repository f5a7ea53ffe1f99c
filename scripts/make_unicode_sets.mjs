// Writes src/base/unicode_sets.cpp: scripts, binary properties and pairs of letters that differ in case only, for \p{...}
// and (?i) in regular expressions.
//
//   node scripts/make_unicode_sets.mjs > src/base/unicode_sets.cpp        (node 20.20 or later: Unicode 17)
//
// Hugging Face tokenizers 0.23 matches by Oniguruma with Unicode 16: what Unicode 17 assigned is left out, and where
// Oniguruma was measured to differ (kMore), it is followed.
import { contains, newer16 } from './make_unicode_tables.mjs';

const kScripts = `Adlam=Adlm Aghb=Caucasian_Albanian Ahom Arab=Arabic Armi=Imperial_Aramaic Armn=Armenian Avst=Avestan Bali=Balinese Bamu=Bamum
  Bass=Bassa_Vah Batk=Batak Beng=Bengali Bhks=Bhaiksuki Bopo=Bopomofo Brah=Brahmi Brai=Braille Bugi=Buginese Buhd=Buhid
  Cakm=Chakma Cans=Canadian_Aboriginal Cari=Carian Cham Cher=Cherokee Chrs=Chorasmian Copt=Coptic Cpmn=Cypro_Minoan
  Cprt=Cypriot Cyrl=Cyrillic Deva=Devanagari Diak=Dives_Akuru Dogr=Dogra Dsrt=Deseret Dupl=Duployan
  Egyp=Egyptian_Hieroglyphs Elba=Elbasan Elym=Elymaic Ethi=Ethiopic Gara=Garay Geor=Georgian Glag=Glagolitic
  Gong=Gunjala_Gondi Gonm=Masaram_Gondi Goth=Gothic Gran=Grantha Grek=Greek Gujr=Gujarati Gukh=Gurung_Khema
  Guru=Gurmukhi Hang=Hangul Hani=Han Hano=Hanunoo Hatr=Hatran Hebr=Hebrew Hira=Hiragana Hluw=Anatolian_Hieroglyphs
  Hmng=Pahawh_Hmong Hmnp=Nyiakeng_Puachue_Hmong Hung=Old_Hungarian Ital=Old_Italic Java=Javanese Kali=Kayah_Li
  Kana=Katakana Kawi Khar=Kharoshthi Khmr=Khmer Khoj=Khojki Kits=Khitan_Small_Script Knda=Kannada Krai=Kirat_Rai
  Kthi=Kaithi Lana=Tai_Tham Laoo=Lao Latn=Latin Lepc=Lepcha Limb=Limbu Lina=Linear_A Linb=Linear_B Lisu Lyci=Lycian
  Lydi=Lydian Mahj=Mahajani Maka=Makasar Mand=Mandaic Mani=Manichaean Marc=Marchen Medf=Medefaidrin
  Mend=Mende_Kikakui Merc=Meroitic_Cursive Mero=Meroitic_Hieroglyphs Mlym=Malayalam Modi Mong=Mongolian Mroo=Mro
  Mtei=Meetei_Mayek Mult=Multani Mymr=Myanmar Nagm=Nag_Mundari Nand=Nandinagari Narb=Old_North_Arabian Nbat=Nabataean
  Newa Nkoo=Nko Nshu=Nushu Ogam=Ogham Olck=Ol_Chiki Onao=Ol_Onal Orkh=Old_Turkic Orya=Oriya Osge=Osage Osma=Osmanya
  Ougr=Old_Uyghur Palm=Palmyrene Pauc=Pau_Cin_Hau Perm=Old_Permic Phag=Phags_Pa Phli=Inscriptional_Pahlavi
  Phlp=Psalter_Pahlavi Phnx=Phoenician Plrd=Miao Prti=Inscriptional_Parthian Rjng=Rejang Rohg=Hanifi_Rohingya Runr=Runic
  Samr=Samaritan Sarb=Old_South_Arabian Saur=Saurashtra Sgnw=SignWriting Shaw=Shavian Shrd=Sharada Sidd=Siddham
  Sind=Khudawadi Sinh=Sinhala Sogd=Sogdian Sogo=Old_Sogdian Sora=Sora_Sompeng Soyo=Soyombo Sund=Sundanese Sunu=Sunuwar
  Sylo=Syloti_Nagri Syrc=Syriac Tagb=Tagbanwa Takr=Takri Tale=Tai_Le Talu=New_Tai_Lue Taml=Tamil Tang=Tangut
  Tavt=Tai_Viet Telu=Telugu Tfng=Tifinagh Tglg=Tagalog Thaa=Thaana Thai Tibt=Tibetan Tirh=Tirhuta Tnsa=Tangsa Todr=Todhri
  Toto Tutg=Tulu_Tigalari Ugar=Ugaritic Vaii=Vai Vith=Vithkuqi Wara=Warang_Citi Wcho=Wancho Xpeo=Old_Persian
  Xsux=Cuneiform Yezi=Yezidi Yiii=Yi Zanb=Zanabazar_Square Zinh=Inherited Zyyy=Common`.split(/\s+/);
const kProperties = `Alphabetic=Alpha Lowercase=Lower Uppercase=Upper Cased Case_Ignorable=CI Dash Default_Ignorable_Code_Point=DI
  Emoji Emoji_Component=EComp Emoji_Modifier=EMod Emoji_Modifier_Base=EBase Emoji_Presentation=EPres Extender=Ext
  Hex_Digit=Hex ASCII_Hex_Digit=AHex ID_Start=IDS ID_Continue=IDC Ideographic=Ideo Join_Control=Join_C Math
  Quotation_Mark=QMark Regional_Indicator=RI Terminal_Punctuation=Term Unified_Ideograph=UIdeo Variation_Selector=VS
  White_Space=space XID_Start=XIDS XID_Continue=XIDC`.split(/\s+/);
// Code points that Oniguruma's tables have and this node's lack.
const kMore = { Lowercase: [0x295] };

let all = '';
for (let c = 0; c < 0x110000; ++c) {
  if ((c < 0xd800 || c >= 0xe000) && !contains(newer16, c)) all += String.fromCodePoint(c);
}

function rangesOf(expression, more = []) {
  const out = [];
  for (const [run] of all.matchAll(new RegExp(`[${expression}${String.fromCodePoint(...more)}]+`, 'gu'))) {
    for (const s of run) {
      const c = s.codePointAt(0);
      const last = out[out.length - 1];
      if (last && last[1] + 1 === c) last[1] = c;
      else out.push([c, c]);
    }
  }
  return out;
}

// [a, b] for every two characters that are equal when case is ignored, both ways.
function casePairs() {
  const moving = [];
  for (let c = 0; c < 0x20000; ++c) {
    if ((c >= 0xd800 && c < 0xe000) || contains(newer16, c)) continue;
    const s = String.fromCodePoint(c);
    if (s.toLowerCase() !== s || s.toUpperCase() !== s) moving.push(s);
  }
  const candidates = moving.join('');
  const out = [];
  for (const s of moving) {
    for (const [other] of candidates.matchAll(new RegExp(`\\u{${s.codePointAt(0).toString(16)}}`, 'giu'))) {
      if (other !== s) out.push([s.codePointAt(0), other.codePointAt(0)]);
    }
  }
  return out;
}

const hex = (x) => `0x${x.toString(16)}`;
function rows(items, perLine) {
  const lines = [];
  for (let i = 0; i < items.length; i += perLine) lines.push(`    ${items.slice(i, i + perLine).join(', ')},`);
  return lines.join('\n');
}

const sets = [];
const names = [];
function addSet(alternatives, expression) {
  const ranges = rangesOf(expression(alternatives[0]), kMore[alternatives[0]]);
  for (const name of alternatives) {
    names.push(`{"${name.toLowerCase().replace(/[_ -]/g, '')}", ${sets.length}, ${ranges.length}}`);
  }
  sets.push(...ranges.map((range) => `{${range.map(hex).join(', ')}}`));
}
for (const script of kScripts) addSet(script.split('='), (name) => `\\p{Script=${name}}`);
for (const property of kProperties) addSet(property.split('='), (name) => `\\p{${name}}`);

console.log(`// Generated by scripts/make_unicode_sets.mjs: do not edit. Data of the Unicode Character Database (Unicode 16), (c)
// Unicode, Inc., Unicode License V3.
#include "base/unicode_sets.h"

// clang-format off
namespace llorch {

std::span<const CodeRange> unicode_set_ranges() {
  static constexpr CodeRange kTable[] = {
${rows(sets, 7)}
  };
  return kTable;
}

std::span<const UnicodeSet> unicode_sets() {
  static constexpr UnicodeSet kTable[] = {
${rows(names, 3)}
  };
  return kTable;
}

std::span<const CasePair> case_pairs() {
  static constexpr CasePair kTable[] = {
${rows(casePairs().map((pair) => `{${pair.map(hex).join(', ')}}`), 7)}
  };
  return kTable;
}

}  // namespace llorch`);
