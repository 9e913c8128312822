// Text with ranges of style, as QML hands it from a model to the item that draws it. Never markup.
// Owner: ui. A value; offsets are UTF-16 units of `text`.
#pragma once

#include <QList>
#include <QMetaType>
#include <QString>
#include <string_view>

#include "ui/markdown/blocks.h"

namespace lemma::ui {

struct TextSpan {
  int begin = 0, length = 0;
  int style = 0;  // markdown::Style bits
  QString link;   // only http, https and mailto; empty otherwise
  bool operator==(const TextSpan&) const = default;
};

struct SpanText {
  Q_GADGET
  Q_PROPERTY(QString text MEMBER text)

 public:
  QString text;
  QList<TextSpan> spans;
  bool operator==(const SpanText&) const = default;
};

// Line separators, control characters and Qt's own frame marks become what a text layout can draw, one unit for one.
QString drawable(QString text);

// As drawable(), and characters that reorder or hide text become visible: "[U+202E]". For code.
QString drawableCode(const QString& text);

SpanText toSpanText(const markdown::InlineText& text);

}  // namespace lemma::ui
