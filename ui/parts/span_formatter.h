// Puts text with spans of style into the document of a TextEdit whose textFormat is plain.
// The document holds plain text only; styles are format ranges of its layout, so nothing is ever parsed as markup.
// Owner: the QML item that declares it. UI thread. Text that grows at its end is appended, so a selection lives on.
#pragma once

#include <QtQml/qqmlregistration.h>

#include <QColor>
#include <QObject>
#include <QPointer>
#include <QQuickTextDocument>
#include <QSyntaxHighlighter>

#include "ui/models/span_text.h"

namespace lemma::ui {

class SpanFormatter : public QObject {
  Q_OBJECT
  QML_ELEMENT
  Q_PROPERTY(QQuickTextDocument* document READ document WRITE setDocument NOTIFY documentChanged REQUIRED)
  Q_PROPERTY(QVariant content READ content WRITE setContent NOTIFY contentChanged)         // SpanText or a plain string
  Q_PROPERTY(QString text READ text NOTIFY contentChanged)                                 // what is shown, unstyled
  Q_PROPERTY(qreal lineHeight MEMBER lineHeight_ WRITE setLineHeight NOTIFY looksChanged)  // 1 = the font's own
  Q_PROPERTY(QString codeFamily MEMBER codeFamily_ WRITE setCodeFamily NOTIFY looksChanged)
  Q_PROPERTY(QColor codeBackground MEMBER codeBackground_ WRITE setCodeBackground NOTIFY looksChanged)
  Q_PROPERTY(QColor linkColor MEMBER linkColor_ WRITE setLinkColor NOTIFY looksChanged)

 public:
  explicit SpanFormatter(QObject* parent = nullptr);
  ~SpanFormatter() override;

  QQuickTextDocument* document() const { return quickDocument_; }
  void setDocument(QQuickTextDocument* document);
  QVariant content() const;
  QString text() const { return content_.text; }
  void setContent(const QVariant& content);
  void setLineHeight(qreal height);
  void setCodeFamily(const QString& family);
  void setCodeBackground(const QColor& color);
  void setLinkColor(const QColor& color);

  // The link under a position of the text, empty when there is none.
  Q_INVOKABLE QString linkAt(int position) const;

 signals:
  void documentChanged();
  void contentChanged();
  void looksChanged();

 private:
  class Highlighter;

  void apply(const SpanText& content);
  void restyle();

  QPointer<QQuickTextDocument> quickDocument_;
  QPointer<QSyntaxHighlighter> highlighter_;  // the document owns it, and may be gone first
  SpanText content_;
  QString shown_;  // what the document holds
  qreal lineHeight_ = 1;
  QString codeFamily_;
  QColor codeBackground_, linkColor_;
};

}  // namespace lemma::ui
