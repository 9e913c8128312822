import QtQuick

PlainLabel {
    property bool open: false

    text: "\u25BC"
    color: Theme.secondInk
    font.pixelSize: 8
    rotation: open ? 0 : (LayoutMirroring.enabled ? 90 : -90)
    Accessible.ignored: true
}
