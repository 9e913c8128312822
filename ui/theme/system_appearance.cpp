#include "ui/theme/system_appearance.h"

#include <QDBusConnection>
#include <QDBusMessage>
#include <QDBusPendingCallWatcher>
#include <QDBusPendingReply>
#include <QEvent>
#include <QGuiApplication>
#include <QPalette>

namespace lemma::ui {
namespace {

const QString kService = QStringLiteral("org.freedesktop.portal.Desktop");
const QString kPath = QStringLiteral("/org/freedesktop/portal/desktop");
const QString kInterface = QStringLiteral("org.freedesktop.portal.Settings");
const QString kAppearance = QStringLiteral("org.freedesktop.appearance");
const QString kGnome = QStringLiteral("org.gnome.desktop.interface");

constexpr uint kPrefersDark = 1, kPrefersLight = 2;

// Read() wraps its answer in one variant more than it should; ReadOne() is too new to count on.
QVariant unwrapped(QVariant value) {
  while (value.userType() == qMetaTypeId<QDBusVariant>()) value = value.value<QDBusVariant>().variant();
  return value;
}

}  // namespace

SystemAppearance::SystemAppearance(QObject* parent) : AppearancePort(parent) {
  followPalette();
  qGuiApp->installEventFilter(this);
  QDBusConnection bus = QDBusConnection::sessionBus();
  if (!bus.isConnected()) return;
  // The slot takes the message: one with the three arguments is not connected by Qt 6.4.
  if (!bus.connect(kService, kPath, kInterface, QStringLiteral("SettingChanged"), QStringLiteral("ssv"), this,
                   SLOT(settingChanged(QDBusMessage)))) {
    qWarning("The desktop's settings are not followed while the program runs.");
  }
  ask(kAppearance, QStringLiteral("color-scheme"));
  ask(kAppearance, QStringLiteral("contrast"));
  ask(kAppearance, QStringLiteral("reduced-motion"));
  ask(kGnome, QStringLiteral("enable-animations"));
}

void SystemAppearance::ask(const QString& group, const QString& key) {
  QDBusMessage call = QDBusMessage::createMethodCall(kService, kPath, kInterface, QStringLiteral("Read"));
  call << group << key;
  auto* watcher = new QDBusPendingCallWatcher(QDBusConnection::sessionBus().asyncCall(call), this);
  connect(watcher, &QDBusPendingCallWatcher::finished, this, [this, group, key, watcher] {
    const QDBusPendingReply<QDBusVariant> reply = *watcher;
    if (!reply.isError()) take(group, key, reply.value().variant());
    watcher->deleteLater();
  });
}

void SystemAppearance::settingChanged(const QDBusMessage& message) {
  const QVariantList values = message.arguments();
  if (values.size() == 3) take(values[0].toString(), values[1].toString(), values[2]);
}

void SystemAppearance::take(const QString& group, const QString& key, const QVariant& wrapped) {
  const QVariant value = unwrapped(wrapped);
  if (group == kAppearance && key == u"color-scheme") {
    const uint scheme = value.toUInt();
    portalKnowsScheme_ = scheme == kPrefersDark || scheme == kPrefersLight;
    if (!portalKnowsScheme_) {
      followPalette();
      return;
    }
    dark_ = scheme == kPrefersDark;
  } else if (group == kAppearance && key == u"contrast") {
    highContrast_ = value.toUInt() == 1;
  } else if (group == kAppearance && key == u"reduced-motion") {
    reducedMotion_ = value.toUInt() == 1;
  } else if (group == kGnome && key == u"enable-animations") {
    reducedMotion_ = !value.toBool();
  } else {
    return;
  }
  emit changed();
}

bool SystemAppearance::eventFilter(QObject* watched, QEvent* event) {
  if (event->type() == QEvent::ApplicationPaletteChange) followPalette();
  return AppearancePort::eventFilter(watched, event);
}

void SystemAppearance::followPalette() {
  if (portalKnowsScheme_) return;
  const QPalette palette = QGuiApplication::palette();
  dark_ = palette.color(QPalette::Window).lightness() < palette.color(QPalette::WindowText).lightness();
  emit changed();
}

}  // namespace lemma::ui
