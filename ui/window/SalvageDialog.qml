// The store of conversations was damaged: what came of it, and where the damaged file lies.
import QtQuick
import QtQuick.Controls.Basic

Dialog {
    id: root

    property string what
    property string keptFile
    signal copyRequested

    anchors.centerIn: parent
    width: Math.min(parent ? parent.width - 48 : 480, 480)
    modal: true
    padding: 20
    title: qsTr("Your conversations were repaired")
    header: null
    background: Rectangle {
        radius: Theme.bubbleRadius
        color: Theme.background
        border.color: Theme.line
    }
    contentItem: Column {
        spacing: 12

        PlainLabel {
            width: parent.width
            text: root.title
            Accessible.role: Accessible.StaticText
            Accessible.name: text
            font.pixelSize: Theme.textSize
            font.weight: Font.DemiBold
            wrapMode: Text.Wrap
        }
        PlainLabel {
            width: parent.width
            text: root.what
            Accessible.role: Accessible.StaticText
            Accessible.name: text
            wrapMode: Text.Wrap
        }
        PlainLabel {
            width: parent.width
            text: root.keptFile
            Accessible.role: Accessible.StaticText
            Accessible.name: text
            color: Theme.secondInk
            font.family: Theme.codeFamily
            font.pixelSize: Theme.tinySize
            wrapMode: Text.WrapAnywhere
        }
        Row {
            spacing: 8

            OutlineButton {
                id: first

                text: qsTr("OK")
                primary: true
                focus: true
                onClicked: root.close()
            }
            OutlineButton {
                text: qsTr("Copy the file's name")
                onClicked: root.copyRequested()
            }
        }
    }
    onOpened: first.forceActiveFocus(Qt.TabFocusReason)
}
