// The model while it loads, when its file is gone, when it could not or should not be loaded or is used with a remark:
// figures, a sentence, a way on.
import QtQuick
import Lemma

Column {
    id: root

    required property ModelVm model
    signal openModelRequested

    readonly property bool loading: model.state === "loading"
    readonly property bool missing: model.state === "missing"
    readonly property bool failed: model.state === "failed"
    readonly property bool held: model.state === "held"
    readonly property bool remarked: model.state === "ready" && model.problem !== ""
    readonly property bool active: loading || missing || failed || held || remarked

    spacing: 10

    PlainLabel {
        width: parent.width
        visible: root.loading
        text: root.model.loadText
        color: Theme.secondInk
        elide: Text.ElideMiddle
        Accessible.role: Accessible.StaticText
        Accessible.name: text
    }
    Row {
        width: parent.width
        spacing: 12
        visible: root.loading

        ProgressLine {
            anchors.verticalCenter: parent.verticalCenter
            width: parent.width - cancel.width - 12
            fraction: root.model.loadFraction
        }
        TextAction {
            id: cancel

            text: qsTr("Cancel")
            Accessible.name: qsTr("Cancel loading")
            onClicked: root.model.cancelLoading()
        }
    }
    ProblemText {
        width: parent.width
        visible: root.missing || root.failed || root.held || root.remarked
        sentence: root.model.problem
        details: root.model.problemDetails
    }
    Row {
        spacing: 8
        visible: root.missing || root.failed || root.held

        OutlineButton {
            visible: root.failed || root.held
            text: root.held ? qsTr("Load it anyway") : qsTr("Try again")
            onClicked: root.model.retry()
        }
        OutlineButton {
            text: root.missing ? qsTr("Find the file") : qsTr("Open another model file")
            onClicked: root.openModelRequested()
        }
    }
}
