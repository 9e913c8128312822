// A link of an answer leads out of the program: it is shown in full before anything is opened.
import QtQuick
import QtQuick.Controls.Basic

Dialog {
    id: root

    property string link
    signal copyRequested

    anchors.centerIn: parent
    width: Math.min(parent ? parent.width - 48 : 480, 480)
    modal: true
    padding: 20
    title: qsTr("Open this address in the browser?")
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
            font.pixelSize: Theme.textSize
            font.weight: Font.DemiBold
            wrapMode: Text.Wrap
        }
        PlainLabel {
            width: parent.width
            text: root.link
            color: Theme.secondInk
            font.family: Theme.codeFamily
            font.pixelSize: Theme.tinySize
            wrapMode: Text.WrapAnywhere
            maximumLineCount: 8
            elide: Text.ElideRight
        }
        Row {
            spacing: 8

            OutlineButton {
                id: first

                text: qsTr("Open")
                primary: true
                focus: true
                onClicked: {
                    Qt.openUrlExternally(root.link);
                    root.close();
                }
            }
            OutlineButton {
                text: qsTr("Copy the address")
                onClicked: {
                    root.copyRequested();
                    root.close();
                }
            }
            OutlineButton {
                text: qsTr("Cancel")
                onClicked: root.close()
            }
        }
    }
    onOpened: first.forceActiveFocus(Qt.TabFocusReason)
}
