// The one round action of the composer: send, or stop.
import QtQuick
import QtQuick.Controls.Basic

AbstractButton {
    id: root

    property bool square: false

    implicitWidth: 34
    implicitHeight: 34
    focusPolicy: Qt.StrongFocus
    Accessible.role: Accessible.Button
    Accessible.name: text
    Keys.onReturnPressed: clicked()
    Keys.onEnterPressed: clicked()

    contentItem: Item {
        PlainLabel {
            anchors.centerIn: parent
            visible: !root.square
            text: "\u2191"
            color: Theme.accentInk
            font.pixelSize: 18
            font.weight: Font.Bold
            Accessible.ignored: true
        }
        Rectangle {
            anchors.centerIn: parent
            visible: root.square
            width: 11
            height: 11
            radius: 2
            color: Theme.accentInk
        }
    }
    background: Rectangle {
        radius: height / 2
        color: Theme.accent
        opacity: root.enabled ? 1 : 0.35

        FocusRing {
            shown: root.visualFocus
            radius: height / 2
        }
    }

    Hint {
        text: root.text
        visible: root.hovered || root.visualFocus
    }
}
