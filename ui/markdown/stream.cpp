#include "ui/markdown/stream.h"

#include <algorithm>

namespace lemma::markdown {
namespace {

constexpr size_t kPieceBytes = 64 * 1024;
constexpr size_t kLazyBytes = 16 * 1024;

// Lines are whole: the newline at their end is there to be found.
std::string_view withoutIndent(std::string_view line) { return line.substr(line.find_first_not_of(" \t")); }

bool isBlank(std::string_view line) { return line.find_first_not_of(" \t\r\n") == line.npos; }

bool startsListItem(std::string_view line) {
  if (line[0] == '-' || line[0] == '*' || line[0] == '+') {
    return line[1] == ' ' || line[1] == '\t' || line[1] == '\n';
  }
  const size_t digits = line.find_first_not_of("0123456789");
  return digits > 0 && digits <= 9 && (line[digits] == '.' || line[digits] == ')');
}

bool isDefinition(std::string_view line) { return line.size() > 3 && line[0] == '[' && line.find("]:") != line.npos; }

// The last line may be the start of a mark ("-", "**", "``"): until it is clear it is not shown, so that a paragraph
// does not flash up as a heading because a list begins below it.
std::string_view withoutUnclearEnd(std::string_view text) {
  const size_t newline = text.rfind('\n');
  if (newline == text.npos) return text;
  const std::string_view last = text.substr(newline + 1);
  if (!last.empty() && last.size() < 8 && last.find_first_not_of("-=*_`~#>+|: \t") == last.npos) {
    return text.substr(0, newline + 1);
  }
  return text;
}

}  // namespace

// A border is the start of a line at the margin after a blank line, outside a fence and outside a list that this line
// could go on: nothing that follows it can change the blocks before it (link definitions aside, see finish()).
void Stream::advanceBorder() {
  while (true) {
    const size_t newline = source_.find('\n', scannedBytes_);
    if (newline == source_.npos) return;
    const std::string_view line = std::string_view(source_).substr(scannedBytes_, newline + 1 - scannedBytes_);
    const size_t begin = scannedBytes_;
    scannedBytes_ = newline + 1;
    const std::string_view bare = withoutIndent(line);

    if (fence_ != 0) {
      const size_t run = bare.find_first_not_of(fence_);
      if (run >= fenceLength_ && isBlank(bare.substr(run))) fence_ = 0;
      blankBefore_ = false;
      continue;
    }
    if (isBlank(line)) {
      blankBefore_ = true;
      continue;
    }
    const bool atMargin = line[0] != ' ' && line[0] != '\t';
    const bool item = startsListItem(bare);
    if (blankBefore_ && atMargin && !(openList_ && item)) {
      borders_.push_back(begin);
      openList_ = false;
    }
    if (item) openList_ = true;
    if (atMargin && isDefinition(line) && definitions_.size() < kMaxParseBytes / 4) definitions_ += line;
    if (bare[0] == '`' || bare[0] == '~') {
      const size_t run = bare.find_first_not_of(bare[0]);
      if (run >= 3 && (bare[0] == '~' || bare.find('`', run) == bare.npos)) {
        fence_ = bare[0];
        fenceLength_ = run;
      }
    }
    blankBefore_ = false;
  }
}

size_t Stream::replaceFrom(size_t keep, std::vector<Block> fresh) {
  size_t same = 0;
  while (same < fresh.size() && keep + same < blocks_.size() && blocks_[keep + same] == fresh[same]) ++same;
  const bool unchanged = same == fresh.size() && keep + same == blocks_.size();
  blocks_.resize(keep + same);
  std::move(fresh.begin() + ptrdiff_t(same), fresh.end(), std::back_inserter(blocks_));
  return unchanged ? blocks_.size() : keep + same;
}

// Parses source_ up to `end` for good.
size_t Stream::settle(size_t end) {
  const auto piece = std::string_view(source_).substr(settledBytes_, end - settledBytes_);
  const size_t changed = replaceFrom(settledBlocks_, parseWithDefinitions(piece));
  settledBytes_ = end;
  settledBlocks_ = blocks_.size();
  return changed;
}

std::vector<Block> Stream::parseWithDefinitions(std::string_view text) const {
  return definitions_.empty() ? parse(text) : parse(definitions_ + "\n" + std::string(text));
}

size_t Stream::append(std::string_view text) {
  if (text.empty()) return blocks_.size();
  source_ += text;
  advanceBorder();
  size_t changed = blocks_.size();
  // A long text that comes at once is settled in pieces, so that none is over the parser's limit without need.
  for (size_t i = 0; i < borders_.size(); ++i) {
    const bool last = i + 1 == borders_.size();
    if (last || borders_[i + 1] - settledBytes_ > kPieceBytes) changed = std::min(changed, settle(borders_[i]));
  }
  borders_.clear();
  // Whole blank lines behind which nothing is open: else a text of nothing but them would be parsed at each append.
  const size_t lines = std::max(scannedBytes_, settledBytes_) - settledBytes_;
  if (blocks_.size() == settledBlocks_ && isBlank(std::string_view(source_).substr(settledBytes_, lines))) {
    settledBytes_ += lines;
  }
  const std::string_view end = std::string_view(source_).substr(settledBytes_);
  // A long block is parsed again only when it has grown by an eighth, so that n bytes cost n log n and not n squared;
  // between, its text grows as it was written (which is what code does anyway).
  if (end.size() > kLazyBytes && parsedBytes_ >= settledBytes_ && source_.size() - parsedBytes_ < end.size() / 8 &&
      changed == blocks_.size() && blocks_.size() > settledBlocks_ &&
      (blocks_.back().kind == BlockKind::code || blocks_.back().kind == BlockKind::paragraph)) {
    blocks_.back().body.text += text;
    return blocks_.size() - 1;
  }
  parsedBytes_ = source_.size();
  const auto open = withoutUnclearEnd(end);
  return std::min(changed, replaceFrom(settledBlocks_, parseWithDefinitions(open)));
}

size_t Stream::finish() {
  if (source_.size() > kMaxParseBytes) return settle(source_.size());
  settledBlocks_ = 0;
  settledBytes_ = 0;
  definitions_.clear();
  return settle(source_.size());
}

}  // namespace lemma::markdown
