// A thought: its tail while it runs, a line when it is done, all of it when the person wants it.
import QtQuick

Item {
    id: root

    required property string content
    required property string tail
    required property string header
    required property string count
    required property bool running
    required property string panel
    signal toggled
    signal copyRequested
    signal answerNowRequested

    readonly property bool open: panel === "open"
    readonly property bool preview: panel === "preview"

    implicitHeight: card.height + 12

    Rectangle {
        id: card

        width: parent.width
        height: Math.ceil(body.visible ? body.y + body.height + 12 : head.height + 8)
        radius: Theme.cardRadius
        color: Theme.card
        border.color: Theme.line
        clip: true

        Behavior on height {
            enabled: !root.running

            NumberAnimation {
                duration: Theme.calm
                easing.type: Easing.OutCubic
            }
        }

        Rectangle {
            anchors.left: parent.left
            y: 9
            width: 3
            height: parent.height - 18
            color: Theme.thinking
        }
        ThinkHeader {
            id: head

            anchors.left: parent.left
            anchors.right: actions.left
            anchors.leftMargin: 18
            anchors.rightMargin: 12
            y: 4
            title: root.header
            count: root.count
            open: root.open
            running: root.running
            onClicked: root.toggled()
        }
        Row {
            id: actions

            anchors.right: parent.right
            anchors.rightMargin: 14
            anchors.verticalCenter: head.verticalCenter
            spacing: 16

            TextAction {
                text: qsTr("Answer now")
                explanation: qsTr("Ends the thought and asks for the answer")
                tint: Theme.thinking
                visible: root.running
                onClicked: root.answerNowRequested()
            }
            TextAction {
                text: qsTr("Copy")
                Accessible.name: qsTr("Copy thought")
                onClicked: root.copyRequested()
            }
        }
        Item {
            id: body

            anchors.left: parent.left
            anchors.right: parent.right
            anchors.leftMargin: 18
            anchors.rightMargin: 16
            y: head.y + head.height + 4
            height: root.open ? full.height : Math.min(64, tail.implicitHeight)
            visible: root.open || root.preview
            clip: root.preview

            PlainLabel {
                id: tail

                anchors.bottom: parent.bottom
                width: parent.width
                visible: root.preview
                text: root.preview ? root.tail : ""
                color: Theme.secondInk
                wrapMode: Text.Wrap
                lineHeight: Theme.answerLineHeight
                Accessible.role: Accessible.StaticText
                Accessible.name: text
            }
            Loader {
                id: full

                width: parent.width
                active: root.open
                sourceComponent: SpanTextView {
                    content: root.content
                    color: Theme.secondInk
                    font.pixelSize: Theme.smallSize
                    lineHeight: Theme.answerLineHeight
                }
            }
        }
    }
}
