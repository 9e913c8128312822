import QtQuick

Column {
    id: root

    property string sentence
    property string details

    spacing: 6

    Row {
        width: parent.width
        spacing: 8

        PlainLabel {
            id: sign

            text: "\u2717"
            color: Theme.bad
            font.pixelSize: Theme.textSize
            Accessible.ignored: true
        }
        PlainLabel {
            width: parent.width - sign.width - 8
            text: root.sentence
            wrapMode: Text.Wrap
            font.pixelSize: Theme.textSize
            Accessible.role: Accessible.AlertMessage
            Accessible.name: text
        }
    }
    TextAction {
        id: more

        visible: root.details !== ""
        checkable: true
        text: checked ? qsTr("Hide details") : qsTr("Details")
    }
    SpanTextView {
        width: parent.width
        visible: more.checked
        content: more.checked ? root.details : ""
        color: Theme.secondInk
        font.family: Theme.codeFamily
        font.pixelSize: Theme.tinySize
    }
}
