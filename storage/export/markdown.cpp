#include "storage/export/markdown.h"

#include <algorithm>
#include <cctype>
#include <vector>

#include "storage/snapshot.h"

namespace lemma::storage {
namespace {

std::vector<std::string_view> linesOf(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    out.push_back(line);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  }
  while (!out.empty() && out.back().find_first_not_of(" \t") == std::string_view::npos) out.pop_back();
  return out;
}

// A code fence as CommonMark, section 4.5, has it: at least three of one mark, at most three blanks before them.
struct Fence {
  char mark = 0;  // nothing: none
  size_t length = 0;
  std::string_view behind;
};

Fence fenceOf(std::string_view line) {
  const size_t at = line.find_first_not_of(' ');
  if (at == std::string_view::npos || at > 3 || (line[at] != '`' && line[at] != '~')) return {};
  const size_t end = std::min(line.find_first_not_of(line[at], at), line.size());
  if (end - at < 3) return {};
  return {line[at], end - at, line.substr(end)};
}

// Which fence stands open behind each line.
class FenceReader {
 public:
  bool isOpen() const { return open_.mark != 0; }
  std::string end() const { return std::string(open_.length, open_.mark); }

  // True: the line is code or a fence.
  bool read(std::string_view line) {
    const Fence fence = fenceOf(line);
    if (!isOpen()) {
      if (!fence.mark || (fence.mark == '`' && fence.behind.find('`') != std::string_view::npos)) return false;
      open_ = fence;
      return true;
    }
    if (fence.mark == open_.mark && fence.length >= open_.length &&
        fence.behind.find_first_not_of(" \t") == std::string_view::npos)
      open_ = {};
    return true;
  }

 private:
  Fence open_;
};

size_t endOfRun(std::string_view line, size_t at) { return std::min(line.find_first_not_of('`', at), line.size()); }

// Where the code span ends that the backticks at `at` begin: behind the next run of the same length. Without one these
// are only marks, and it ends behind them.
size_t endOfCodeSpan(std::string_view line, size_t at) {
  const size_t opened = endOfRun(line, at);
  for (size_t from = line.find('`', opened); from != std::string_view::npos;) {
    const size_t end = endOfRun(line, from);
    if (end - from == opened - at) return end;
    from = line.find('`', end);
  }
  return opened;
}

// No HTML: a `<` outside of code spans that a tag, a comment or a declaration could begin with.
std::string withoutHtml(std::string_view line) {
  std::string out;
  for (size_t i = 0; i < line.size();) {
    if (line[i] == '`') {
      const size_t end = endOfCodeSpan(line, i);
      out += line.substr(i, end - i);
      i = end;
      continue;
    }
    const unsigned char next = i + 1 < line.size() ? static_cast<unsigned char>(line[i + 1]) : 0;
    const bool escaped = i > 0 && line[i - 1] == '\\';
    if (line[i] == '<' && !escaped && (std::isalpha(next) || next == '/' || next == '!' || next == '?')) out += '\\';
    out += line[i++];
  }
  return out;
}

// May a fence stand in a list, a quote or a table, which readers end at different lines? Where it ends depends on more
// than the fences, then.
bool hasInnerFence(std::string_view text) {
  bool inTable = false;
  for (const std::string_view line : linesOf(text)) {
    const size_t at = std::min(line.find("```"), line.find("~~~"));
    if (at != std::string_view::npos && (at > 0 || inTable)) return true;
    const bool blank = line.find_first_not_of(" \t") == std::string_view::npos;
    inTable = !blank && (inTable || line.find('|') != std::string_view::npos);
  }
  return false;
}

// As a quote, at the end of which everything ends that is open in it.
void putQuote(std::string& out, const std::string& text, bool plain) {
  FenceReader fences;
  for (const std::string_view line : linesOf(text)) {
    const bool code = fences.read(line);
    out += "> " + (code ? std::string(line) : withoutHtml(line)) + (plain && !code ? "  \n" : "\n");
  }
  out += '\n';
}

void putText(std::string& out, const std::string& text, bool plain) {
  if (hasInnerFence(text)) {
    putQuote(out, text, plain);
    return;
  }
  FenceReader fences;
  for (std::string_view line : linesOf(text)) {
    const bool wasOpen = fences.isOpen();
    const bool code = fences.read(line);
    // Not every reader takes a fence with a tab behind it for the end.
    if (wasOpen && !fences.isOpen()) line = line.substr(0, line.find_last_not_of(" \t") + 1);
    out += code ? std::string(line) : withoutHtml(line);
    out += plain && !code && !line.empty() ? "  \n" : "\n";
  }
  if (fences.isOpen()) out += fences.end() + '\n';
  out += '\n';
}

// In a fence that is longer than any in it.
void putVerbatim(std::string& out, const std::string& text) {
  size_t length = 3;
  for (const std::string_view line : linesOf(text)) length = std::max(length, fenceOf(line).length + 1);
  const std::string fence(length, '`');
  out += fence + '\n';
  for (const std::string_view line : linesOf(text)) out.append(line) += '\n';
  out += fence + "\n\n";
}

// In one line, with what Markdown would read as marks escaped.
std::string inLine(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      out += ' ';
      continue;
    }
    if (std::string_view("\\`*_[]<>#&~|").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string headingOf(const Message& m, const MarkdownWords& words) {
  switch (m.role) {
    case Role::user:
      return words.question;
    case Role::system:
      return words.system;
    case Role::tool:
      return words.tool;
    case Role::assistant:
      break;
  }
  const auto snapshot = snapshotFromJson(m.snapshot);
  if (!snapshot || snapshot->modelName.empty()) return words.answer;
  return words.answer + " (" + inLine(snapshot->modelName) + ")";
}

void putPart(std::string& out, const Part& p, const MarkdownOptions& options) {
  const MarkdownWords& words = options.words;
  switch (p.kind) {
    case PartKind::text:
    case PartKind::answer:
      putText(out, p.text, p.mime == "text/plain");
      return;
    case PartKind::think:
      if (!options.thoughts) return;
      out += "> **" + words.thought + "**\n>\n";
      putQuote(out, p.text, false);
      return;
    case PartKind::error:
      out += "> **" + words.error + "**\n>\n";
      putQuote(out, p.text, true);
      return;
    case PartKind::attachment:
    case PartKind::tool:
      out += "**" + (p.kind == PartKind::tool ? words.tool : words.attachment) + "** " + inLine(p.mime) + "\n\n";
      putVerbatim(out, p.text);
      return;
  }
}

}  // namespace

std::string toMarkdown(const Thread& thread, const MarkdownOptions& options) {
  const MarkdownWords& words = options.words;
  const std::string title = inLine(thread.conversation.title);
  std::string out = "# " + (title.find_first_not_of(' ') == std::string::npos ? words.untitled : title) + "\n\n";
  for (const Message& m : thread.messages) {
    out += "## " + headingOf(m, words) + "\n\n";
    for (const Part& p : m.parts) putPart(out, p, options);
    if (m.state == MessageState::stopped) out += "*" + words.stopped + "*\n\n";
    if (m.state == MessageState::interrupted) out += "*" + words.interrupted + "*\n\n";
  }
  out.pop_back();
  return out;
}

}  // namespace lemma::storage
