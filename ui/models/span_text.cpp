#include "ui/models/span_text.h"

#include <QUrl>

namespace lemma::ui {
namespace {

QChar drawableUnit(QChar c) {
  switch (c.unicode()) {
    case u'\t':
    case u'\n':
      return c;
    case 0x2028:
    case 0x2029:
      return u'\n';
    case 0xFDD0:  // Qt's marks for the borders of frames inside a document
    case 0xFDD1:
    case 0xFFFC:  // stands for an embedded object
      return QChar::ReplacementCharacter;
    default:
      return c.unicode() < 0x20 || c.unicode() == 0x7F ? QChar(u' ') : c;
  }
}

bool isDeceptive(QChar c) {
  const char16_t u = c.unicode();
  return (u >= 0x200B && u <= 0x200F) || (u >= 0x202A && u <= 0x202E) || (u >= 0x2060 && u <= 0x2069) || u == 0xFEFF;
}

QString safeLink(const std::string& target) {
  const QUrl url(QString::fromStdString(target), QUrl::StrictMode);
  const QString scheme = url.scheme();
  const bool allowed = scheme == u"http" || scheme == u"https" || scheme == u"mailto";
  return allowed && url.isValid() ? QString::fromUtf8(url.toEncoded()) : QString();
}

QString fromUtf8(std::string_view text) { return QString::fromUtf8(text.data(), qsizetype(text.size())); }

}  // namespace

QString drawable(QString text) {
  for (QChar& c : text) c = drawableUnit(c);
  return text;
}

QString drawableCode(const QString& text) {
  QString out;
  out.reserve(text.size());
  for (const QChar c : text) {
    if (isDeceptive(c)) {
      out += QStringLiteral("[U+%1]").arg(c.unicode(), 4, 16, QLatin1Char('0')).toUpper();
    } else {
      out += drawableUnit(c);
    }
  }
  return out;
}

SpanText toSpanText(const markdown::InlineText& text) {
  SpanText out;
  size_t at = 0;
  for (const markdown::Run& run : text.runs) {
    const std::string_view source = text.text;
    out.text += drawable(fromUtf8(source.substr(at, run.begin - at)));
    const QString piece = fromUtf8(source.substr(run.begin, run.end - run.begin));
    const QString shown = run.style & markdown::kCode ? drawableCode(piece) : drawable(piece);
    const QString link = run.link < 0 ? QString() : safeLink(text.links[size_t(run.link)]);
    out.spans.push_back({int(out.text.size()), int(shown.size()), run.style, link});
    out.text += shown;
    at = run.end;
  }
  out.text += drawable(fromUtf8(std::string_view(text.text).substr(at)));
  return out;
}

}  // namespace lemma::ui
