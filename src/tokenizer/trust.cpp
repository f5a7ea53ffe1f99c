// Trust through a normalizer. A step is run over the whole text, and over every stretch of one origin alone: where both
// agree, the stretches say whose the bytes are. Around a border where they do not (marks that compose with the letter
// before them), the few characters beside it are taken as one untrusted unit.
#include "tokenizer/trust.h"

#include <algorithm>

#include "base/utf8.h"

namespace llorch {
namespace {

struct Stretch {
  std::size_t end;
  bool trusted;
};

/// All of a text of `size` bytes, cut where the trust changes.
std::vector<Stretch> stretches_of(const Trust& trust, std::size_t size) {
  std::vector<Stretch> stretches;
  std::size_t at = 0;
  for (const Trust::Range& range : trust.ranges()) {
    if (range.begin > at) {
      stretches.push_back({range.begin, false});
    }
    stretches.push_back({range.end, true});
    at = range.end;
  }
  if (at < size) {
    stretches.push_back({size, false});
  }
  return stretches;
}

constexpr std::size_t kWindow = 64;  // bytes beside a border that may act on each other

bool is_ascii_at(std::string_view text, std::size_t at) {
  return at < text.size() && static_cast<unsigned char>(text[at]) < 0x80;
}

/// Beginnings of the ASCII characters around `at`, no further than kWindow bytes: nothing reaches across them.
std::size_t window_begin(std::string_view text, std::size_t at) {
  const std::size_t limit = at > kWindow ? at - kWindow : 0;
  std::size_t begin = at;
  do {
    begin -= begin > limit ? 1 : 0;
  } while (begin > limit && !is_ascii_at(text, begin));
  while (begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80) {
    --begin;
  }
  return begin;
}
std::size_t window_end(std::string_view text, std::size_t at) {
  const std::size_t limit = std::min(text.size(), at + kWindow);
  std::size_t end = at;
  while (end < limit && !is_ascii_at(text, end)) {
    ++end;
  }
  while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
    ++end;
  }
  return end;
}

/// Any step that maps characters one by one or in small groups.
std::string run_local(const NormalizeStep& step, const std::string& text, Trust& trust) {
  const std::vector<NormalizeStep> steps = {step};
  const auto run = [&](std::size_t begin, std::size_t end) {
    return normalize(steps, std::string_view(text).substr(begin, end - begin));
  };
  // Stretches whose borders the step respects.
  std::vector<Stretch> units;
  std::size_t done = 0;
  const auto push = [&](std::size_t end, bool trusted) {
    if (end > done) {
      units.push_back({end, trusted});
      done = end;
    }
  };
  const std::vector<Stretch> stretches = stretches_of(trust, text.size());
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    const std::size_t border = stretches[i].end;
    if (i + 1 < stretches.size()) {
      const std::size_t begin = window_begin(text, border);
      const std::size_t end = window_end(text, border);
      if (run(begin, border) + run(border, end) != run(begin, end)) {
        push(begin, stretches[i].trusted);
        push(end, false);
        continue;
      }
    }
    push(border, stretches[i].trusted);
  }
  std::string joined;
  Trust carried;
  std::size_t begin = 0;
  for (const Stretch& unit : units) {
    const std::size_t from = joined.size();
    joined += run(begin, unit.end);
    if (unit.trusted) {
      carried.add(from, joined.size());
    }
    begin = unit.end;
  }
  std::string whole = run(0, text.size());
  trust = joined == whole ? std::move(carried) : Trust();
  return whole;
}

std::string run_step(const PrependStep& step, const std::string& text, Trust& trust) {
  if (text.empty()) {
    return text;
  }
  Trust carried;
  if (trust.covers(0, 1)) {
    carried.add(0, step.text.size());  // it is seen together with what follows, and of its origin
  }
  for (const Trust::Range& range : trust.ranges()) {
    carried.add(range.begin + step.text.size(), range.end + step.text.size());
  }
  trust = std::move(carried);
  return step.text + text;
}

std::string run_step(const ReplaceStep& step, const std::string& text, Trust& trust) {
  std::string out;
  Trust carried;
  std::size_t done = 0;
  const auto keep = [&](std::size_t end) {
    const Trust part = trust.part(done, end);
    for (const Trust::Range& range : part.ranges()) {
      carried.add(out.size() + range.begin, out.size() + range.end);
    }
    out.append(text, done, end - done);
    done = end;
  };
  for_each_match(step, text, [&](std::size_t begin, std::size_t end) {
    keep(begin);
    // What is put between two characters is of their origin.
    const std::size_t from = begin < end || begin == 0 ? begin : begin - 1;
    const std::size_t to = begin < end || end == text.size() ? end : end + 1;
    if (trust.covers(from, to)) {
      carried.add(out.size(), out.size() + step.to.size());
    }
    out += step.to;
    done = end;
  });
  keep(text.size());
  trust = std::move(carried);
  return out;
}

/// What is left of the text was there before: its place says its origin.
std::string run_step(const StripStep& step, const std::string& text, Trust& trust) {
  const std::string out = normalize({step}, text);
  const std::size_t begin = step.left ? text.size() - normalize({StripStep{true, false}}, text).size() : 0;
  trust = trust.part(begin, begin + out.size());
  return out;
}

template <class Step>
std::string run_step(const Step& step, const std::string& text, Trust& trust) {
  return run_local(step, text, trust);
}

}  // namespace

void Trust::add(std::size_t begin, std::size_t end) {
  if (begin >= end) {
    return;
  }
  if (!ranges_.empty() && ranges_.back().end == begin) {
    ranges_.back().end = end;
  } else {
    ranges_.push_back({begin, end});
  }
}

bool Trust::covers(std::size_t begin, std::size_t end) const {
  const auto after = std::upper_bound(ranges_.begin(), ranges_.end(), begin,
                                      [](std::size_t at, const Range& range) { return at < range.begin; });
  return after != ranges_.begin() && end <= (after - 1)->end;
}

Trust Trust::part(std::size_t begin, std::size_t end) const {
  Trust part;
  auto range = std::lower_bound(ranges_.begin(), ranges_.end(), begin,
                                [](const Range& r, std::size_t at) { return r.end <= at; });
  for (; range != ranges_.end() && range->begin < end; ++range) {
    part.add(std::max(range->begin, begin) - begin, std::min(range->end, end) - begin);
  }
  return part;
}

std::string join_segments(std::span<const TextSegment> segments, Trust& trust) {
  std::string text;
  for (const TextSegment& segment : segments) {
    const std::size_t begin = text.size();
    if (is_utf8(segment.text)) {
      text += segment.text;
    } else {
      text += repair_utf8(segment.text);
    }
    if (segment.trusted) {
      trust.add(begin, text.size());
    }
  }
  return text;
}

std::string normalize(const std::vector<NormalizeStep>& steps, std::string_view text, Trust& trust) {
  std::string out(text);
  if (trust.covers(0, text.size())) {
    out = normalize(steps, text);
    trust = Trust();
    trust.add(0, out.size());
    return out;
  }
  for (const NormalizeStep& step : steps) {
    out = std::visit([&](const auto& known) { return run_step(known, out, trust); }, step);
  }
  return out;
}

}  // namespace llorch
