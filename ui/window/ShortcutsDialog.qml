// Every action with its key, straight from the registry.
import QtQuick
import Lemma
import QtQuick.Controls.Basic

Dialog {
    id: root

    property ActionRegistry actions

    anchors.centerIn: parent
    width: Math.min(parent ? parent.width - 48 : 440, 440)
    height: Math.min(parent ? parent.height - 48 : 560, 560)
    modal: true
    padding: 20
    title: qsTr("Keyboard shortcuts")
    header: null
    background: Rectangle {
        radius: Theme.bubbleRadius
        color: Theme.background
        border.color: Theme.line
    }
    contentItem: ListView {
        id: list

        clip: true
        model: root.actions
        boundsBehavior: Flickable.StopAtBounds
        Accessible.role: Accessible.List
        Accessible.name: root.title
        ScrollBar.vertical: ThinScrollBar {}
        header: PlainLabel {
            height: 32
            text: root.title
            font.pixelSize: Theme.textSize
            font.weight: Font.DemiBold
        }
        delegate: Item {
            id: row

            required property string text
            required property string keys

            width: ListView.view.width
            height: 30
            Accessible.role: Accessible.ListItem
            Accessible.name: qsTr("%1: %2").arg(text).arg(keys)

            PlainLabel {
                anchors.left: parent.left
                anchors.verticalCenter: parent.verticalCenter
                text: row.text
            }
            PlainLabel {
                anchors.right: parent.right
                anchors.verticalCenter: parent.verticalCenter
                text: row.keys
                color: Theme.secondInk
                font.family: Theme.codeFamily
                font.pixelSize: Theme.tinySize
            }
        }
    }
    onOpened: list.forceActiveFocus(Qt.TabFocusReason)
}
