import QtQuick
import QtQuick.Controls.Basic

Button {
    id: root

    property bool primary: false

    implicitHeight: 28
    leftPadding: 12
    rightPadding: 12
    focusPolicy: Qt.StrongFocus
    Accessible.role: Accessible.Button
    Accessible.name: text
    Keys.onReturnPressed: clicked()
    Keys.onEnterPressed: clicked()

    contentItem: PlainLabel {
        text: root.text
        color: root.primary ? Theme.accentInk : Theme.ink
        opacity: root.enabled ? 1 : 0.5
        horizontalAlignment: Text.AlignHCenter
        verticalAlignment: Text.AlignVCenter
    }
    background: Rectangle {
        radius: Theme.rowRadius
        color: root.primary ? Theme.accent : root.hovered ? Theme.hovered : Theme.background
        border.color: root.primary ? Theme.accent : Theme.line

        FocusRing {
            shown: root.visualFocus
            radius: Theme.rowRadius + 3
        }
    }
}
