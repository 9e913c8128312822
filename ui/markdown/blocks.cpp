#include "ui/markdown/blocks.h"

#include <md4c.h>

#include <algorithm>
#include <array>
#include <utility>

namespace lemma::markdown {
namespace {

struct Entity {
  std::string_view name;
  uint32_t code;
};

// The named entities that models write. Any other is left as it stands.
constexpr std::array kEntities = {
    Entity{"amp", '&'},      Entity{"lt", '<'},        Entity{"gt", '>'},        Entity{"quot", '"'},
    Entity{"apos", '\''},    Entity{"nbsp", 0xA0},     Entity{"copy", 0xA9},     Entity{"reg", 0xAE},
    Entity{"deg", 0xB0},     Entity{"plusmn", 0xB1},   Entity{"sup2", 0xB2},     Entity{"sup3", 0xB3},
    Entity{"micro", 0xB5},   Entity{"middot", 0xB7},   Entity{"frac12", 0xBD},   Entity{"times", 0xD7},
    Entity{"divide", 0xF7},  Entity{"auml", 0xE4},     Entity{"Auml", 0xC4},     Entity{"ouml", 0xF6},
    Entity{"Ouml", 0xD6},    Entity{"uuml", 0xFC},     Entity{"Uuml", 0xDC},     Entity{"szlig", 0xDF},
    Entity{"eacute", 0xE9},  Entity{"egrave", 0xE8},   Entity{"alpha", 0x3B1},   Entity{"beta", 0x3B2},
    Entity{"gamma", 0x3B3},  Entity{"delta", 0x3B4},   Entity{"epsilon", 0x3B5}, Entity{"theta", 0x3B8},
    Entity{"lambda", 0x3BB}, Entity{"mu", 0x3BC},      Entity{"pi", 0x3C0},      Entity{"sigma", 0x3C3},
    Entity{"phi", 0x3C6},    Entity{"omega", 0x3C9},   Entity{"ndash", 0x2013},  Entity{"mdash", 0x2014},
    Entity{"lsquo", 0x2018}, Entity{"rsquo", 0x2019},  Entity{"ldquo", 0x201C},  Entity{"rdquo", 0x201D},
    Entity{"bull", 0x2022},  Entity{"hellip", 0x2026}, Entity{"euro", 0x20AC},   Entity{"trade", 0x2122},
    Entity{"larr", 0x2190},  Entity{"rarr", 0x2192},   Entity{"infin", 0x221E},  Entity{"ne", 0x2260},
    Entity{"le", 0x2264},    Entity{"ge", 0x2265},     Entity{"sum", 0x2211},    Entity{"radic", 0x221A},
};

void putCodePoint(std::string& out, uint32_t c) {
  if (c == 0 || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = 0xFFFD;
  if (c < 0x80) {
    out += char(c);
  } else if (c < 0x800) {
    out += char(0xC0 | (c >> 6));
    out += char(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    out += char(0xE0 | (c >> 12));
    out += char(0x80 | ((c >> 6) & 0x3F));
    out += char(0x80 | (c & 0x3F));
  } else {
    out += char(0xF0 | (c >> 18));
    out += char(0x80 | ((c >> 12) & 0x3F));
    out += char(0x80 | ((c >> 6) & 0x3F));
    out += char(0x80 | (c & 0x3F));
  }
}

// `entity` as written, "&...;".
void putEntity(std::string& out, std::string_view entity) {
  const std::string_view name = entity.size() > 2 ? entity.substr(1, entity.size() - 2) : std::string_view{};
  if (name.size() > 1 && name[0] == '#') {
    const bool hex = name[1] == 'x' || name[1] == 'X';
    uint32_t code = 0;
    for (const char ch : name.substr(hex ? 2 : 1)) {
      const uint32_t digit = ch <= '9' ? uint32_t(ch - '0') : uint32_t((ch | 0x20) - 'a' + 10);
      code = std::min<uint32_t>(code * (hex ? 16 : 10) + digit, 0x110000);
    }
    putCodePoint(out, code);
    return;
  }
  const auto found = std::ranges::find(kEntities, name, &Entity::name);
  if (found == kEntities.end()) {
    out += entity;
  } else {
    putCodePoint(out, found->code);
  }
}

std::string text(const MD_ATTRIBUTE& attribute) {
  std::string out;
  if (attribute.size == 0) return out;
  for (size_t i = 0; attribute.substr_offsets[i] < attribute.size; ++i) {
    const std::string_view piece(attribute.text + attribute.substr_offsets[i],
                                 attribute.substr_offsets[i + 1] - attribute.substr_offsets[i]);
    switch (attribute.substr_types[i]) {
      case MD_TEXT_ENTITY:
        putEntity(out, piece);
        break;
      case MD_TEXT_NULLCHAR:
        putCodePoint(out, 0);
        break;
      default:
        out += piece;
    }
  }
  return out;
}

// Turns md4c's callbacks into blocks. Containers (lists, quotes, items) become depths and markers of their leaves.
class Builder {
 public:
  int enterBlock(MD_BLOCKTYPE type, const void* detail) {
    if (overLimit()) return 1;
    switch (type) {
      case MD_BLOCK_QUOTE:
        flushItemText();
        ++quoteDepth_;
        break;
      case MD_BLOCK_UL:
        flushItemText();
        lists_.push_back({.ordered = false, .tight = static_cast<const MD_BLOCK_UL_DETAIL*>(detail)->is_tight != 0});
        break;
      case MD_BLOCK_OL: {
        flushItemText();
        const auto* list = static_cast<const MD_BLOCK_OL_DETAIL*>(detail);
        lists_.push_back(
            {.ordered = true, .tight = list->is_tight != 0, .next = list->start, .delimiter = list->mark_delimiter});
        break;
      }
      case MD_BLOCK_LI: {
        const auto* item = static_cast<const MD_BLOCK_LI_DETAIL*>(detail);
        // An item whose first child is a list of its own still shows its mark.
        flushMarker();
        List& list = lists_.back();
        marker_ = list.ordered ? std::to_string(list.next++) + list.delimiter : "•";
        if (item->is_task) task_ = item->task_mark == ' ' ? Task::open : Task::done;
        break;
      }
      case MD_BLOCK_HR:
        open(BlockKind::rule);
        close();
        break;
      case MD_BLOCK_H:
        open(BlockKind::heading);
        block_.level = int(static_cast<const MD_BLOCK_H_DETAIL*>(detail)->level);
        break;
      case MD_BLOCK_CODE:
        open(BlockKind::code);
        block_.language = text(static_cast<const MD_BLOCK_CODE_DETAIL*>(detail)->lang);
        break;
      case MD_BLOCK_P:
        open(BlockKind::paragraph);
        break;
      case MD_BLOCK_TABLE:
        open(BlockKind::table);
        block_.table.columns.resize(static_cast<const MD_BLOCK_TABLE_DETAIL*>(detail)->col_count);
        break;
      case MD_BLOCK_TR:
        block_.table.rows.emplace_back();
        break;
      case MD_BLOCK_TH:
      case MD_BLOCK_TD: {
        auto& row = block_.table.rows.back();
        if (row.size() < block_.table.columns.size() && block_.table.rows.size() == 1) {
          block_.table.columns[row.size()] = align(static_cast<const MD_BLOCK_TD_DETAIL*>(detail)->align);
        }
        row.emplace_back();
        ++cells_;
        target_ = &row.back();
        break;
      }
      default:  // document, table head and body; HTML blocks are switched off
        break;
    }
    return 0;
  }

  int leaveBlock(MD_BLOCKTYPE type) {
    switch (type) {
      case MD_BLOCK_QUOTE:
        flushItemText();
        --quoteDepth_;
        break;
      case MD_BLOCK_UL:
      case MD_BLOCK_OL:
        flushItemText();
        lists_.pop_back();
        break;
      case MD_BLOCK_LI:
        flushItemText();
        flushMarker();
        break;
      case MD_BLOCK_CODE:
        if (!block_.body.text.empty() && block_.body.text.back() == '\n') block_.body.text.pop_back();
        close();
        break;
      case MD_BLOCK_TR:
        block_.table.rows.back().resize(block_.table.columns.size());
        break;
      case MD_BLOCK_H:
      case MD_BLOCK_P:
      case MD_BLOCK_TABLE:
        close();
        break;
      default:
        break;
    }
    return overLimit() ? 1 : 0;
  }

  int enterSpan(MD_SPANTYPE type, const void* detail) {
    if (overLimit()) return 1;
    ensureTarget();
    if (type == MD_SPAN_A || type == MD_SPAN_IMG) {
      links_.push_back(int(target_->links.size()));
      target_->links.push_back(text(type == MD_SPAN_A ? static_cast<const MD_SPAN_A_DETAIL*>(detail)->href
                                                      : static_cast<const MD_SPAN_IMG_DETAIL*>(detail)->src));
    }
    // Formulas are not drawn yet: their source stays as it was written, marks included.
    if (type == MD_SPAN_LATEXMATH) put("$");
    if (type == MD_SPAN_LATEXMATH_DISPLAY) put("$$");
    ++styles_[styleIndex(type)];
    return 0;
  }

  int leaveSpan(MD_SPANTYPE type) {
    --styles_[styleIndex(type)];
    if (type == MD_SPAN_LATEXMATH) put("$");
    if (type == MD_SPAN_LATEXMATH_DISPLAY) put("$$");
    if (type == MD_SPAN_A || type == MD_SPAN_IMG) links_.pop_back();
    return overLimit() ? 1 : 0;
  }

  int putText(MD_TEXTTYPE type, std::string_view piece) {
    if (overLimit()) return 1;
    ensureTarget();
    std::string entity;
    switch (type) {
      case MD_TEXT_NULLCHAR:
        put("\xEF\xBF\xBD");
        break;
      case MD_TEXT_BR:
        put("\n");
        break;
      case MD_TEXT_SOFTBR:
        put(" ");
        break;
      case MD_TEXT_ENTITY:
        putEntity(entity, piece);
        put(entity);
        break;
      default:
        put(piece);
    }
    return 0;
  }

  std::vector<Block> take() { return std::move(blocks_); }

 private:
  struct List {
    bool ordered = false, tight = false;
    uint64_t next = 0;
    char delimiter = '.';
  };

  static Align align(MD_ALIGN a) {
    switch (a) {
      case MD_ALIGN_LEFT:
        return Align::left;
      case MD_ALIGN_CENTER:
        return Align::centre;
      case MD_ALIGN_RIGHT:
        return Align::right;
      default:
        return Align::none;
    }
  }

  static size_t styleIndex(MD_SPANTYPE type) {
    switch (type) {
      case MD_SPAN_STRONG:
        return 0;
      case MD_SPAN_EM:
        return 1;
      case MD_SPAN_CODE:
        return 2;
      case MD_SPAN_DEL:
        return 3;
      case MD_SPAN_A:
        return 4;
      case MD_SPAN_IMG:
        return 5;
      default:
        return 6;  // no style of its own
    }
  }

  bool overLimit() { return ++events_ > kMaxEvents || blocks_.size() > kMaxBlocks || cells_ > kMaxCells; }

  void open(BlockKind kind) {
    flushItemText();
    block_ = Block{.kind = kind};
    place();
    target_ = &block_.body;
    isOpen_ = true;
  }

  void place() {
    block_.listDepth = int(std::min(lists_.size(), size_t(kMaxDepth)));
    block_.quoteDepth = std::min(quoteDepth_, kMaxDepth);
    block_.tight = !lists_.empty() && lists_.back().tight;
    block_.marker = std::exchange(marker_, {});
    block_.task = std::exchange(task_, Task::none);
  }

  void close() {
    blocks_.push_back(std::move(block_));
    block_ = {};
    target_ = nullptr;
    isOpen_ = false;
  }

  // The items of a tight list hold text without a paragraph around it.
  void ensureTarget() {
    if (target_) return;
    block_ = Block{};
    place();
    target_ = &block_.body;
    isOpen_ = true;
    itemText_ = true;
  }

  void flushItemText() {
    if (itemText_ && isOpen_) close();
    itemText_ = false;
  }

  void flushMarker() {
    if (marker_.empty()) return;
    block_ = Block{};
    place();
    close();
  }

  void put(std::string_view piece) {
    ensureTarget();
    InlineText& out = *target_;
    const auto begin = uint32_t(out.text.size());
    out.text += piece;
    uint8_t style = 0;
    for (size_t i = 0; i < 6; ++i) style |= uint8_t((styles_[i] > 0) << i);
    if (style == 0 || piece.empty()) return;
    const int link = links_.empty() ? -1 : links_.back();
    const auto end = uint32_t(out.text.size());
    if (!out.runs.empty() && out.runs.back().end == begin && out.runs.back().style == style &&
        out.runs.back().link == link) {
      out.runs.back().end = end;
    } else {
      out.runs.push_back({begin, end, style, link});
    }
  }

  std::vector<Block> blocks_;
  Block block_;
  InlineText* target_ = nullptr;
  bool isOpen_ = false, itemText_ = false;
  std::vector<List> lists_;
  std::string marker_;
  Task task_ = Task::none;
  int quoteDepth_ = 0;
  std::array<int, 7> styles_{};
  std::vector<int> links_;
  size_t events_ = 0, cells_ = 0;
};

// What is over a limit: paragraphs of the text as it stands, cut at blank lines and at 4 KiB, so that each can be
// laid out alone.
std::vector<Block> asPlain(std::string_view source) {
  constexpr size_t kPiece = 4096;
  std::vector<Block> out;
  while (!source.empty()) {
    size_t cut = std::min(source.size(), kPiece);
    if (const size_t blank = source.substr(0, cut).find("\n\n"); blank != source.npos) {
      cut = blank + 2;
    } else if (cut < source.size()) {
      while (cut > 1 && (uint8_t(source[cut]) & 0xC0) == 0x80 && cut > kPiece - 4) --cut;
    }
    Block block;
    block.body.text = source.substr(0, cut);
    while (!block.body.text.empty() && block.body.text.back() == '\n') block.body.text.pop_back();
    if (!block.body.text.empty()) out.push_back(std::move(block));
    source.remove_prefix(cut);
  }
  return out;
}

Builder& builder(void* user) { return *static_cast<Builder*>(user); }

}  // namespace

std::vector<Block> parse(std::string_view source) {
  if (source.size() > kMaxParseBytes) return asPlain(source);
  // Bare addresses are looked for in quadratic time when the text is made for it.
  const unsigned autolinks =
      source.size() > kMaxAutolinkBytes ? 0 : MD_FLAG_PERMISSIVEURLAUTOLINKS | MD_FLAG_PERMISSIVEWWWAUTOLINKS;
  const MD_PARSER parser = {
      .abi_version = 0,
      .flags = MD_FLAG_NOHTML | MD_FLAG_TABLES | MD_FLAG_STRIKETHROUGH | MD_FLAG_TASKLISTS | MD_FLAG_LATEXMATHSPANS |
               autolinks,
      .enter_block = [](MD_BLOCKTYPE type, void* detail, void* user) { return builder(user).enterBlock(type, detail); },
      .leave_block = [](MD_BLOCKTYPE type, void*, void* user) { return builder(user).leaveBlock(type); },
      .enter_span = [](MD_SPANTYPE type, void* detail, void* user) { return builder(user).enterSpan(type, detail); },
      .leave_span = [](MD_SPANTYPE type, void*, void* user) { return builder(user).leaveSpan(type); },
      .text =
          [](MD_TEXTTYPE type, const MD_CHAR* text, MD_SIZE size, void* user) {
            return builder(user).putText(type, {text, size});
          },
      .debug_log = nullptr,
      .syntax = nullptr,
  };
  Builder b;
  if (md_parse(source.data(), MD_SIZE(source.size()), &parser, &b) != 0) return asPlain(source);
  return b.take();
}

std::string plainText(const Block& block) {
  if (block.kind != BlockKind::table) return block.body.text;
  std::string out;
  for (const auto& row : block.table.rows) {
    if (!out.empty()) out += '\n';
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) out += '\t';
      out += row[i].text;
    }
  }
  return out;
}

}  // namespace lemma::markdown
