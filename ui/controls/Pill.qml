// A round-ended button that opens a menu: what is chosen, and a small triangle.
import QtQuick
import QtQuick.Controls.Basic

AbstractButton {
    id: root

    property string explanation

    implicitHeight: 28
    implicitWidth: Math.min(row.implicitWidth + 24, 260)
    leftPadding: 12
    rightPadding: 12
    focusPolicy: Qt.StrongFocus
    Accessible.role: Accessible.ButtonMenu
    Accessible.name: text
    Accessible.description: explanation
    Keys.onReturnPressed: clicked()
    Keys.onEnterPressed: clicked()
    Keys.onDownPressed: clicked()

    contentItem: Item {
        implicitWidth: row.implicitWidth

        Row {
            id: row

            anchors.centerIn: parent
            spacing: 5

            PlainLabel {
                anchors.verticalCenter: parent.verticalCenter
                width: Math.min(implicitWidth, 218)
                text: root.text
                elide: Text.ElideRight
                font.pixelSize: Theme.tinySize
            }
            Chevron {
                anchors.verticalCenter: parent.verticalCenter
                open: true
            }
        }
    }
    background: Rectangle {
        radius: height / 2
        color: root.hovered ? Theme.hovered : "transparent"
        border.color: Theme.line

        FocusRing {
            shown: root.visualFocus
            radius: height / 2
        }
    }

    Hint {
        text: root.explanation
        visible: root.explanation !== "" && (root.hovered || root.visualFocus)
    }
}
