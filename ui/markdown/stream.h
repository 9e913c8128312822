// Blocks of a text that is still being written: only what follows the last safe border is parsed again.
// Owner: one stream per answer, any one thread. No Qt. finish() gives exactly what parse() gives for the whole text;
// a text over kMaxParseBytes is parsed in pieces between safe borders instead.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ui/markdown/blocks.h"

namespace lemma::markdown {

class Stream {
 public:
  // Adds text (whole code points). Returns the index of the first block that is new or different; blocks before it
  // are untouched. Equal to blocks().size() when nothing that can be seen changed.
  size_t append(std::string_view text);

  // The text is complete: parsed once more as a whole, because a late link definition may reach back. Same return.
  // Nothing may be appended afterwards.
  size_t finish();

  const std::vector<Block>& blocks() const { return blocks_; }
  const std::string& source() const { return source_; }

 private:
  void advanceBorder();
  size_t settle(size_t end);
  std::vector<Block> parseWithDefinitions(std::string_view text) const;
  size_t replaceFrom(size_t keep, std::vector<Block> fresh);

  std::string source_;
  std::vector<Block> blocks_;
  size_t settledBytes_ = 0;      // source_ before this is parsed for good
  size_t settledBlocks_ = 0;     // its blocks
  size_t parsedBytes_ = 0;       // source_ up to here was seen by the parser
  size_t scannedBytes_ = 0;      // whole lines before this were looked at
  std::vector<size_t> borders_;  // found by the last scan, not yet settled
  std::string definitions_;      // link definitions seen, given to every later parse
  char fence_ = 0;               // the open fence's character, 0 outside
  size_t fenceLength_ = 0;
  bool blankBefore_ = false;  // the last scanned line was blank
  bool openList_ = false;     // a list may go on after a blank line
};

}  // namespace lemma::markdown
