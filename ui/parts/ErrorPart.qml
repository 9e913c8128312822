// What went wrong with this answer, and what to do next; the technical text behind a click.
import QtQuick

Item {
    id: root

    required property string content
    required property string details

    implicitHeight: card.height + 12

    Rectangle {
        id: card

        width: parent.width
        height: column.height + 24
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
    }
}
