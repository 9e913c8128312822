// What went wrong with this answer, and what to do next; the technical text behind a click.
import QtQuick

Item {
    id: root

    required property string content
    required property string details
    required property bool builtinFormat
    property bool busy: false
    signal builtinFormatRequested

    implicitHeight: card.height + 12

    Rectangle {
        id: card

        width: parent.width
        height: column.height + (again.visible ? again.height + 12 : 0) + 24
        radius: Theme.cardRadius
        color: Theme.card
        border.color: Theme.bad

        ProblemText {
            id: column

            x: 16
            y: 12
            width: parent.width - 32
            sentence: root.content
            details: root.details
        }
        OutlineButton {
            id: again

            anchors.top: column.bottom
            anchors.topMargin: 12
            anchors.left: column.left
            visible: root.builtinFormat
            enabled: !root.busy
            text: qsTr("Answer with the built-in format")
            Accessible.description: explanation.text
            onClicked: root.builtinFormatRequested()

            Hint {
                id: explanation

                text: qsTr("Asks the same question in a format of Lemma's own, in place of the model's chat template")
                visible: again.hovered || again.visualFocus
            }
        }
    }
}
