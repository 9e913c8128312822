#include "app/single_instance.h"

#include <QCryptographicHash>
#include <QFile>
#include <QLocalSocket>

#include "app/adapters/translate.h"

namespace lemma::app {

namespace {
constexpr int kRingMs = 2000;
}

SingleInstance::SingleInstance(const Paths& paths, QObject* parent) : QObject(parent), paths_(paths) {
  server_.setSocketOptions(QLocalServer::UserAccessOption);
  connect(&server_, &QLocalServer::newConnection, this, [this] {
    while (QLocalSocket* s = server_.nextPendingConnection()) {
      connect(s, &QLocalSocket::disconnected, s, &QObject::deleteLater);
      s->write("raised\n");
      s->disconnectFromServer();
      emit raiseRequested();
    }
  });
}

// Named after the data folder, so that two folders are two programs; short, because a socket's path holds 107 bytes.
QString SingleInstance::socketPath() const {
  const QByteArray hash =
      QCryptographicHash::hash(QByteArray::fromStdString(paths_.data), QCryptographicHash::Sha256).toHex().left(16);
  return toQt(paths_.runtime) + QStringLiteral("/lemma-") + QString::fromLatin1(hash) + QStringLiteral(".sock");
}

SingleInstance::Outcome SingleInstance::start() {
  const QString socket = socketPath();
  auto lock = storage::InstanceLock::acquire(paths_.lock(), socket.toStdString());
  if (!lock) {
    problem_ = toQt(lock.error().what);
    return Outcome::failed;
  }
  if (!*lock) {
    const auto holder = storage::InstanceLock::holder(paths_.lock());
    return holder && ring(toQt(holder->socket)) ? Outcome::raisedOther : Outcome::otherSilent;
  }
  lock_ = std::move(**lock);
  QFile::remove(socket);   // left by a process that was killed; the lock says that nobody listens there
  server_.listen(socket);  // without it Lemma works, only a second start cannot raise it
  return Outcome::first;
}

bool SingleInstance::ring(const QString& socket) {
  if (socket.isEmpty()) return false;
  QLocalSocket s;
  s.connectToServer(socket);
  return s.waitForConnected(kRingMs) && s.waitForReadyRead(kRingMs);
}

}  // namespace lemma::app
