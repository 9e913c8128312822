// What can be done with an answer, and how fast it came.
import QtQuick

Item {
    id: root

    required property string content
    required property string details
    required property string stateText
    required property int version
    required property int versions
    required property bool canContinue
    required property bool canRegenerate
    property bool busy: false
    signal copyRequested
    signal regenerateRequested
    signal continueRequested
    signal versionRequested(int step)

    implicitHeight: flow.height + 22

    Flow {
        id: flow

        width: parent.width
        spacing: 17

        PlainLabel {
            visible: root.stateText !== ""
            height: 24
            text: root.stateText
            color: Theme.thinking
            font.pixelSize: Theme.tinySize
            verticalAlignment: Text.AlignVCenter
        }
        TextAction {
            visible: root.canContinue
            enabled: !root.busy
            text: qsTr("Continue")
            explanation: qsTr("Goes on from what is here")
            onClicked: root.continueRequested()
        }
        TextAction {
            text: qsTr("Copy answer")
            onClicked: root.copyRequested()
        }
        TextAction {
            visible: root.canRegenerate
            enabled: !root.busy
            text: qsTr("Regenerate")
            explanation: qsTr("A new answer to the same question; this one is kept")
            onClicked: root.regenerateRequested()
        }
        Row {
            visible: root.versions > 1
            spacing: 6

            TextAction {
                text: root.LayoutMirroring.enabled ? "\u2192" : "\u2190"
                enabled: root.version > 1 && !root.busy
                Accessible.name: qsTr("Previous version")
                onClicked: root.versionRequested(-1)
            }
            PlainLabel {
                height: 24
                text: qsTr("%1 of %2").arg(root.version).arg(root.versions)
                color: Theme.secondInk
                font.pixelSize: Theme.tinySize
                verticalAlignment: Text.AlignVCenter
            }
            TextAction {
                text: root.LayoutMirroring.enabled ? "\u2190" : "\u2192"
                enabled: root.version < root.versions && !root.busy
                Accessible.name: qsTr("Next version")
                onClicked: root.versionRequested(1)
            }
        }
        TextAction {
            visible: root.content !== ""
            text: root.content
            explanation: root.details
            Accessible.name: qsTr("Speed: %1").arg(root.content)
            Accessible.role: Accessible.StaticText
        }
    }
}
