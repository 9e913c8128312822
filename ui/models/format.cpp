#include "ui/models/format.h"

#include <QCoreApplication>
#include <QLocale>
#include <QStringList>

namespace lemma::ui {
namespace {

struct Words {
  Q_DECLARE_TR_FUNCTIONS(Words)
};

QString number(double value, int decimals) { return QLocale().toString(value, 'f', decimals); }

}  // namespace

QString formatDuration(qint64 ms) {
  if (ms < 60'000) return Words::tr("%1 s").arg(number(double(ms) / 1000, 1));
  const qint64 seconds = ms / 1000;
  return Words::tr("%1 min %2 s").arg(seconds / 60).arg(seconds % 60);
}

QString formatBytes(qint64 bytes) {
  if (bytes < 1'000'000'000) return Words::tr("%1 MB").arg(number(double(bytes) / 1e6, 0));
  return Words::tr("%1 GB").arg(number(double(bytes) / 1e9, 1));
}

QString formatTokens(int tokens) { return Words::tr("%n token(s)", nullptr, tokens); }

QString formatShort(int count) {
  if (count < 1000) return QLocale().toString(count);
  const double thousands = count / 1000.0;
  return Words::tr("%1k").arg(number(thousands, thousands < 10 ? 1 : 0));
}

QString formatSpeed(const AnswerStats& stats) {
  QStringList figures;
  if (stats.tokensPerSecond > 0) figures << Words::tr("%1 tok/s").arg(number(stats.tokensPerSecond, 1));
  if (stats.firstTokenMs > 0) figures << Words::tr("first token %1 s").arg(number(stats.firstTokenMs / 1000, 1));
  const int tokens = stats.answerTokens + stats.thinkTokens;
  if (tokens > 0) figures << formatTokens(tokens);
  return figures.join(QStringLiteral(" · "));
}

QString explainSpeed(const AnswerStats& stats) {
  QStringList lines;
  if (stats.tokensPerSecond > 0) {
    lines << Words::tr("Generated %1 tokens a second, measured over thought and answer.")
                 .arg(number(stats.tokensPerSecond, 1));
  }
  if (stats.firstTokenMs > 0) {
    lines << Words::tr("%1 s from sending to the first token.").arg(number(stats.firstTokenMs / 1000, 2));
  }
  if (stats.promptTokens > 0) {
    lines << Words::tr("The prompt had %1 tokens; %2 of them were still in the cache.")
                 .arg(stats.promptTokens)
                 .arg(stats.cachedTokens);
  }
  if (stats.promptTokensPerSecond > 0) {
    lines << Words::tr("Read the prompt at %1 tokens a second.").arg(number(stats.promptTokensPerSecond, 0));
  }
  lines << Words::tr("Thought: %1 tokens. Answer: %2 tokens.").arg(stats.thinkTokens).arg(stats.answerTokens);
  lines << Words::tr("Measured on this machine while the answer was written.");
  return lines.join(QLatin1Char('\n'));
}

QString effortName(const Effort& effort) {
  switch (effort.level) {
    case Effort::Level::Off:
      return Words::tr("Off");
    case Effort::Level::Low:
      return Words::tr("Low");
    case Effort::Level::Medium:
      return Words::tr("Medium");
    case Effort::Level::High:
      return Words::tr("High");
    case Effort::Level::Max:
      return Words::tr("Max");
    case Effort::Level::Tokens:
      return formatTokens(effort.tokens);
  }
  return {};
}

}  // namespace lemma::ui
