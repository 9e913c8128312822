#include "app/log.h"

#include <QString>
#include <QtGlobal>
// spdlog: rotation by size, times and thread safety in a library that is kept.
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace lemma::app {

namespace {

constexpr size_t kFileBytes = 1 << 20;
constexpr size_t kOldFiles = 3;

std::shared_ptr<spdlog::logger> makeLogger(const std::string& path) {
  try {
    return spdlog::rotating_logger_mt("lemma", path, kFileBytes, kOldFiles);
  } catch (const spdlog::spdlog_ex&) {
    return spdlog::stderr_logger_mt("lemma");
  }
}

void takeQtMessage(QtMsgType type, const QMessageLogContext& context, const QString& message) {
  const std::string line = std::string(context.category ? context.category : "qt") + ": " + message.toStdString();
  switch (type) {
    case QtDebugMsg:
    case QtInfoMsg:
      spdlog::info(line);
      break;
    case QtWarningMsg:
      spdlog::warn(line);
      break;
    case QtCriticalMsg:
    case QtFatalMsg:
      spdlog::error(line);
      break;
  }
}

}  // namespace

void startLog(const std::string& path) {
  auto logger = makeLogger(path);
  logger->flush_on(spdlog::level::info);
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  spdlog::set_default_logger(std::move(logger));
  qInstallMessageHandler(takeQtMessage);
}

void logInfo(const std::string& line) { spdlog::info(line); }
void logWarning(const std::string& line) { spdlog::warn(line); }

}  // namespace lemma::app
