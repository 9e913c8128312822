import QtQuick
import QtQuick.Controls.Basic

AbstractButton {
    id: root

    property string title
    property string count
    property bool open: false
    property bool running: false

    implicitHeight: 32
    focusPolicy: Qt.StrongFocus
    Accessible.role: Accessible.Button
    Accessible.name: title
    Accessible.description: open ? qsTr("Thought, shown in full") : qsTr("Thought, folded")
    Accessible.checkable: true
    Accessible.checked: open
    // A checkable item is toggled by a screen reader through its property; here the panel's owner decides.
    Accessible.onPressAction: clicked()
    Accessible.onToggleAction: clicked()
    Keys.onReturnPressed: clicked()
    Keys.onEnterPressed: clicked()

    contentItem: Item {
        Row {
            anchors.verticalCenter: parent.verticalCenter
            anchors.left: parent.left
            spacing: 5

            Chevron {
                anchors.verticalCenter: parent.verticalCenter
                open: root.open
                color: Theme.thinking
            }
            PlainLabel {
                text: root.title
                color: Theme.thinking
                font.weight: Font.DemiBold
            }
            PlainLabel {
                visible: root.count !== ""
                text: "\u00B7 " + root.count
                color: Theme.secondInk
            }
        }
    }
    background: Item {
        FocusRing {
            anchors.margins: 2
            anchors.leftMargin: -6
            shown: root.visualFocus
            radius: Theme.rowRadius
        }
    }
}
