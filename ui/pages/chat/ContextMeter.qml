import QtQuick
import QtQuick.Controls.Basic

AbstractButton {
    id: root

    property string explanation
    property real fraction: 0

    implicitWidth: label.implicitWidth
    implicitHeight: 28
    focusPolicy: Qt.StrongFocus
    Accessible.role: Accessible.StaticText
    Accessible.name: text
    Accessible.description: explanation

    contentItem: Item {
        PlainLabel {
            id: label

            anchors.verticalCenter: parent.verticalCenter
            text: root.text
            color: root.fraction > 0.9 ? Theme.thinking : Theme.secondInk
            font.pixelSize: Theme.tinySize
        }
        Rectangle {
            anchors.left: parent.left
            anchors.bottom: parent.bottom
            width: parent.width
            height: 2
            radius: 1
            color: Theme.line

            Rectangle {
                anchors.left: parent.left
                width: parent.width * root.fraction
                height: 2
                radius: 1
                color: label.color
            }
        }
    }
    background: Item {
        FocusRing {
            shown: root.visualFocus
            radius: Theme.rowRadius
        }
    }

    Hint {
        text: root.explanation
        width: 320
        visible: root.hovered || root.visualFocus
    }
}
