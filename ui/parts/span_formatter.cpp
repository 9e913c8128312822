#include "ui/parts/span_formatter.h"

#include <QTextBlockFormat>
#include <QTextCursor>
#include <QTextDocument>
#include <algorithm>

namespace lemma::ui {

// A highlighter sets format ranges on the layout of each text block; the document itself stays plain.
class SpanFormatter::Highlighter : public QSyntaxHighlighter {
 public:
  Highlighter(QTextDocument* document, const SpanFormatter& owner) : QSyntaxHighlighter(document), owner_(owner) {}

 protected:
  void highlightBlock(const QString& text) override {
    const QList<TextSpan>& spans = owner_.content_.spans;
    const int begin = currentBlock().position();
    const int end = begin + int(text.size());
    auto span = std::ranges::lower_bound(spans, begin, std::ranges::less_equal{},
                                         [](const TextSpan& s) { return s.begin + s.length; });
    for (; span != spans.end() && span->begin < end; ++span) {
      const int from = std::max(span->begin, begin);
      const int to = std::min(span->begin + span->length, end);
      setFormat(from - begin, to - from, formatOf(*span));
    }
  }

 private:
  QTextCharFormat formatOf(const TextSpan& span) const {
    QTextCharFormat format;
    if (span.style & markdown::kStrong) format.setFontWeight(QFont::DemiBold);
    if (span.style & markdown::kEmphasis) format.setFontItalic(true);
    if (span.style & markdown::kStrike) format.setFontStrikeOut(true);
    if (span.style & markdown::kCode) {
      format.setFontFamilies({owner_.codeFamily_});
      format.setFontFixedPitch(true);
      format.setBackground(owner_.codeBackground_);
    }
    if (!span.link.isEmpty()) {
      format.setForeground(owner_.linkColor_);
      format.setFontUnderline(true);
    }
    return format;
  }

  const SpanFormatter& owner_;
};

SpanFormatter::SpanFormatter(QObject* parent) : QObject(parent) {}

SpanFormatter::~SpanFormatter() { delete highlighter_.data(); }

void SpanFormatter::setDocument(QQuickTextDocument* document) {
  if (quickDocument_ == document) return;
  quickDocument_ = document;
  delete highlighter_.data();
  shown_.clear();
  if (document && document->textDocument()) {
    document->textDocument()->setUndoRedoEnabled(false);
    restyle();
    apply(content_);
  }
  emit documentChanged();
}

QVariant SpanFormatter::content() const { return QVariant::fromValue(content_); }

void SpanFormatter::setContent(const QVariant& content) {
  const SpanText next = content.canConvert<SpanText>() ? content.value<SpanText>() : SpanText{content.toString(), {}};
  if (next == content_) return;
  apply(next);
  emit contentChanged();
}

void SpanFormatter::apply(const SpanText& content) {
  const bool spansDiffer = content.spans != content_.spans;
  content_ = content;
  QTextDocument* document = quickDocument_ ? quickDocument_->textDocument() : nullptr;
  if (!document) return;
  if (!content_.spans.isEmpty() && !highlighter_) highlighter_ = new Highlighter(document, *this);

  const QString& text = content_.text;
  const auto [was, now] = std::ranges::mismatch(shown_, text);
  qsizetype same = now - text.begin();
  if (same > 0 && text[same - 1].isHighSurrogate()) --same;
  if (same != shown_.size() || same != text.size()) {
    QTextCursor cursor(document);
    cursor.beginEditBlock();
    cursor.setPosition(int(same));
    cursor.movePosition(QTextCursor::End, QTextCursor::KeepAnchor);
    cursor.insertText(text.mid(same));
    cursor.endEditBlock();
    shown_ = text;
  }
  if (spansDiffer && highlighter_) highlighter_->rehighlight();
}

void SpanFormatter::restyle() {
  QTextDocument* document = quickDocument_ ? quickDocument_->textDocument() : nullptr;
  if (!document) return;
  QTextBlockFormat block;
  if (lineHeight_ != 1) block.setLineHeight(lineHeight_ * 100, QTextBlockFormat::ProportionalHeight);
  QTextCursor cursor(document);
  cursor.select(QTextCursor::Document);
  cursor.mergeBlockFormat(block);
  if (highlighter_) highlighter_->rehighlight();
}

void SpanFormatter::setLineHeight(qreal height) {
  if (lineHeight_ == height) return;
  lineHeight_ = height;
  restyle();
  emit looksChanged();
}

void SpanFormatter::setCodeFamily(const QString& family) {
  if (codeFamily_ == family) return;
  codeFamily_ = family;
  restyle();
  emit looksChanged();
}

void SpanFormatter::setCodeBackground(const QColor& color) {
  if (codeBackground_ == color) return;
  codeBackground_ = color;
  restyle();
  emit looksChanged();
}

void SpanFormatter::setLinkColor(const QColor& color) {
  if (linkColor_ == color) return;
  linkColor_ = color;
  restyle();
  emit looksChanged();
}

QString SpanFormatter::linkAt(int position) const {
  for (const TextSpan& span : content_.spans) {
    if (position >= span.begin && position < span.begin + span.length) return span.link;
  }
  return {};
}

}  // namespace lemma::ui
